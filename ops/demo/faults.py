"""The faults that the demo plants, and the record of where it planted them."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import orjson


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault. Audits name it in `Audit.faults`; where it has reason codes (ops.intake.reasons), ingest finds
    it.

    `also` names faults that an example of this kind has by its nature, so that an audit that looks for those is right
    to name it. `either` says that naming the planted example's partner instead settles the fault.
    """

    name: str
    title: str
    reasons: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    either: bool = False


_FAULTS = (
    Fault("wrong_image", "Wrong image"),
    Fault("shifted_join", "Shifted join", also=("wrong_image",)),
    Fault("unreadable_image", "Unreadable image", reasons=("image_missing", "image_undecodable")),
    Fault("placeholder_mismatch", "Placeholder mismatch", reasons=("placeholder_mismatch",)),
    # An answer that is wrong does not belong to the image either.
    Fault("contradictory_judgements", "Contradictory judgements", also=("wrong_image",)),
    Fault("contradictory_answers", "Contradictory answers", also=("wrong_image",)),
    Fault("rejected_as_target", "Rejected answer as target", also=("wrong_image",)),
    # Of two equal rows either may go.
    Fault("duplicated_examples", "Duplicated example", either=True),
    Fault("blind_questions", "Blind questions"),
)
FAULTS = {fault.name: fault for fault in _FAULTS}


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted fault: the row that has it (counted from 0 in its file), and the sound rows that it involves."""

    fault: str
    file: str
    row: int
    source_id: str
    partners: tuple[str, ...]
    detail: str


def write_planted(path: Path, planted: Iterable[Planted]) -> None:
    """Writes the record, one JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(orjson.dumps(asdict(one)) + b"\n" for one in planted))


def read_planted(path: Path) -> list[Planted]:
    """Reads what `write_planted` wrote."""
    planted = [Planted(**orjson.loads(line)) for line in path.read_bytes().splitlines()]
    return [replace(fault, partners=tuple(fault.partners)) for fault in planted]
