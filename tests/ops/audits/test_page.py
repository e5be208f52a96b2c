"""The page of audits is current."""

from pathlib import Path

from ops.audits.page import with_reference

PAGE = Path(__file__).parents[3] / "docs" / "measures.md"


def test_the_generated_part_is_what_the_registry_says() -> None:
    text = PAGE.read_text("utf-8")
    assert with_reference(text, PAGE.parent / "pictures") == text, "run: python -m ops.audits.page docs/measures.md"
