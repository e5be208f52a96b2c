"""The numbers that decide what a trainer does with a row: of the model, of the trainer, or the user's own."""

import re
from dataclasses import dataclass, fields

from ops.core.errors import UnusableError
from ops.core.json_values import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`preflight` in assay.yaml, or a file of `--limits`. What is left out is the trainer's or the model's own."""

    model: str = "qwen2.5-vl"
    """Family of models, which decides how many tokens a picture becomes, or a name of one of its members."""
    tokenizer: str = ""
    """Path of a tokenizer.json, or of its folder; empty for an estimate."""
    max_tokens: int = 0
    """Length of a sequence (ms-swift max_length, LLaMA-Factory cutoff_len, TRL max_length); 0 for no limit."""
    truncation: str = ""
    """What happens to longer ones, in the trainer's words; empty for its default."""
    on_failure: str = ""
    """What happens to a row that fails: replace, drop or crash, where the trainer has a choice."""
    system: str | None = None
    """System prompt of rows that have none; null for the model's own."""
    min_image_px: int = 0
    """Width times height to which the model's processor enlarges; 0 for the family's."""
    max_image_px: int = 0
    """Width times height to which the model's processor reduces; 0 for the family's."""
    trainer_min_image_px: int = 0
    """Width times height to which the trainer itself enlarges before that (LLaMA-Factory image_min_pixels); 0: none."""
    trainer_max_image_px: int = 0
    """Width times height to which it reduces (LLaMA-Factory image_max_pixels, ms-swift max_pixels); 0 for none."""
    max_images: int = 0
    """Pictures of a row that the model takes; 0 for any number."""
    image_side_px: int = 0
    """Side of a tile or of the whole picture, of models that see squares; 0 for the family's."""
    max_tiles: int = 0
    """Tiles of a picture at most, of models that cut it into tiles; 0 for the family's."""
    tokens_per_image: int = 0
    """Tokens of every picture, whatever its size, in place of the model's formula; 0 for the formula."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is int and value < 0:
                raise UnusableError(f"{field.name} must be 0 or more, but is {value}")
        if self.max_image_px and self.min_image_px > self.max_image_px:
            raise UnusableError(f"min_image_px {self.min_image_px} is above max_image_px {self.max_image_px}")


def checked_values(given: Fields, where: str) -> dict[str, int | str | None]:
    """The given values by field of Limits. UnusableError where a name is unknown or a value of another type."""
    known = {one.name: one for one in fields(Limits)}
    values: dict[str, int | str | None] = {}
    for name, value in given.items():
        if name not in known:
            raise UnusableError(f"{where}: unknown limit {name!r}; known are {', '.join(known)}")
        kind = known[name].type
        is_number = kind is int and not isinstance(value, bool)
        if (is_number and isinstance(value, int)) or (kind is not int and isinstance(value, str)):
            values[name] = value
        elif name == "system" and value is None:
            values[name] = None
        else:
            wanted = "a whole number" if kind is int else "a text"
            raise UnusableError(f"{where}: {name} must be {wanted}, but is {value!r}")
    return values


def family_key(name: str) -> str:
    """A name of a family or of one of its models, as they are compared."""
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")
