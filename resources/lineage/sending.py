"""Where events go: to a server of OpenLineage (Marquez, DataHub, OpenMetadata ...), or to a file, one a line."""

import os
from pathlib import Path
from typing import Protocol

import requests
from openlineage.client.event_v2 import RunEvent
from openlineage.client.serde import Serde
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider

from ops.core.errors import AssayError

KEY = "ASSAY_LINEAGE_KEY"
_SECONDS = 5.0
_RETRY = {"total": 1, "backoff_factor": 0.3, "status_forcelist": [502, 503, 504], "allowed_methods": ["POST"]}


class LineageError(AssayError, OSError):
    """An event could not be told: says to whom, and why."""


class Listener(Protocol):
    """Takes events. LineageError where one cannot be told."""

    def tell(self, event: RunEvent) -> None: ...


def listener_at(place: str) -> Listener:
    """The one that `operation.lineage` names: an address that begins with http, or a file."""
    return Server(place) if place.startswith(("http://", "https://")) else EventFile(Path(place))


class Server:
    """A server, asked at ADDRESS/api/v1/lineage; with the key of the environment's ASSAY_LINEAGE_KEY, where it is set.
    It is sent nowhere else: redirects are not followed."""

    def __init__(self, address: str) -> None:
        self.address = address
        key = os.environ.get(KEY)
        session = requests.Session()
        session.max_redirects = 0
        self.transport = HttpTransport(
            HttpConfig(
                url=f"{address.rstrip('/')}/",
                timeout=_SECONDS,
                auth=ApiKeyTokenProvider({"api_key": key}) if key else TokenProvider({}),
                session=session,
                retry=_RETRY,
            )
        )

    def tell(self, event: RunEvent) -> None:
        try:
            self.transport.emit(event)
        except requests.RequestException as error:
            status = "" if error.response is None else f" {error.response.status_code}"
            fix = "is it up, and is its address right in operation.lineage?"
            raise LineageError(f"{self.address} took no event ({type(error).__name__}{status}); {fix}") from error


class EventFile:
    """A file that events are added to; each is written at once, so that those of several runs do not mix."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def tell(self, event: RunEvent) -> None:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("ab", buffering=0) as file:
                file.write(f"{Serde.to_json(event)}\n".encode())
        except OSError as error:
            fix = "name another file in operation.lineage, or give this user the right to write there"
            raise LineageError(f"{self.file} cannot be written ({error.strerror}); {fix}") from error
