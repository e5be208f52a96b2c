"""Vectors of a picture's cells: of CLIP's towers with random weights, and of the encoder that ships."""

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder import load_encoder
from resources.models.encoder_patches import patches_of

TEXT = {"context_length": 12, "vocab_size": 100, "width": 16, "heads": 2, "layers": 1}
TRANSFORMER = {"image_size": 48, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16}
RESNET = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8}


def tower(vision: dict) -> torch.nn.Module:
    torch.manual_seed(3)
    return open_clip.CLIP(embed_dim=16, vision_cfg=vision, text_cfg=TEXT).visual.eval().requires_grad_(False)


def test_each_token_of_a_transformer_goes_on_with_its_own_value():
    visual = tower(TRANSFORMER)
    patches = patches_of(visual, (48, 48))
    assert patches is not None
    pixels = torch.randn(2, 3, 48, 48)
    vectors = patches[0](pixels)
    assert vectors.shape == (2, 3, 3, 16)
    # The same by the formula of MaskCLIP: the last attention is its value and output projections alone.
    first, last = visual.transformer.resblocks
    x = first(visual._embeds(pixels))
    width = x.shape[-1]
    value = last.ln_1(x) @ last.attn.in_proj_weight[2 * width :].T + last.attn.in_proj_bias[2 * width :]
    x = x + last.attn.out_proj(value)
    x = x + last.mlp(last.ln_2(x))
    expected = visual.ln_post(x)[:, 1:] @ visual.proj
    torch.testing.assert_close(vectors.reshape(2, 9, 16), expected, atol=1e-5, rtol=1e-4)


def test_cells_of_one_layer_see_their_own_pixels_alone():
    visual = tower(TRANSFORMER | {"layers": 1})
    patches = patches_of(visual, (48, 48))
    assert patches is not None
    pixels = torch.randn(1, 3, 48, 48)
    changed = pixels.clone()
    changed[:, :, 16:32, 32:48] += 1
    differs = (patches[0](pixels) - patches[0](changed)).abs().amax(-1)[0] > 1e-4
    assert differs.nonzero().tolist() == [[1, 2]]


def test_cells_of_a_resnet_go_through_the_value_path():
    visual = tower(RESNET)
    patches = patches_of(visual, (64, 64))
    assert patches is not None
    vectors = patches[0](torch.randn(2, 3, 64, 64))
    assert vectors.shape == (2, 2, 2, 16)
    assert vectors.std() > 0


def test_a_tower_that_attends_to_pool_has_none():
    visual = tower(TRANSFORMER | {"attentional_pool": True, "attn_pooler_heads": 2})
    assert patches_of(visual, (48, 48)) is None


@pytest.mark.full
def test_a_compiled_tower_gives_what_it_gives_uncompiled():
    visual, pixels = tower(TRANSFORMER), torch.randn(1, 3, 48, 48)
    plain, compiled = patches_of(visual, (48, 48)), patches_of(torch.compile(visual), (48, 48))
    assert plain is not None
    assert compiled is not None
    torch.testing.assert_close(compiled[0](pixels), plain[0](pixels))


@pytest.mark.full
def test_mini_tells_cells_apart():
    encoder = load_encoder(EncoderSettings(device="cpu"))
    pixels = np.full((200, 300, 3), 200, np.uint8)
    noise = np.random.default_rng(1).integers(0, 255, (200, 150, 3), np.uint8)
    pixels[:, 150:] = noise
    cells = encoder.encode_patches([Image.fromarray(pixels)])
    assert cells is not None
    assert cells.shape == (1, 14, 14, encoder.dim)
    np.testing.assert_allclose(np.linalg.norm(cells, axis=-1), 1, atol=1e-4)
    left, right = cells[0, 4:10, 2:5].mean((0, 1)), cells[0, 4:10, 9:12].mean((0, 1))
    same = cells[0, 4:10, 2:5] @ left
    assert same.min() > left @ right
