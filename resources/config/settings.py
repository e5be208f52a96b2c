"""The one typed tree of settings, read from `assay.yaml`.

Every key has a default in the dataclass that names it; a file says only what differs. Keys that nothing reads, values
of the wrong type and rules that cannot work are errors that name the file, the line and the fix.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, make_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

from pydantic import with_config

from ops.audits.contract import Audit
from ops.audits.registry import all_audits
from ops.core.arrow_types import fields as fields_of
from ops.core.json_values import Json
from ops.core.regular_files import read_regular
from ops.decision.curriculum import CurriculumSettings
from ops.decision.mix import MixSettings
from ops.decision.policy import Policy, is_numeric
from ops.gates.guards import GuardSettings
from ops.intake.rows import IngestSettings
from resources.config.encoder_settings import EmbeddingSettings, EncoderSettings
from resources.config.located_yaml import Located, SettingsError, dotted, parse
from resources.config.operation_settings import OperationSettings
from resources.config.ray_settings import RaySettings
from resources.config.rules import load_policy
from resources.config.spark_settings import SparkSettings
from resources.config.validation import STRICT, require_known, validated

SHIPPED = Path(__file__).resolve().parents[2] / "assay.yaml"
_LARGEST_FILE = 1 << 20


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set."""

    ingest: IngestSettings = field(default_factory=IngestSettings)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    embedding: EmbeddingSettings = field(default_factory=EmbeddingSettings)
    policy: Policy = field(default_factory=Policy)
    gates: GuardSettings = field(default_factory=GuardSettings)
    mix: MixSettings = field(default_factory=MixSettings)
    curriculum: CurriculumSettings = field(default_factory=CurriculumSettings)
    ray: RaySettings = field(default_factory=RaySettings)
    spark: SparkSettings = field(default_factory=SparkSettings)
    operation: OperationSettings = field(default_factory=OperationSettings)
    audits: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Settings of each audit that has any, by name."""

    def audit(self, name: str) -> Any:
        """The settings dataclass of that audit; None where it has none."""
        return self.audits.get(name)

    def effective(self) -> dict[str, object]:
        """The whole tree as plain values, defaults included: what a version pins as its configuration."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}


def load_settings(path: Path | None = None, overrides: Mapping[str, Json] | None = None) -> Settings:
    """Settings from a YAML file (None: the shipped `assay.yaml`), with some values replaced.

    `overrides` maps dotted keys to values, for instance `{"encoder.device": "cuda"}`. A file without `policy` gets
    the shipped policy; every other key that is left out has its default. Raises SettingsError.
    """
    located = read_yaml(path or SHIPPED)
    for key, value in (overrides or {}).items():
        _override(located, key, value)
    audits = all_audits()
    # These two depend on which audits there are, and are read by types of their own.
    sections = {name: value for name, value in located.values.items() if name not in ("policy", "audits")}
    settings = validated(located, (), Settings, sections)
    _check_measures(located, settings.curriculum, audits)
    policy = load_policy(located if "policy" in located.values else read_yaml(SHIPPED), audits)
    return replace(settings, policy=policy, audits=_audit_settings(located, audits))


def policy_file(path: Path | None) -> Path:
    """The file whose policy `load_settings` reads: this one, or the shipped one where it has none."""
    return SHIPPED if path is None or "policy" not in read_yaml(path).values else path


def read_yaml(path: Path) -> Located:
    """The values of a YAML file, each with its line. Raises SettingsError."""
    try:
        text = read_regular(path, limit=_LARGEST_FILE).decode("utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); give the path of a YAML file") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    return parse(text, name=str(path) if path != SHIPPED else path.name)


def _override(located: Located, key: str, value: Json) -> None:
    steps = tuple(key.split("."))
    target = located.values
    for at, step in enumerate(steps[:-1], start=1):
        section = target.setdefault(step, {})
        if not isinstance(section, dict):
            raise SettingsError(f"{key}: {dotted(steps[:at])} is not a section")
        target = section
    target[steps[-1]] = value
    for known in [path for path in located.lines if path[: len(steps)] == steps]:
        del located.lines[known]


def _audit_settings(located: Located, audits: Mapping[str, Audit]) -> dict[str, object]:
    given = located.mapping(("audits",))
    require_known(located, ("audits",), given, audits, noun="audit")
    kinds = _settings_types(audits)
    for name in given.keys() - kinds.keys():
        if located.mapping(("audits", name)):
            raise located.error(("audits", name), "this audit has nothing to set; remove the section")
    tree = _audit_tree(tuple(kinds.items()))
    chosen = validated(located, ("audits",), tree, {name: given[name] for name in given if name in kinds})
    return {name: getattr(chosen, name) for name in kinds}


def _settings_types(audits: Mapping[str, Audit]) -> dict[str, type[object]]:
    return {name: type(audit.settings) for name, audit in audits.items() if audit.settings is not None}


@cache
def _audit_tree(kinds: tuple[tuple[str, type[object]], ...]) -> type[object]:
    """A dataclass with the settings of each audit; they differ from one set of audits to another."""
    named = [(name, kind, field(default_factory=kind)) for name, kind in kinds]
    return with_config(STRICT)(make_dataclass("AuditSettings", named, frozen=True))


def _check_measures(located: Located, curriculum: CurriculumSettings, audits: Mapping[str, Audit]) -> None:
    """SettingsError where difficulty weighs what no audit measures."""
    numeric = [f"{a.name}.{f.name}" for a in audits.values() for f in fields_of(a.columns) if is_numeric(f.type)]
    for key in ("difficulty", "prompt_difficulty"):
        if key in located.mapping(("curriculum",)):
            require_known(located, ("curriculum", key), getattr(curriculum, key), numeric, noun="measure")


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        return {key: _plain(item) for key, item in items}
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
