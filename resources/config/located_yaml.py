"""YAML read as plain values together with the line of each, so that an error can name where it is.

Only mappings, lists, text, numbers, true, false and null are understood; a tag that would build anything else is an
error, and nothing in the file is executed.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ops.core.errors import AssayError
from ops.core.json_values import Json, JsonObject

Path = tuple[str | int, ...]

_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")}
_MAX_NODES = 100_000  # aliases of aliases can make a small file mean a huge one


class SettingsError(AssayError, ValueError):
    """A configuration that cannot be used: says the file, the line, the key and the fix."""


@dataclass(frozen=True, slots=True)
class Located:
    """The values of a YAML text and the line (from 1) of each, by path from the root."""

    name: str
    values: JsonObject
    lines: dict[Path, int] = field(default_factory=dict[Path, int])

    def error(self, path: Path, problem: str) -> SettingsError:
        """An error about the value at `path`; the line is that of the nearest ancestor that is in the file."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        place = f"{self.name}:{self.lines[known]}" if known in self.lines else self.name
        return SettingsError(f"{place}: {dotted(path)}: {problem}" if path else f"{place}: {problem}")

    def mapping(self, path: Path) -> JsonObject:
        """The mapping at `path`, empty where nothing stands there. SettingsError where something else does."""
        value: Json = self.values
        for step in path:
            value = _below(value, step)
            if value is None:
                return {}
        if not isinstance(value, dict):
            raise self.error(path, not_a_mapping(value))
        return value

    def known_part(self, path: Path, below: Path) -> Path:
        """`path` and as many of the steps `below` it as there are values for."""
        value: Json = self.mapping(path)
        for step in below:
            inside = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
            if step not in inside:
                break
            value = _below(value, step)
            path = (*path, step)
        return path


def _below(value: Json, step: str | int) -> Json:
    """What stands at a key of a mapping or a place of a list; None where nothing does."""
    if isinstance(value, dict):
        return value.get(str(step))
    return value[step] if isinstance(value, list) and isinstance(step, int) else None


def not_a_mapping(value: object) -> str:
    """What is wrong with a value that stands where keys and values should."""
    return f"must be a mapping of keys to values, but is {shortened(value)}"


def shortened(value: object) -> str:
    """A value as errors quote it: at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def dotted(path: Path) -> str:
    """`('policy', 'rules', 2, 'when')` as `policy.rules[2].when`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def parse(text: str, *, name: str) -> Located:
    """Values and lines of a YAML text whose root is a mapping (or nothing). `name` is what errors call it."""
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsError(f"{name}:{line}: not valid YAML: {error.problem or error.context}") from None
    except (YAMLError, RecursionError) as error:  # a control character, or brackets without end
        raise SettingsError(f"{name}: not valid YAML: {' '.join(str(error).split())[:200]}") from None
    located = Located(name, {})
    if root is None:
        return located
    if not isinstance(root, MappingNode):
        raise located.error((), "the file must be a mapping of sections, such as `policy:` and `encoder:`")
    located.values.update(_Reader(yaml, located).mapping(root, ()))
    return located


class _Reader:
    def __init__(self, yaml: YAML, located: Located) -> None:
        self.yaml = yaml
        self.located = located

    def mapping(self, node: MappingNode, path: Path) -> JsonObject:
        self._count(node, path)
        return dict(self._pairs(node, path))

    def value(self, node: Node, path: Path) -> Json:
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        self._count(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        if not isinstance(node, ScalarNode) or str(node.tag) not in _SCALARS:
            raise self.located.error(path, f"the tag {node.tag} is not allowed; write a plain value")
        value = self.yaml.constructor.construct_object(node)
        if isinstance(value, float) and not math.isfinite(value):
            raise self.located.error(path, "must be a finite number")
        return value

    def _count(self, node: Node, path: Path) -> None:
        lines = self.located.lines
        lines.setdefault(path, node.start_mark.line + 1)
        if len(lines) > _MAX_NODES:
            raise self.located.error((), f"the file means more than {_MAX_NODES} values; are there nested aliases?")

    def _pairs(self, node: MappingNode, path: Path) -> Iterator[tuple[str, Json]]:
        keys: set[str] = set()
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise self.located.error(path, "keys must be plain words")
            key = key_node.value
            below = (*path, key)
            self.located.lines[below] = key_node.start_mark.line + 1
            if key in keys:
                raise self.located.error(below, "is given twice; remove one of the two")
            keys.add(key)
            yield key, self.value(value_node, below)
