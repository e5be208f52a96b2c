"""The one typed tree of settings, read from `assay.yaml`.

Every key has a default in the dataclass that names it; a file says only what differs. Keys that nothing reads, values
of the wrong type and rules that cannot work are errors that name the file, the line and the fix.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import orjson
from pydantic import ConfigDict, TypeAdapter, ValidationError

from ops.audits.contract import Audit
from ops.audits.registry import all_audits
from ops.core.regular_files import read_regular
from ops.decision.curriculum import CurriculumSettings
from ops.decision.mix import MixSettings
from ops.decision.policy import Action, Condition, Policy, PolicyError, Rule, check_rule, is_numeric, suggestion
from ops.gates.guards import GuardSettings
from ops.intake.rows import IngestSettings
from resources.config.encoder_settings import EmbeddingSettings, EncoderSettings
from resources.config.located_yaml import Located, SettingsError, dotted, parse
from resources.config.located_yaml import Path as KeyPath
from resources.config.spark_settings import SparkSettings

SHIPPED = Path(__file__).resolve().parents[2] / "assay.yaml"

Section = TypeVar("Section")


@dataclass(frozen=True, slots=True)
class RaySettings:
    """The local Ray; on a cluster the cluster's own settings hold."""

    num_cpus: int | None = None
    """Cores to use; None for all."""
    object_store_mb: int = 500
    """Memory of Ray's object store, in megabytes of 10^6 bytes."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set."""

    ingest: IngestSettings
    encoder: EncoderSettings
    embedding: EmbeddingSettings
    policy: Policy
    gates: GuardSettings
    mix: MixSettings
    curriculum: CurriculumSettings
    ray: RaySettings
    spark: SparkSettings
    audits: Mapping[str, Any] = field(default_factory=dict)
    """Settings of each audit that has any, by name."""

    def audit(self, name: str) -> Any:
        """The settings dataclass of that audit; None where it has none."""
        return self.audits.get(name)

    def effective(self) -> dict[str, Any]:
        """The whole tree as plain values, defaults included: what a version pins as its configuration."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}


def load_settings(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Settings from a YAML file (None: the shipped `assay.yaml`), with some values replaced.

    `overrides` maps dotted keys to values, for instance `{"encoder.device": "cuda"}`. A file without `policy` gets
    the shipped policy; every other key that is left out has its default. Raises SettingsError.
    """
    located = _read(path or SHIPPED)
    for key, value in (overrides or {}).items():
        _override(located, key, value)
    _known(located, (), located.values, [f.name for f in fields(Settings)])
    policy_source = located if "policy" in located.values else _read(SHIPPED)
    return Settings(
        ingest=_section(located, "ingest", IngestSettings()),
        encoder=_section(located, "encoder", EncoderSettings()),
        embedding=_section(located, "embedding", EmbeddingSettings()),
        policy=load_policy(policy_source, all_audits()),
        gates=_section(located, "gates", GuardSettings()),
        mix=_section(located, "mix", MixSettings()),
        curriculum=_curriculum(located),
        ray=_section(located, "ray", RaySettings()),
        spark=_section(located, "spark", SparkSettings()),
        audits=_audits(located),
    )


def load_policy(located: Located, audits: Mapping[str, Audit]) -> Policy:
    """The rules under `policy.rules`, each checked against the audits. Raises SettingsError."""
    section = _mapping(located, ("policy",))
    _known(located, ("policy",), section, ["rules"])
    listed = section.get("rules") or []
    if not isinstance(listed, list):
        raise located.error(("policy", "rules"), "must be a list of rules")
    rules: dict[str, Rule] = {}
    for at in range(len(listed)):
        rule = _rule(located, ("policy", "rules", at), audits)
        if rule.name in rules:
            raise located.error(("policy", "rules", at, "name"), f"two rules are called {rule.name!r}; rename one")
        rules[rule.name] = rule
    return Policy(tuple(rules.values()))


@dataclass(frozen=True, slots=True)
class _WrittenRule:
    name: str
    audit: str
    when: list[str]
    action: Action
    reason: str
    weight: float | None = None


def _rule(located: Located, path: KeyPath, audits: Mapping[str, Audit]) -> Rule:
    written = _dataclass(located, path, _WrittenRule)
    conditions: list[Condition] = []
    for at, text in enumerate(written.when):
        with_line = (*path, "when", at)
        conditions.append(_checked(located, with_line, lambda text=text: Condition.parse(text)))
    rule = Rule(written.name, written.audit, tuple(conditions), written.action, written.reason, written.weight)
    try:
        check_rule(rule, audits)
    except PolicyError as error:
        raise located.error((*path, error.key), str(error)) from None
    return rule


_LARGEST_FILE = 1 << 20


def _read(path: Path) -> Located:
    try:
        text = read_regular(path, limit=_LARGEST_FILE).decode("utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); give the path of a YAML file") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    return parse(text, name=str(path) if path != SHIPPED else path.name)


def _override(located: Located, key: str, value: Any) -> None:
    steps = tuple(key.split("."))
    target = located.values
    for at, step in enumerate(steps[:-1], start=1):
        target = target.setdefault(step, {})
        if not isinstance(target, dict):
            raise SettingsError(f"{key}: {dotted(steps[:at])} is not a section")
    target[steps[-1]] = value
    for known in [path for path in located.lines if path[: len(steps)] == steps]:
        del located.lines[known]


def _audits(located: Located) -> dict[str, Any]:
    audits = all_audits()
    given = _mapping(located, ("audits",))
    _known(located, ("audits",), given, audits, what="audit")
    found: dict[str, Any] = {}
    for name, audit in audits.items():
        if audit.settings is not None:
            found[name] = _dataclass(located, ("audits", name), type(audit.settings), audit.settings)
        elif _mapping(located, ("audits", name)):
            raise located.error(("audits", name), "this audit has nothing to set; remove the section")
    return found


def _curriculum(located: Located) -> CurriculumSettings:
    chosen = _section(located, "curriculum", CurriculumSettings())
    audits = all_audits()
    known = [f"{a.name}.{f.name}" for a in audits.values() for f in a.columns if is_numeric(f.type)]
    if "difficulty" in _mapping(located, ("curriculum",)):
        _known(located, ("curriculum", "difficulty"), chosen.difficulty, known, what="measure")
    return chosen


def _section(located: Located, name: str, default: Section) -> Section:
    return _dataclass(located, (name,), type(default), default)


def _dataclass(located: Located, path: KeyPath, kind: type[Section], default: Section | None = None) -> Section:
    """The dataclass `kind` from the mapping at `path`; fields left out are those of `default`."""
    given = _mapping(located, path)
    known = {f.name: f for f in fields(cast(Any, kind))}
    _known(located, path, given, known)
    values = {} if default is None else {name: getattr(default, name) for name in known}
    for name, value in given.items():
        values[name] = _field(located, (*path, name), known[name].type, value)
    return _checked(located, path, lambda: _build(located, path, kind, values))


def _build(located: Located, path: KeyPath, kind: type[Section], values: dict[str, Any]) -> Section:
    try:
        return kind(**values)
    except TypeError:
        needed = [f.name for f in fields(cast(Any, kind)) if f.name not in values]
        raise located.error(path, f"lacks {', '.join(needed)}") from None


def _field(located: Located, path: KeyPath, kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        return _dataclass(located, path, cast(type, kind))
    try:
        # JSON's strictness is what a YAML author expects: 1 is no text, "1" no number, a list fits a tuple.
        return _adapter(kind).validate_json(orjson.dumps(value))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = (*path, *(step for step in first["loc"] if isinstance(step, int)))
        raise located.error(where, f"{_lower(first['msg'])}, but is {_shown(first['input'])}") from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind, config=ConfigDict(strict=True))


def _checked(located: Located, path: KeyPath, make: Callable[[], Section]) -> Section:
    try:
        return make()
    except SettingsError:
        raise
    except ValueError as error:
        raise located.error(path, str(error)) from None


def _mapping(located: Located, path: KeyPath) -> dict[str, Any]:
    value: Any = located.values
    for step in path:
        value = value[step] if isinstance(step, int) else value.get(step)
        if value is None:
            return {}
    if not isinstance(value, dict):
        raise located.error(path, f"must be a mapping of keys to values, but is {_shown(value)}")
    return value


def _known(located: Located, path: KeyPath, given: Mapping[str, Any], known: Any, what: str = "key") -> None:
    for name in given:
        if name not in known:
            raise located.error((*path, name), f"unknown {what}; {suggestion(name, list(known))}")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
