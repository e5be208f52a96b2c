"""Derives from a project's own definitions the small schemas that manifests are checked against in tests.

`python -m tests.support.crds.derive CRD.yaml MANIFEST.yaml...` prints that of a custom resource, of version v1 of its
definition; `python -m tests.support.crds.derive _definitions.json MANIFEST.yaml...` those of Kubernetes' own kinds, by
apiVersion and kind, from the OpenAPI definitions of release 1.37.0 in the package kubernetes-validate 1.37.0. A schema
holds the names that stand at each place where the manifests say something, so that a misspelt one is seen, and of what
they do not use the names alone. Run it again when a manifest says something new (an overlay: `kubectl kustomize`).
"""

import copy
import json
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def derive(schema: dict[str, Any], value: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """The part of the schema that says something of the value; `definitions` are those that it refers to by name."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "oneOf" in schema:  # a number or its text
        return {"type": ["number", "string"]}
    kept = {key: schema[key] for key in ("type", "enum", "required") if key in schema}
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    used = value if isinstance(value, dict) else {}
    if "properties" in schema:
        parts = schema["properties"]
        kept["properties"] = {
            name: derive(part, used[name], definitions) if name in used else {} for name, part in parts.items()
        }
        kept["additionalProperties"] = False
    elif isinstance(schema.get("additionalProperties"), dict):
        kept["additionalProperties"] = derive(
            schema["additionalProperties"], next(iter(used.values()), None), definitions
        )
    if "items" in schema:
        kept["items"] = derive(schema["items"], _together(value if isinstance(value, list) else []), definitions)
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


def custom(definition: Path, documents: list[Any]) -> dict[str, Any]:
    """The schema of what the custom resource definition defines, as far as the documents use it."""
    defined = YAML(typ="safe").load(definition)["spec"]
    schema = next(version for version in defined["versions"] if version["name"] == "v1")["schema"]["openAPIV3Schema"]
    mine = [document for document in documents if document["kind"] == defined["names"]["kind"]]
    return derive(schema, _together(mine), {})


def core(definitions: dict[str, Any], documents: list[Any]) -> dict[str, Any]:
    """The schemas of Kubernetes' own kinds among the documents, by apiVersion and kind."""
    kinds: dict[str, list[Any]] = {}
    for document in documents:
        kinds.setdefault(f"{document['apiVersion']} {document['kind']}", []).append(document)
    known = {}
    for schema in definitions.values():
        parts = schema.get("properties", {})
        versions, names = (parts.get(name, {}).get("enum", ()) for name in ("apiVersion", "kind"))
        known |= {f"{version} {name}": schema for version in versions for name in names}
    return {
        kind: derive(known[kind], _together(kinds[kind]), definitions) for kind in sorted(kinds.keys() & known.keys())
    }


def main(definition: str, *manifests: str) -> None:
    """Prints the schema, or the schemas by kind."""
    documents = [document for name in manifests for document in YAML(typ="safe").load_all(Path(name))]
    if definition.endswith(".json"):
        schema = core(json.loads(Path(definition).read_text("utf-8"))["$defs"], documents)
    else:
        schema = custom(Path(definition), documents)
    json.dump(schema, sys.stdout, separators=(",", ":"), sort_keys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
