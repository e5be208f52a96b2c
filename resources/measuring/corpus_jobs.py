"""What was measured of the corpus, and who is at it: of two runs that want the same measures one makes them."""

import time
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

from ops.core.log import Log, Row
from ops.core.measure_schemas import CORPUS_JOBS
from resources.engines.processes import has_ended, process_name
from resources.lake.tables import Lake

LEASE = timedelta(minutes=15)
"""For how long a run takes a job upon itself. It says so again while it is at it; of one that ended on this machine no
other waits for the end."""
_POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class Job:
    """Measures of an audit that are to be made: `family` is their identity but for the deliveries."""

    audit: str
    family: str
    identity: str
    deliveries: Sequence[str]


@dataclass(frozen=True, slots=True)
class Earlier:
    """Measures of the same family that are there, over other deliveries: how many `rows` they are, and the name of what
    the audit knew of the whole corpus."""

    identity: str
    deliveries: Sequence[str]
    rows: int
    knows: str


@contextmanager
def undertaken(lake: Lake, job: Job, is_done: Callable[[], bool], *, poll_s: float = _POLL_S) -> Generator[bool]:
    """Whether this run is to make the measures. While another is at it this one waits; False where they are there."""
    owner = f"{process_name()}:{uuid.uuid4().hex}"
    while not is_done():
        if _begin(lake, job, owner, is_done):
            break
        time.sleep(poll_s)
    else:
        yield False
        return
    ended = Event()
    renewing = Thread(target=_renew, args=(lake, job, owner, ended), daemon=True)
    renewing.start()
    try:
        yield True
    except BaseException:
        _append(lake, job, owner, state="failed")
        raise
    finally:
        ended.set()
        renewing.join()


def record_done(lake: Lake, job: Job, *, rows: int, knows: str, made_from: str) -> None:
    """Says that the measures are there, and what they were made from."""
    _append(lake, job, "", state="done", rows=rows, knows=knows, made_from=made_from)


def record_retired(lake: Lake, job: Job) -> None:
    """Says that the measures are there no more."""
    _append(lake, job, "", state="retired")


def last_states(log: Log) -> list[Row]:
    """Of each job of the log what was last said of it, in the order of the log."""
    last = {(row["audit"], row["identity"]): row for row in log.rows}
    return [row for row in log.rows if last[row["audit"], row["identity"]] is row]


def knowledge_of(lake: Lake, audit: str, identity: str) -> str:
    """The name of what the audit knew of the whole corpus when these measures were made."""
    return (
        Log.of(lake.read(CORPUS_JOBS, where={"identity": identity})).where(audit=audit, state="done").rows[-1]["knows"]
    )


def earlier_measures(lake: Lake, job: Job, rows: Mapping[str, int], *, whole_days: float) -> Earlier | None:
    """Of the family's measures those whose deliveries differ least (in `rows`, of each delivery) from the job's; None
    where there are none, or where none was made of all rows for `whole_days`."""
    jobs = last_states(Log.of(lake.read(CORPUS_JOBS, where={"family": job.family})))
    done = [row for row in jobs if row["state"] == "done"]
    since = datetime.now(UTC) - timedelta(days=whole_days)
    if not any(row["at"] >= since for row in done if not row["made_from"]):
        return None

    def differing(row: Row) -> int:
        return sum(rows.get(delivery, 0) for delivery in set(row["deliveries"]) ^ set(job.deliveries))

    best = min(reversed(done), key=differing)
    return Earlier(best["identity"], best["deliveries"], best["rows"], best["knows"])


def _begin(lake: Lake, job: Job, owner: str, is_done: Callable[[], bool]) -> bool:
    """Takes the job upon this run, unless another is at it or has done it meanwhile."""

    def row(log: Log) -> list[Row]:
        last = log.where(identity=job.identity, audit=job.audit).last
        is_taken = last is not None and last["state"] == "begun" and _is_alive(last)
        return [] if is_taken or is_done() else [_row(job, owner, state="begun")]

    return bool(lake.log(CORPUS_JOBS, row))


def _renew(lake: Lake, job: Job, owner: str, ended: Event) -> None:
    while not ended.wait(LEASE.total_seconds() / 3):
        _append(lake, job, owner, state="begun")


def _append(lake: Lake, job: Job, owner: str, **values: Any) -> None:
    lake.log(CORPUS_JOBS, lambda _: [_row(job, owner, **values)])


def _row(job: Job, owner: str, **values: Any) -> Row:
    now = datetime.now(UTC)
    about = {"audit": job.audit, "family": job.family, "identity": job.identity, "deliveries": list(job.deliveries)}
    return {"at": now, "owner": owner, "until": now + LEASE, **about, **values}


def _is_alive(row: Row) -> bool:
    """Whether the run that began a job may still be at it."""
    return row["until"] > datetime.now(UTC) and not has_ended(row["owner"].rpartition(":")[0])
