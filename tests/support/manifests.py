"""What stands in infra/: its files, and whether what they name is there."""

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from typer.core import TyperGroup
from typer.main import get_command

from pipelines.app import app

ROOT = Path(__file__).resolve().parents[2]
_SCHEMAS = ROOT / "tests/support/crds"


def read(name: str) -> Any:
    """The one document of a YAML file of the repository."""
    return YAML(typ="safe").load(ROOT / name)


def read_all(name: str) -> list[Any]:
    """The documents of a YAML file of the repository."""
    return list(YAML(typ="safe").load_all(ROOT / name))


def locked(name: str) -> dict[str, str]:
    """The versions of a lock by package."""
    return dict(
        re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==([^ ;\n]+)", (ROOT / name).read_text("utf-8"), re.MULTILINE)
    )


def image_user() -> int:
    """The user that the image runs as."""
    user = re.search(r"useradd .*--uid (\d+)", (ROOT / "infra" / "Dockerfile").read_text("utf-8"))
    assert user
    return int(user[1])


def require_command(command: str) -> None:
    """A command line of a container: its program is of a package, its module is there, `assay` takes its arguments."""
    program, *arguments = shlex.split(command)
    if program == "python":
        assert arguments[0] == "-m"
        assert find_spec(arguments[1]) is not None
    elif program == "assay":
        group = get_command(app)
        assert isinstance(group, TyperGroup)
        name, *rest = arguments
        context = group.make_context("assay", arguments)
        _, called, given = group.resolve_command(context, [name, *rest])
        assert called is not None, name
        called.make_context(name, given)  # refuses what it does not know
    elif program == "sh":
        for word in shlex.split(arguments[1]):
            assert not word.startswith("infra/") or (ROOT / word).exists(), word
    elif program == "spark-class":
        assert (ROOT / ".venv/bin" / program).exists()
    else:
        assert program in {script.name for script in entry_points(group="console_scripts")}, program


@cache
def _schemas(name: str) -> dict[str, Any]:
    return json.loads((_SCHEMAS / f"{name}.json").read_text("utf-8"))


def misfits(document: dict[str, Any]) -> list[str]:
    """What the definitions of Kubernetes or KubeRay do not take in a document."""
    if document["apiVersion"].startswith("ray.io/"):
        schema = _schemas(document["kind"].lower())
    else:
        schema = _schemas("kubernetes")[f"{document['apiVersion']} {document['kind']}"]
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(document)]


def pod_specs(document: dict[str, Any]) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """The labels and the specification of each pod that a document has made."""
    spec = document.get("spec", {})
    if document["kind"] == "RayJob":
        spec = spec["rayClusterSpec"]
    if "headGroupSpec" in spec:
        kinds = [("head", spec["headGroupSpec"]), *(("worker", group) for group in spec["workerGroupSpecs"])]
        for kind, group in kinds:
            template = group["template"]
            mine = {"ray.io/cluster": document["metadata"]["name"], "ray.io/node-type": kind}
            yield mine | template.get("metadata", {}).get("labels", {}), template["spec"]
    elif "template" in spec:
        yield spec["template"]["metadata"]["labels"], spec["template"]["spec"]
    elif document["kind"] == "Pod":
        yield document["metadata"]["labels"], spec
