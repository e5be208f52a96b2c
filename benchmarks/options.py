"""Options that benchmarks of audits have in common."""

import argparse
import tempfile
from pathlib import Path


def planted_options(about: str | None) -> argparse.ArgumentParser:
    """For a benchmark that plants faults by seed, in some shares of the rows, with photos or without."""
    parser = _described(about)
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.02, 0.05, 0.1, 0.2])
    parser.add_argument("--photos", type=Path)
    _add_encoder(parser)
    return parser


def halves_options(about: str | None) -> argparse.ArgumentParser:
    """For a benchmark on one of two halves of the photos: cuts are chosen on the first, figures reported for the
    second."""
    parser = _described(about)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    _add_encoder(parser)
    return parser


def _described(about: str | None) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)


def _add_encoder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="mini")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "assay-embeddings")
