"""Derives from a project's own custom resource definition the small schema that a manifest is checked against in tests.

`python tests/support/crds/derive.py CRD.yaml VERSION MANIFEST.yaml` prints it. It holds the names that stand at each
place where the manifest says something, so that a misspelt one is seen, and of what the manifest does not use the names
alone. Run it again when the manifest says something new.
"""

import copy
import json
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def derive(schema: dict[str, Any], value: Any) -> dict[str, Any]:
    """The part of the schema that says something of the value."""
    kept = {key: schema[key] for key in ("type", "enum", "required") if key in schema}
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    used = value if isinstance(value, dict) else {}
    if "properties" in schema:
        parts = schema["properties"]
        kept["properties"] = {name: derive(part, used[name]) if name in used else {} for name, part in parts.items()}
        kept["additionalProperties"] = False
    elif isinstance(schema.get("additionalProperties"), dict):
        kept["additionalProperties"] = derive(schema["additionalProperties"], next(iter(used.values()), None))
    if "items" in schema:
        kept["items"] = derive(schema["items"], _together(value if isinstance(value, list) else []))
    return kept


def _together(values: list[Any]) -> Any:
    """All that any of the values says, as one."""
    merged: Any = None
    for value in values:
        merged = copy.deepcopy(value) if merged is None else _merge(merged, value)
    return merged


def _merge(left: Any, right: Any) -> Any:
    if isinstance(left, dict) and isinstance(right, dict):
        return {key: _merge(left.get(key, value), value) for key, value in right.items()} | {
            key: value for key, value in left.items() if key not in right
        }
    return [_together([*left, *right])] if isinstance(left, list) and isinstance(right, list) else left


def main(definition: str, version: str, manifest: str) -> None:
    """Prints the schema."""
    yaml = YAML(typ="safe")
    versions = yaml.load(Path(definition))["spec"]["versions"]
    schema = next(one for one in versions if one["name"] == version)["schema"]["openAPIV3Schema"]
    json.dump(derive(schema, yaml.load(Path(manifest))), sys.stdout, separators=(",", ":"), sort_keys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
