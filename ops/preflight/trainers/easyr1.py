"""EasyR1, prompts of RL: a `problem`, which is one text, and its pictures (`RLHFDataset` in verl/utils/dataset.py; it
comes as no package). With `filter_overlong_prompts`, its default, every prompt is written and counted when the file is
loaded, and *left out* where it is longer than `max_prompt_length` (512 unless told otherwise; its example says 2,048).
Whatever fails there stops the run: a file that is missing or broken, placeholders that are more than the pictures.
Fewer are noticed by the model alone, which stops.

Pictures are scaled to `min_pixels` and `max_pixels` (262,144 and 4,194,304: `trainer_min_image_px`,
`trainer_max_image_px` here) before the model's processor sees them, so that small ones are enlarged. A `format_prompt`,
which a run may write around the problem, is not counted. All turns of a prompt are one text, by the export with a line
break between them."""

from ops.preflight.asking import asking, settle_filtered
from ops.preflight.contract import Carries, Family, Forecast, Layout, Row, Sight, Trainer, Turn, UnseeableError
from ops.preflight.layout import crash, failing_picture, places, scaled_between, sight_of
from ops.preflight.limits import Limits


def lay_out(row: Row, limits: Limits, family: Family) -> Layout | Forecast:
    """The prompt as a sequence, or its end."""
    if not row.turns or any(turn.parts is None for turn in row.turns):
        return crash("no_content")
    turns = [_problem(row)]
    if places(turns) != len(row.pictures):
        return crash("placeholder_mismatch", f"{places(turns)} placeholders, {len(row.pictures)} pictures")
    failure = failing_picture(row)
    if failure is not None:
        return failure
    if any(family.image_token in turn.text for turn in turns):
        return crash("model_token", f"{family.image_token} in a text")
    try:
        sights = [_sight(picture.size, limits, family) for picture in row.pictures]
    except UnseeableError as error:
        return crash("image_refused", str(error))
    return asking(row, turns, sights, limits, family)


def _problem(row: Row) -> Turn:
    """All turns as one text."""
    parts: list[str | None] = []
    for turn in row.turns:
        parts += ["\n", *(turn.parts or ())] if parts else turn.parts or ()
    return Turn("user", tuple(parts))


def _sight(size: tuple[int, int], limits: Limits, family: Family) -> Sight:
    return sight_of(scaled_between(size, limits), limits, family.look)


TRAINER = Trainer(
    name="easyr1",
    title="EasyR1",
    version="of July 2026 (b44b311)",
    lay_out=lay_out,
    settle=settle_filtered,
    carries=Carries(kinds=("prompt",), needs_truth=True, one_question=True),
    ignores_tools=True,
    presets={"max_tokens": 512, "trainer_min_image_px": 262_144, "trainer_max_image_px": 4_194_304},
    failures=("crash",),
    reads="prompt",
)
