"""OpenLineage's own JSON schemas (tests/support/openlineage, as its repository has them), to hold events against."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

FOLDER = Path(__file__).parent / "openlineage"
_SCHEMAS = [json.loads(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.json"))]
_REGISTRY: Registry[Any] = Registry().with_resources(
    [(schema["$id"], Resource.from_contents(schema)) for schema in _SCHEMAS]
)


def require_valid(event: dict[str, Any]) -> None:
    """Raises ValidationError where the event, or a facet of it, is not as its schema asks; and where a facet names a
    schema that is not here."""
    _validator(event["schemaURL"]).validate(event)
    for facet in _facets(event):
        _validator(facet["_schemaURL"]).validate(facet)


def _validator(url: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": url}, registry=_REGISTRY)


def _facets(value: object) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [facet for item in value for facet in _facets(item)]
    if not isinstance(value, dict):
        return []
    below = [facet for item in value.values() for facet in _facets(item)]
    return [value, *below] if "_schemaURL" in value else below
