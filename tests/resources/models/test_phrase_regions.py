"""Phrases located on a real Ray and a real lake, with tiny models of random weights."""

import json
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file

from ops.core.identity import image_id, text_id
from ops.core.measure_schemas import REGIONS
from ops.core.vectors import Vectors
from ops.intake.image_checks import decode_rgb
from ops.vision.regions import EVERYDAY, Phrase, RegionTable, found_regions, naming
from resources.config.encoder_settings import EncoderSettings
from resources.engines.progress import SilentProgress
from resources.lake.tables import Lake
from resources.models.encoder import load_encoder
from resources.models.phrase_regions import locate
from tests.support.embedded import add, drawn

VISION = {"image_size": 48, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16}
TEXT = {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}


def saved(folder: Path, **vision: object) -> EncoderSettings:
    """A tiny open_clip model in a folder."""
    torch.manual_seed(3)
    config = {"embed_dim": 16, "vision_cfg": VISION | vision, "text_cfg": TEXT}
    folder.mkdir()
    weights = {name: tensor.contiguous() for name, tensor in open_clip.CLIP(**config).state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    return EncoderSettings(model=f"local-dir:{folder}", device="cpu")


def vectors(things: list[str]) -> Vectors:
    texts = [naming(thing) for thing in (*things, *EVERYDAY)]
    return Vectors.of([text_id(text) for text in texts], np.random.default_rng(2).normal(size=(len(texts), 16)))


def look(lake: Lake, phrases: list[Phrase], texts: Vectors, encoder: EncoderSettings) -> RegionTable:
    return locate(lake, phrases, texts=texts, encoder=encoder, progress=SilentProgress())


@pytest.mark.full
@pytest.mark.usefixtures("ray_session")
def test_each_phrase_is_located_once_as_the_encoder_sees_it(tmp_path: Path):
    lake, encoder = Lake(tmp_path / "lake"), saved(tmp_path / "tiny")
    pictures = [drawn(seed) for seed in range(4)]
    add(lake, "first", pictures, ["a"] * 4)
    phrases = [Phrase(image_id(data), thing) for data in pictures for thing in ("bench", "kite")]
    texts = vectors(["bench", "kite"])
    unknown = Phrase(image_id(pictures[0]), "a thing whose text is not embedded")
    table = look(lake, [*phrases[:5], unknown], texts, encoder)
    assert len(table.keys) == 5
    assert table.get(unknown) is None

    rows = lake.read(REGIONS).num_rows
    table = look(lake, phrases, texts, encoder)
    assert (rows, lake.read(REGIONS).num_rows, len(table.keys)) == (5, 8, 8)
    version = lake.version(REGIONS)
    again = look(lake, phrases, texts, encoder)
    assert (again.keys == table.keys).all()
    assert (again.shares == table.shares).all()
    assert lake.version(REGIONS) == version

    alone = load_encoder(encoder)
    everyday, _ = texts.gather([text_id(naming(thing)) for thing in EVERYDAY])
    for phrase in phrases:
        picture = decode_rgb(next(data for data in pictures if image_id(data) == phrase.image_id))
        cells = alone.encode_patches([picture])
        vector, _ = texts.gather([text_id(phrase.text)])
        (expected,) = found_regions(picture, cells[0], vector, everyday)
        place = table.get(phrase)
        assert place.box == pytest.approx(expected.box)
        assert (place.fit, place.margin) == pytest.approx((expected.fit, expected.margin), abs=1e-3)


@pytest.mark.full
@pytest.mark.usefixtures("ray_session")
def test_an_encoder_without_vectors_of_cells_finds_nothing_and_is_asked_once(tmp_path: Path):
    lake = Lake(tmp_path / "lake")
    encoder = saved(tmp_path / "tiny", attentional_pool=True, attn_pooler_heads=2, attn_pooler_queries=4)
    data = drawn(1)
    add(lake, "first", [data], ["a"])
    phrase, texts = Phrase(image_id(data), "bench"), vectors(["bench"])
    assert look(lake, [phrase], texts, encoder).get(phrase) is None
    version = lake.version(REGIONS)
    assert lake.read(REGIONS).num_rows == 1
    assert look(lake, [phrase], texts, encoder).get(phrase) is None
    assert lake.version(REGIONS) == version


@pytest.mark.full
@pytest.mark.usefixtures("ray_session")
def test_a_lost_image_is_an_error_that_names_it(tmp_path: Path):
    lake, encoder = Lake(tmp_path / "lake"), saved(tmp_path / "tiny")
    add(lake, "first", [drawn(1)], ["a"])
    lost = Phrase(image_id(b"lost"), "bench")
    with pytest.raises(Exception, match=lost.image_id):
        look(lake, [lost], vectors(["bench"]), encoder)
