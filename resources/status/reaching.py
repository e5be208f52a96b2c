"""Whether the parts of a cluster that the environment and the settings name take connections from this machine."""

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_PATIENCE_S = 3.0
_PORTS = {"http": 80, "https": 443, "postgresql": 5432}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a cluster, what names it, and its address."""

    name: str
    named_by: str
    host: str
    port: int


def parts_of_cluster(spark_master: str, environment: Mapping[str, str] = os.environ) -> Iterator[Part]:
    """The parts that are named; none where a run has all of them on its own machine. ValueError names what says where a
    part is and cannot be read, without its text, which may hold a password."""
    named = {
        ("Ray", "RAY_ADDRESS"): environment.get("RAY_ADDRESS", ""),
        ("Ray's job server", "ASSAY_RAY_JOBS"): environment.get("ASSAY_RAY_JOBS", ""),
        ("Dagster's Postgres", "DAGSTER_POSTGRES_URL"): environment.get("DAGSTER_POSTGRES_URL", ""),
        # Of several masters of Spark's one leads; Spark asks them all.
        ("Spark's master", "spark.master"): spark_master.removeprefix("k8s://").partition(",")[0],
    }
    for (name, named_by), address in named.items():
        place = urlsplit(address if "://" in address else f"//{address}")
        try:
            port = place.port or _PORTS.get(place.scheme)
        except ValueError:
            raise ValueError(f"{named_by} is no address: what stands for its port is no number") from None
        if place.hostname and port:
            yield Part(name, named_by, place.hostname, port)


def why_unreachable(part: Part) -> str:
    """What keeps a connection to the part from being made; empty where it is taken."""
    try:
        socket.create_connection((part.host, part.port), timeout=_PATIENCE_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""
