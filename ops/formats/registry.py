"""Finds the formats and containers: every module here that defines `FORMAT`, or in `containers` `CONTAINER`."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import cache, wraps

from ops import formats
from ops.core.discovery import declared
from ops.core.json_values import Fields
from ops.formats import containers
from ops.formats.containers.contract import Container, Probe
from ops.formats.contract import Format
from ops.formats.judgements import check_judgements, parsed, set_aside
from ops.formats.video_audio import other_media
from ops.intake.descriptions import Described
from ops.intake.row import Row, RowError


@cache
def all_formats() -> dict[str, Format]:
    """Every format by name, those that win ties first. Their `parse` refuses what no format may let pass: a judgement
    that it does not read, video and sound."""
    return {name: reading(name) for name in _declared()}


def reading(
    name: str, *, named: bool = False, ignored: Iterable[str] = (), described: Described | None = None
) -> Format:
    """The format as a drop's rows are read by it: `named` where the drop's sender named it for the file, so that no
    other format's claim counts; `ignored` fields are plain metadata; `said` is what a trainer's manifest says of the
    file."""
    form = _declared()[name]
    rivals = [other for other in _declared().values() if other is not form and other.judged_by != frozenset()]
    others = [] if named else rivals
    aside = tuple(ignored)

    @wraps(form.parse)
    def parse(record: Fields) -> Row:
        read, kept = _recorded(record, aside, described)
        media = other_media(read)
        if media:
            raise RowError("modality_unsupported", ", ".join(media))
        row = parsed(form, read)
        if row.kind not in form.kinds:
            raise AssertionError(f"{form.name} is declared for {', '.join(form.kinds)} and read a row of {row.kind}")
        check_judgements(row, read, form, others=others, ignored=aside)
        return replace(row, metadata={**row.metadata, **kept}) if kept else row

    def recognise(record: Fields) -> bool:
        return form.recognise(_recorded(record, aside, described)[0])

    return replace(form, recognise=recognise, parse=parse)


def trusting(form: Format) -> Format:
    """The format without that care, for rows that nothing is ever trained on: the questions of an evaluation set, whose
    `label` is the answer."""
    return _declared()[form.name]


def _recorded(record: Fields, ignored: Iterable[str], described: Described | None) -> tuple[Fields, Fields]:
    """The record under the names that the formats know, and what its metadata holds besides."""
    read, kept = set_aside(record, ignored) if ignored else (record, {})
    if described is None:
        return read, kept
    return (read if described.rewrite is None else described.rewrite(read)), {**described.facts, **kept}


@cache
def _declared() -> dict[str, Format]:
    return declared(formats, "FORMAT", order=lambda item: (-item.rank, item.name))


@cache
def all_containers() -> dict[str, Container]:
    """Every container by name, those that are surest of what they see first."""
    return declared(containers, "CONTAINER", order=lambda item: (-item.rank, item.name))


def container_of(probe: Probe) -> Container | None:
    """The container that recognises the head of a file."""
    return next((item for item in all_containers().values() if item.recognise(probe)), None)


def format_of(
    records: Iterable[Fields], *, ignored: Iterable[str] = (), described: Described | None = None
) -> Format | None:
    """The format that most of these records have, so that one strange row at the top of a file decides nothing.
    `ignored` and `said` as in `reading`."""
    votes: Counter[str] = Counter()
    aside = tuple(ignored)
    for raw in records:
        try:
            record = _recorded(raw, aside, described)[0]
        except RowError:
            continue
        winner = next((item.name for item in all_formats().values() if item.recognise(record)), None)
        if winner:
            votes[winner] += 1
    if not votes:
        return None
    most = max(votes.values())
    return next(item for item in all_formats().values() if votes[item.name] == most)
