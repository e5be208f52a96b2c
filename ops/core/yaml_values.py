"""Plain YAML read and written."""

from typing import Any

from ruamel.yaml import YAML

from ops.core.json_values import Cell


def parsed_yaml(text: str) -> Cell:
    """The value of a YAML text, whose keys may be no texts. `YAMLError`, `ValueError` or `RecursionError` where it is
    not plain YAML."""
    parser: Any = YAML(typ="safe", pure=True)
    return parser.load(text)
