"""Finds the formats and containers: every module here that defines `FORMAT`, or in `containers` `CONTAINER`."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from ops import formats
from ops.discovery import declared
from ops.formats import containers
from ops.formats.containers.contract import Container, Probe
from ops.formats.contract import Format


@cache
def all_formats() -> dict[str, Format]:
    """Every format by name, those that win ties first."""
    return declared(formats, "FORMAT", order=lambda item: (-item.rank, item.name))


@cache
def all_containers() -> dict[str, Container]:
    """Every container by name, those that are surest of what they see first."""
    return declared(containers, "CONTAINER", order=lambda item: (-item.rank, item.name))


def container_of(probe: Probe) -> Container | None:
    """The container that recognises the head of a file."""
    return next((item for item in all_containers().values() if item.recognise(probe)), None)


def format_of(records: Iterable[Mapping[str, Any]]) -> Format | None:
    """The format that most of these records have, so that one strange row at the top of a file decides nothing."""
    votes: Counter[str] = Counter()
    for record in records:
        winner = next((item.name for item in all_formats().values() if item.recognise(record)), None)
        if winner:
            votes[winner] += 1
    if not votes:
        return None
    most = max(votes.values())
    return next(item for item in all_formats().values() if votes[item.name] == most)
