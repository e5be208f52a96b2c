"""What a trainer's own manifest says of a drop's files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ops.core.json_values import Cell, Fields

Rewrite = Callable[[Fields], dict[str, Cell]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a manifest says of one file of rows."""

    source: str
    """The manifest's own file."""
    dataset: str | None = None
    images: tuple[str, ...] = ()
    """Folders that the image paths may be relative to."""
    facts: Fields = field(default_factory=dict[str, Cell])
    """What the metadata of every row says as well."""
    rewrite: Rewrite | None = None
    """A record under the names that the formats know; a frozen dataclass, so that it has an identity and can be sent
    to a task."""


@dataclass(frozen=True, slots=True)
class Descriptions:
    """What the manifests of a drop say: by file of rows, and which files are manifests and hold no rows."""

    files: Mapping[str, Described] = field(default_factory=dict[str, Described])
    manifests: tuple[str, ...] = ()
