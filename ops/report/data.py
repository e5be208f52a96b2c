"""What a report shows of a version: plain values, filled by resources.report.report, read by the page."""

from dataclasses import dataclass, field
from datetime import datetime

from ops.decision.rule_worth import RuleWorth
from ops.decision.versions import LeftOut
from ops.report.audit_data import AuditFigures, RuleFigures
from ops.report.canary_data import CanaryRow, ChanceRow
from ops.report.model_data import CheckpointRow, RewardRow
from ops.report.removal_data import RemovalRow


@dataclass(frozen=True, slots=True)
class FileFlow:
    """Rows of one file of a delivery; `reasons` counts its quarantined rows."""

    file: str
    rows_in: int
    rows_kept: int
    rows_quarantined: int
    reasons: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DropFlow:
    """One drop of the version: what came in by file, and what became of its examples (`actions`)."""

    drop: str
    delivery: str
    licence: str
    files: tuple[FileFlow, ...]
    actions: dict[str, int]

    def total(self, name: str) -> int:
        """A column of the files, summed."""
        return sum(getattr(file, name) for file in self.files)

    @property
    def reasons(self) -> dict[str, int]:
        """Quarantined rows by reason, the most frequent first."""
        counts: dict[str, int] = {}
        for file in self.files:
            for reason, rows in file.reasons.items():
                counts[reason] = counts.get(reason, 0) + rows
        return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A raw row that was set aside; `raw` is cut short."""

    drop: str
    file: str
    row: int | None
    detail: str
    raw: str


@dataclass(frozen=True, slots=True)
class ModalityRow:
    """A row of the modality statistics, `drop` for its delivery, which was admitted at `arrived`; `modality` is visual,
    blind (it has an image that no answer needs) or text."""

    drop: str
    arrived: datetime
    dataset: str
    kind: str
    modality: str
    examples: int
    turns: int
    loss_tokens: int
    images: int
    image_tokens: int


@dataclass(frozen=True, slots=True)
class ModalitySum:
    """Rows of the modality statistics, summed: those of one drop, or all."""

    name: str
    arrived: datetime | None
    rows: tuple[ModalityRow, ...]

    def total(self, column: str, *modalities: str) -> int:
        """A column, summed over the rows of these modalities; of all where none is named."""
        return sum(getattr(row, column) for row in self.rows if not modalities or row.modality in modalities)

    @property
    def tokens(self) -> int:
        """What a model reads: the tokens it learns from and those of images."""
        return self.total("loss_tokens") + self.total("image_tokens")


@dataclass(frozen=True, slots=True)
class MixPoint:
    """What one mix would cost: shares of 1, and how many times a scarce example counts."""

    visual_share: float
    examples_kept: float
    effective_share: float
    repeats: float


@dataclass(frozen=True, slots=True)
class MixFigures:
    """The mix of a version by what is `counted`: before and after its weights were brought to the target (None: left
    as it was), and the curve of what others would cost."""

    counted: str
    target: float | None
    before: float
    visual_share: float
    repeats: float
    effective_share: float
    curve: tuple[MixPoint, ...]


@dataclass(frozen=True, slots=True)
class RateRow:
    """How many of a drop's and dataset's judgements are contradictory in one way (`kind`, a flag of the audit
    `contradictions`, or `any`), and the 95 % interval of the share."""

    drop: str
    dataset: str
    kind: str
    judged: int
    contradictory: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ForecastRow:
    """What a trainer would do with how many of the version's examples, why (`says`, after "the example"), what to do
    about it, and one of them."""

    trainer: str
    outcome: str
    says: str
    fix: str
    examples: int
    answer_tokens_lost: int
    example_id: str


@dataclass(frozen=True, slots=True)
class LabelFigure:
    """A figure that labels of reviewers told: of a rule, of all faults, of two reviewers (`subject`), with its 95 %
    interval where it has one, and the labelled examples that it is among. `value` is None where no label tells."""

    subject: str
    name: str
    figure: str
    value: float | None
    low: float | None
    high: float | None
    rows: int


@dataclass(frozen=True, slots=True)
class CostRow:
    """What a step took when it last ran, summed over the `runs` of several drops; `examples` are those of the
    version."""

    step: str
    runs: int
    seconds: float
    processor_seconds: float
    examples: int
    embedded: int = 0
    """Images and texts that it embedded."""
    known: int = 0
    """Images and texts that had their vectors from before."""
    gpu_seconds: float = 0.0

    @property
    def hours_per_million(self) -> float:
        """Processor hours for a million examples, if they cost what these did."""
        return self._per_million(self.processor_seconds)

    @property
    def gpu_hours_per_million(self) -> float:
        """GPU hours for a million examples, likewise."""
        return self._per_million(self.gpu_seconds)

    def _per_million(self, seconds: float) -> float:
        return seconds / 3600 * 1e6 / max(1, self.examples)


@dataclass(frozen=True, slots=True)
class GateCheck:
    """One expectation of a gate."""

    figure: str
    part: str
    promised: str
    observed: str
    success: bool


@dataclass(frozen=True, slots=True)
class GateFigures:
    """A gate as it was judged."""

    gate: str
    subject: str
    success: bool
    failures: tuple[str, ...]
    checks: tuple[GateCheck, ...]

    @property
    def clean(self) -> tuple[GateCheck, ...]:
        """The checks that found nothing amiss, as promised."""
        return tuple(check for check in self.checks if check.success and check.promised in ("= 0", "none"))


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the curriculum; `difficulty` is its 10th, 50th and 90th percentile, empty where unknown."""

    number: int
    examples: int
    visual: int
    difficulty: tuple[float, ...]
    datasets: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """Everything on the page of a version."""

    version: int
    state: str
    current: bool
    at: datetime
    parent: int | None
    policy: str
    encoder: str
    code: str
    content: str
    drops: tuple[DropFlow, ...]
    quarantined: dict[str, tuple[Quarantined, ...]]
    datasets: dict[str, dict[str, int]]
    modality: tuple[ModalityRow, ...]
    mix: MixFigures | None
    contradictions: tuple[RateRow, ...]
    """Kinds that occur, and `any`; empty where nothing was judged."""
    audits: tuple[AuditFigures, ...]
    rules: tuple[RuleFigures, ...]
    gates: tuple[GateFigures, ...]
    stages: tuple[Stage, ...]
    advice: dict[str, str]
    """What each quarantine reason means."""
    worths: tuple[RuleWorth, ...] = ()
    """What each rule is worth, those first that alone keep most out or weigh most down."""
    removals: tuple[RemovalRow, ...] = ()
    """Groups by what was removed of them, those first that lost most for certain."""
    left_out: tuple[LeftOut, ...] = ()
    """What the version is made without, rejected drops first."""
    forecasts: tuple[ForecastRow, ...] = ()
    """By trainer, the worst outcomes first; empty where assay.yaml names no trainer."""
    checkpoints: tuple[CheckpointRow, ...] = ()
    labels: tuple[LabelFigure, ...] = ()
    costs: tuple[CostRow, ...] = ()
    canaries: tuple[CanaryRow, ...] = ()
    chances: tuple[ChanceRow, ...] = ()
    rewards: tuple[RewardRow, ...] = ()

    @property
    def actions(self) -> dict[str, int]:
        """Examples by action, over all drops."""
        counts: dict[str, int] = {}
        for drop in self.drops:
            for action, examples in drop.actions.items():
                counts[action] = counts.get(action, 0) + examples
        return counts

    @property
    def modality_sums(self) -> tuple[ModalitySum, ...]:
        """The modality statistics by drop, in the order in which the drops came, and of all."""
        drops: dict[tuple[datetime, str], list[ModalityRow]] = {}
        for row in self.modality:
            drops.setdefault((row.arrived, row.drop), []).append(row)
        sums = [ModalitySum(drop, arrived, tuple(rows)) for (arrived, drop), rows in sorted(drops.items())]
        return (*sums, ModalitySum("all", None, self.modality)) if self.modality else ()

    def total(self, name: str) -> int:
        """A column of all files, summed."""
        return sum(drop.total(name) for drop in self.drops)
