"""Making a version's rows: shares of the corpus are judged by tasks, which stage what they make; what comes back are
counts and receipts. Whoever runs it commits.

examples, measures -> staged files of verdicts, curated, curriculum (partition version)
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ops.core.schemas import TableSpec
from ops.core.tasks import Handle, Tasks
from ops.core.version_schemas import CURATED, CURRICULUM, VERDICTS
from ops.decision.curriculum import id_bytes
from ops.decision.difficulty import graded
from ops.decision.mix import Mix, Sums, mixed
from ops.decision.ordering import ordered
from resources.engines.progress import Progress
from resources.gates.mix import Mixing
from resources.lake.shares import Share, View
from resources.lake.staged import StagedFile
from resources.versions.decisions import (
    SOFT_LABEL,
    Grounds,
    added,
    count,
    counted,
    examples_of,
    has_prompts,
    judge,
    members_of,
    visual_ids,
)
from resources.versions.raising import raised

_MOST_RANGES = 128
_FIRST_IDS = 16**4


@dataclass(frozen=True, slots=True)
class Made:
    """The rows of a version, staged: the files of each table, its counts, the verdicts of each delivery, and how many
    ids occur again."""

    files: Sequence[tuple[TableSpec, Sequence[StagedFile]]]
    counts: dict[str, Any]
    judged: Mapping[str, int]
    repeated: int


@dataclass(frozen=True, slots=True)
class _Judged:
    """What came of a share: its staged verdicts and counts of them, whether it has prompts, and what its visual members
    and the others sum up to, where there is a target mix."""

    files: Sequence[StagedFile]
    counts: dict[str, Any]
    deliveries: Mapping[str, int]
    prompts: bool
    sums: tuple[Sums, Sums]


def make(tasks: Tasks, grounds: Grounds, shares: Sequence[Share], number: int, progress: Progress) -> Made:
    """Judge and order the examples of the shares, and stage them as rows of that version.

    The rows do not depend on how the corpus was cut. Raises MissingError where measures that are weighed were not made.
    """
    ranges = min(len(shares), _MOST_RANGES)
    parts = [tasks.parts(2 + ranges, _judge_share, grounds, number, *own, ranges) for own in enumerate(shares)]
    judged: list[_Judged] = _awaited(tasks, [own[0] for own in parts], "Judge examples", progress)
    members = [own[1] for own in parts]
    repeated = [tasks.call(_repeated, *[own[2 + at] for own in parts]) for at in range(ranges)]
    mix = _mix(grounds, judged)
    curated = [
        tasks.call(_stage_curated, grounds, number, at, share, own, mix)
        for at, (share, own) in enumerate(zip(shares, members, strict=True))
    ]
    grades = graded(tasks, members, grounds.weights(prompts=any(own.prompts for own in judged)))
    order = ordered(tasks, members, grades, grounds.curriculum, _stage_piece, grounds, number)
    deliveries = sum((Counter(own.deliveries) for own in judged), Counter[str]())
    counts = added(own.counts for own in judged) | _changed_weights(grounds, mix)
    files = [
        (VERDICTS, [file for own in judged for file in own.files]),
        (CURATED, _joined(_awaited(tasks, curated, "List members", progress))),
        (CURRICULUM, _joined(_awaited(tasks, order, "Order members", progress))),
    ]
    return Made(files, counts, deliveries, sum(tasks.values(repeated)))


def _changed_weights(grounds: Grounds, mix: Mix | None) -> dict[str, Any]:
    """What members count for beside their verdicts' weights, for the log; empty where it is nothing."""
    changed = {} if mix is None else {"mix": asdict(mix)}
    return changed | ({} if grounds.raising is None else {"raised": grounds.raising.raised})


def _awaited(tasks: Tasks, handles: Sequence[Handle], label: str, progress: Progress) -> list[Any]:
    results: list[Any] = []
    with progress.track(label, len(handles)) as advance:
        for result in tasks.values(handles):
            results.append(result)
            advance(1)
    return results


def _joined(files: Sequence[Sequence[StagedFile]]) -> list[StagedFile]:
    return [file for own in files for file in own]


def _judge_share(grounds: Grounds, number: int, at: int, share: Share, ranges: int) -> list[Any]:
    """The receipt, the members, and the ids of the examples by ranges of ids."""
    view = grounds.view(share)
    examples = examples_of(view)
    judged = judge(grounds, view, examples)
    members = members_of(grounds, view, examples, judged)
    if grounds.raising is not None:
        members = raised(members, view, grounds.raising)
    has_mix = grounds.mix.visual_share is not None
    receipt = _Judged(
        files=_stage(grounds, VERDICTS, number, at, judged),
        counts=count(judged),
        deliveries=counted(judged["delivery"]),
        prompts=has_prompts(members),
        sums=_mixing(grounds, view, members).sums(members) if has_mix else (Sums(), Sums()),
    )
    ids = np.sort(id_bytes(judged["example_id"]))
    edges = np.array([f"{_FIRST_IDS * n // ranges:04x}" for n in range(1, ranges)], dtype=np.bytes_)
    return [receipt, members, *np.split(ids, np.searchsorted(ids, edges))]


def _repeated(*ids: np.ndarray) -> int:
    """How many of the ids stand among those before them."""
    joined = np.concatenate(ids)
    return len(joined) - len(np.unique(joined))


def _mixing(grounds: Grounds, view: View, members: pa.Table) -> Mixing:
    return Mixing(
        view,
        visual_ids(members),
        deliveries=grounds.deliveries,
        measures=grounds.measures,
        settings=grounds.mix,
        without=grounds.without,
    )


def _mix(grounds: Grounds, judged: Sequence[_Judged]) -> Mix | None:
    """What the target mix makes of the weights; None without one."""
    if grounds.mix.visual_share is None:
        return None
    visual, text = (sum((own.sums[side] for own in judged), Sums()) for side in (0, 1))
    return mixed(visual.mass, text.mass, grounds.mix)


def _stage_curated(
    grounds: Grounds, number: int, at: int, share: Share, members: pa.Table, mix: Mix | None
) -> list[StagedFile]:
    curated = members.select(["delivery", "example_id", "kind", "weight", SOFT_LABEL])
    if mix is not None:
        visual = _mixing(grounds, grounds.view(share), members).visual(members)
        weights = members["weight"].to_numpy() * np.where(visual, mix.visual_factor, mix.text_factor)
        curated = curated.set_column(curated.schema.get_field_index("weight"), "weight", pa.array(weights))
    return _stage(grounds, CURATED, number, at, curated)


def _stage_piece(grounds: Grounds, number: int, piece: int, rows: pa.Table) -> list[StagedFile]:
    return _stage(grounds, CURRICULUM, number, piece, rows)


def _stage(grounds: Grounds, spec: TableSpec, number: int, at: int, rows: pa.Table) -> list[StagedFile]:
    """The rows as files of the version. The names' beginnings keep the files, and so the rows read, in order."""
    numbered = rows.add_column(0, "version", pa.repeat(pa.scalar(number, pa.int64()), rows.num_rows))
    return grounds.lake.stage(spec, numbered, {"version": number}, prefix=f"{at:06d}-")
