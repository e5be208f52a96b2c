"""Plain YAML read and written."""

from io import BytesIO

from ruamel.yaml import YAML

from ops.core.json_values import Cell, Fields


def parsed_yaml(text: str) -> Cell:
    """The value of a YAML text, whose keys may be no texts. `YAMLError`, `ValueError` or `RecursionError` where it is
    not plain YAML."""
    return YAML(typ="safe", pure=True).load(text)


def yaml_bytes(value: Fields) -> bytes:
    """The value as a YAML document."""
    text = BytesIO()
    YAML().dump(dict(value), text)
    return text.getvalue()
