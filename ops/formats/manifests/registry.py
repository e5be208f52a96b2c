"""Finds the trainers' manifests: every module here that defines `MANIFEST`."""

from collections.abc import Sequence
from functools import cache

from ops.core.discovery import declared
from ops.formats import manifests
from ops.formats.manifests.contract import TrainerManifest
from ops.intake.descriptions import Described, Descriptions
from ops.intake.drop_files import DropError, DropFiles, FileInfo


@cache
def all_manifests() -> dict[str, TrainerManifest]:
    """Every kind of manifest by name."""
    return declared(manifests, "MANIFEST", order=lambda item: item.name)


def descriptions(files: DropFiles, listing: Sequence[FileInfo]) -> Descriptions:
    """What the trainers' manifests in a drop say of its files. `DropError` where two say it of one file, or one is
    wrong."""
    described: dict[str, Described] = {}
    named: list[str] = []
    for kind in all_manifests().values():
        descriptions_found = kind.find(files, listing)
        both = sorted(set(described) & set(descriptions_found.files))
        if both:
            names = f"{described[both[0]].source} and {descriptions_found.files[both[0]].source}"
            raise DropError(f"{both[0]}: {names} both say what it is; leave one of them out of the drop")
        described |= descriptions_found.files
        named += descriptions_found.manifests
    return Descriptions(
        {name: description for name, description in described.items() if name not in named}, tuple(named)
    )
