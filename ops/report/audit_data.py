"""What the report shows of audits and of the examples that they reach."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Threshold:
    """A condition of a rule on one column. `bound` is where it lies on a numeric axis, None where it has no place
    there; `labels` are the values of a category that meet it; `alone` is False where the rule has further
    conditions."""

    rule: str
    condition: str
    action: str
    comparison: str
    bound: float | None
    alone: bool
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Histogram:
    """How a column of measures is distributed: `counts` between `edges` (one more than counts) of a numeric column, or
    by `labels` of any other. `clipped` says that the last bin also holds all that is larger. `nulls` have no value.
    `earlier` counts another population between the same edges (or by the same labels); empty where there is none."""

    column: str
    counts: tuple[int, ...]
    nulls: int
    edges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    integer: bool = False
    clipped: bool = False
    thresholds: tuple[Threshold, ...] = ()
    earlier: tuple[int, ...] = ()

    @property
    def only(self) -> str:
        """The one value that the column has, as text; empty where there are several, or rules look at it."""
        if len(self.counts) != 1 or self.thresholds:
            return ""
        return self.labels[0] if self.labels else f"{(self.edges[0] + self.edges[1]) / 2:g}"

    @property
    def rows(self) -> int:
        """Rows of measures, those without a value included."""
        return sum(self.counts) + self.nulls


@dataclass(frozen=True, slots=True)
class AuditFigures:
    """One audit's measures as far as the version stands on them. `abstained` counts rows without any real-valued
    measure; `everything` is False where only findings have rows; `left_out` are columns that are not drawn; `notes` say
    what all rows tell together."""

    name: str
    title: str
    summary: str
    grain: str
    rows: int
    examples: int
    abstained: int
    everything: bool
    identity: str
    histograms: tuple[Histogram, ...] = ()
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A thumbnail (JPEG bytes; empty where the image does not decode) and the size of the image in pixels."""

    jpeg: bytes
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said; `number` counts the answers of a conversation from 0, None for what is no answer."""

    role: str
    text: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a rule spoke against an example, in the words of its verdict."""

    rule: str
    audit: str
    turn: int | None
    value: str
    threshold: str
    detail: str


@dataclass(frozen=True, slots=True)
class ShownExample:
    """An example as the page shows it; `measures` are lines of text by audit."""

    example_id: str
    source_id: str
    drop: str
    dataset: str
    kind: str
    action: str
    weight: float
    pictures: tuple[Picture, ...]
    more_pictures: int
    turns: tuple[Turn, ...]
    more_turns: int
    reasons: tuple[Reason, ...]
    more_reasons: int
    measures: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """A rule of the policy: the examples it spoke against, a few of them, and how many of them should be right (None
    where the rule's audit tells no probability)."""

    rule: str
    audit: str
    condition: str
    action: str
    reason: str
    examples: int
    few_examples: tuple[ShownExample, ...] = ()
    expected_wrong: float | None = None
