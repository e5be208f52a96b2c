"""docs/preflight.md is in step with the registry."""

from pathlib import Path

from ops.preflight.page import reference, with_reference
from ops.preflight.reasons import REASONS
from ops.preflight.registry import all_families, all_trainers

PAGE = Path(__file__).parents[3] / "docs" / "preflight.md"


def test_the_page_is_made_from_the_registry() -> None:
    text = PAGE.read_text("utf-8")
    assert with_reference(text) == text


def test_everything_has_its_entry() -> None:
    lines = reference().splitlines()
    for name in (*all_trainers(), *all_families()):
        assert f"### {name}" in lines
    assert all(any(line.startswith(f"| `{code}` |") for line in lines) for code in REASONS)
