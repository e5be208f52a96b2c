"""RL prompts of verl: `data_source`, `prompt` (messages, with `<image>` in their texts), `images`, `ability`,
`reward_model` of `style` (rule, model, ...) and `ground_truth`, and `extra_info`. Rollouts may stand in `responses` (or
`rollouts`, `completions`, `generations`) with `rewards` (or `scores`). A ground truth that is no text (a number, a
list) is kept as JSON. NeMo-RL and DAPO read the same rows."""

from ops.core.json_values import Cell, Fields
from ops.formats import fields
from ops.formats.contract import Format
from ops.formats.dialogues import as_messages, images
from ops.formats.rl_prompts import prompt_row
from ops.intake.row import Row, RowError


def _rewarded(record: Fields) -> dict[str, Cell] | None:
    """How answers are rewarded, also where it is written as JSON in a string."""
    value = record.get("reward_model")
    if isinstance(value, str) and not value.lstrip().startswith("{"):
        return None
    return None if value is None else fields.json_object(value, "reward_model")


def _recognise(record: Fields) -> bool:
    try:
        rewarded = _rewarded(record)
    except RowError:
        return False
    return rewarded is not None and "ground_truth" in rewarded and isinstance(record.get("prompt"), list | str)


def _parse(record: Fields) -> Row:
    rewarded = _rewarded(record)
    if rewarded is None:
        raise RowError("field_missing", "reward_model")
    other = {name: value for name, value in rewarded.items() if name not in ("ground_truth", "style") and value}
    return prompt_row(
        record,
        items=as_messages(record, "prompt", "user"),
        images=images(record),
        truth=rewarded.get("ground_truth"),
        style=rewarded.get("style"),
        used=("prompt", "images", "image", "reward_model", "objects"),
        implicit=False,
        extra={"reward_model": other} if other else None,
    )


FORMAT = Format(
    name="verl",
    title="RL prompts (verl)",
    recognise=_recognise,
    parse=_parse,
    kinds=("prompt",),
    judged_by=frozenset(),
    rank=10,
)
