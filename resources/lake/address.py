"""A lake by what a person names it with: a folder, or an address in an object store."""

import os
from pathlib import Path

from resources.config.places import is_address
from resources.lake.tables import Lake

#: What a lake in an object store is opened with, where the environment says so; pyarrow would leave some of it unread.
_VARIABLES = (
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_ALLOW_HTTP",
)


def lake_of(root: str | Path) -> Lake:
    """The lake at that place, which need not be there yet."""
    known = {name: os.environ[name] for name in _VARIABLES if os.environ.get(name)}
    return Lake(root, known if is_address(root) else None)
