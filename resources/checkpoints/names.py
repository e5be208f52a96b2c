"""Where a checkpoint's tensors belong in the baseline's tower: by the tower's own names, behind whatever prefix a
trainer puts before them, or by those that transformers gives a CLIP tower, as LLaVA saves it."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A tensor of the tower, or of a tensor that holds several the `part` of that many `parts` along its first axis;
    `turned` where the checkpoint holds it transposed."""

    name: str
    part: int = 0
    parts: int = 1
    turned: bool = False


#: Names of transformers' CLIPVisionModel, and what they are in open_clip's VisionTransformer.
_BLOCK = re.compile(r"encoder\.layers\.(\d+)\.(.+?)\.(weight|bias)")
_INSIDE = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
_ATTENTION = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
_OUTSIDE = {
    "embeddings.class_embedding": Place("class_embedding"),
    "embeddings.patch_embedding.weight": Place("conv1.weight"),
    "embeddings.position_embedding.weight": Place("positional_embedding"),
    "pre_layrnorm.weight": Place("ln_pre.weight"),
    "pre_layrnorm.bias": Place("ln_pre.bias"),
    "post_layernorm.weight": Place("ln_post.weight"),
    "post_layernorm.bias": Place("ln_post.bias"),
}
_PROJECTION = "visual_projection.weight"
_MARK = "embeddings.class_embedding"


def places(names: Iterable[str], own: Sequence[str]) -> dict[str, Place]:
    """Of the checkpoint's tensors, those of the tower whose own names are `own`, and where each belongs. Empty where
    the names are neither of the two kinds."""
    names, towers = list(names), set(own)
    prefix = common_prefix(names, own)
    if prefix is not None:
        inner = {name: name.removeprefix(prefix) for name in names if name.startswith(prefix)}
        return {name: Place(rest) for name, rest in inner.items() if rest in towers}
    marks = [name for name in names if name == _MARK or name.endswith(f".{_MARK}")]
    if not marks:
        return {}
    prefix = marks[0].removesuffix(_MARK)
    inner = {name: place_in_clip(name.removeprefix(prefix)) for name in names if name.startswith(prefix)}
    turned = {name: Place("proj", turned=True) for name in names if name.endswith(_PROJECTION)}
    return {name: place for name, place in (inner | turned).items() if place and place.name in towers}


def common_prefix(names: Sequence[str], own: Sequence[str]) -> str | None:
    """What stands before most of the tower's own names; None where they are not there."""
    prefixes = Counter(
        name.removesuffix(tail) for tail in own for name in names if name == tail or name.endswith(f".{tail}")
    )
    prefix, count = prefixes.most_common(1)[0] if prefixes else ("", 0)
    return prefix if count > len(own) / 2 else None


def place_in_clip(name: str) -> Place | None:
    """Where a tensor of transformers' CLIP tower belongs in open_clip's."""
    block = _BLOCK.fullmatch(name)
    if not block:
        return _OUTSIDE.get(name)
    number, inside, kind = block.groups()
    if inside in _ATTENTION:
        return Place(f"transformer.resblocks.{number}.attn.in_proj_{kind}", _ATTENTION.index(inside), len(_ATTENTION))
    return Place(f"transformer.resblocks.{number}.{_INSIDE[inside]}.{kind}") if inside in _INSIDE else None


def adapted(name: str, own: Sequence[str]) -> Place | None:
    """The tensor of the tower that one of an adapter's means: the tower's own whose name its name ends in, or the one
    that transformers' name means; None where it is outside the tower."""
    parts = name.split(".")
    for start in range(len(parts)):
        tail = ".".join(parts[start:])
        if tail in own:
            return Place(tail)
        place = place_in_clip(tail)
        if place and place.name in own:
            return place
    return None
