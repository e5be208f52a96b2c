"""The page of exports is current."""

from pathlib import Path

from ops.exports.page import with_reference

PAGE = Path(__file__).parents[3] / "docs" / "exports.md"


def test_the_generated_part_is_what_the_registry_says() -> None:
    text = PAGE.read_text("utf-8")
    assert with_reference(text) == text, "run: python -m ops.exports.page docs/exports.md"
