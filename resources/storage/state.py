"""What of a lake stays on this machine, and where: never in the folder that a command happens to be called in."""

import os
import re
from pathlib import Path

from ops.core.identity import digest
from resources.config.places import is_address, local_path


def user_state() -> Path:
    """The user's own folder for what Assay keeps between runs."""
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser().absolute() / "assay"


def state_of(address: str) -> Path:
    """The folder for what belongs to a place in a store; each address has its own."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", address).strip("-")[:60]
    return user_state() / "stores" / f"{words}-{digest(address, size=6)}"


def dagster_home(root: str) -> Path:
    """Where Dagster's records of a lake's runs lie: in the folder that DAGSTER_HOME names, else in the lake where it is
    a local folder, else in the state folder of its address. `root` is in its plain spelling.

    Raises PlaceError where DAGSTER_HOME is no local folder."""
    if named := os.environ.get("DAGSTER_HOME"):
        return local_path(named, "DAGSTER_HOME")
    return state_of(root) / "dagster" if is_address(root) else Path(root, ".dagster")
