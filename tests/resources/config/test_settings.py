"""Settings: the shipped file, and errors that name the file, the line and the fix."""

import os
from dataclasses import dataclass, fields
from pathlib import Path

import pyarrow as pa
import pytest

from ops.audits.contract import Audit, Grain, Scope
from ops.decision.curriculum import CurriculumSettings
from ops.decision.mix import MixSettings
from ops.decision.policy import Action
from ops.gates.guards import GuardSettings
from ops.intake.rows import IngestSettings
from resources.config import settings as module
from resources.config.encoder_settings import EmbeddingSettings, EncoderSettings
from resources.config.located_yaml import SettingsError, parse
from resources.config.ray_settings import RaySettings
from resources.config.rules import load_policy
from resources.config.settings import load_settings
from resources.config.spark_settings import SparkSettings


@dataclass(frozen=True, slots=True)
class ToySettings:
    sample: int = 16

    def __post_init__(self) -> None:
        if self.sample < 1:
            raise ValueError(f"sample must be at least 1, but is {self.sample}")


TOY = Audit(
    name="grounding",
    title="Toy",
    grain=Grain.TURN,
    scope=Scope.ROW,
    columns=pa.schema([("margin", pa.float32()), ("kept", pa.bool_()), ("label", pa.string()), ("rank", pa.int32())]),
    measure=lambda inputs, settings: inputs,
    settings=ToySettings(),
)


@pytest.fixture
def audits(monkeypatch: pytest.MonkeyPatch) -> dict[str, Audit]:
    known = {"grounding": TOY}
    monkeypatch.setattr(module, "all_audits", lambda: known)
    return known


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "assay.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(tmp_path: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, text + "\npolicy: {rules: []}\n"))
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_shipped_file_says_every_default():
    shipped = load_settings()
    assert shipped.ingest == IngestSettings()
    assert shipped.encoder == EncoderSettings()
    assert shipped.embedding == EmbeddingSettings()
    assert shipped.gates == GuardSettings()
    assert shipped.mix == MixSettings()
    assert shipped.curriculum == CurriculumSettings()
    assert shipped.ray == RaySettings()
    assert shipped.spark == SparkSettings()
    assert shipped.audits == {n: a.settings for n, a in module.all_audits().items() if a.settings is not None}


def test_settings_of_an_audit_are_those_of_their_class():
    """A section that says some of an audit's keys gets the others from the class."""
    declared = [audit.settings for audit in module.all_audits().values() if audit.settings is not None]
    assert declared == [type(settings)() for settings in declared]


def test_shipped_file_names_every_key():
    located = module.read_yaml(module.SHIPPED)
    tree = load_settings()
    for name in ("ingest", "encoder", "embedding", "gates", "mix", "curriculum", "ray", "spark"):
        assert set(located.values[name]) == {f.name for f in fields(getattr(tree, name))}, name
    # A new audit is one file, and so is a new setting of one: neither needs a mention here.
    assert located.values["audits"]
    for name, settings in located.values["audits"].items():
        assert set(settings) <= {f.name for f in fields(tree.audit(name))}, name


def test_left_out_keys_have_defaults_and_the_shipped_policy(tmp_path: Path):
    chosen = load_settings(written(tmp_path, "encoder: {device: cpu}\n"))
    assert chosen.encoder == EncoderSettings(device="cpu")
    assert chosen.policy == load_settings().policy


def test_empty_file_is_the_default(tmp_path: Path):
    assert load_settings(written(tmp_path, "# nothing\n")) == load_settings()


def test_overrides(tmp_path: Path):
    chosen = load_settings(written(tmp_path, "ray: {num_cpus: 1}\n"), {"ray.num_cpus": 2, "encoder.device": "cuda"})
    assert (chosen.ray.num_cpus, chosen.encoder.device) == (2, "cuda")
    with pytest.raises(SettingsError, match=r"ray.num_cpu: unknown key; did you mean 'num_cpus'"):
        load_settings(overrides={"ray.num_cpu": 2})


def test_audit_settings(tmp_path: Path, audits: dict[str, Audit]):
    text = "audits: {grounding: {sample: 4}}\npolicy: {rules: []}"
    assert load_settings(written(tmp_path, text)).audit("grounding") == ToySettings(4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\nencodr: {}", "assay.yaml:2: encodr: unknown key; did you mean 'encoder'?"),
        ("encoder:\n  modle: x", "assay.yaml:2: encoder.modle: unknown key; did you mean 'model'? Known: model,"),
        ("audits:\n\n  groundng: {}", "assay.yaml:3: audits.groundng: unknown audit; did you mean 'grounding'?"),
        ("audits:\n  grounding:\n    sample: 0", "assay.yaml:2: audits.grounding: sample must be at least 1, but is 0"),
        (
            "audits:\n  grounding:\n    sample: many",
            "assay.yaml:3: audits.grounding.sample: input should be a valid integ",
        ),
        (
            "audits:\n  grounding:\n    sample: '4'",
            "assay.yaml:3: audits.grounding.sample: input should be a valid integ",
        ),
        ("encoder:\n  precision: fp8", "assay.yaml:2: encoder.precision: input should be 'auto', 'fp32', 'bf16' or"),
        ("encoder: [1]", "assay.yaml:1: encoder: must be a mapping of keys to values, but is [1]"),
        ("gates:\n  removed_limit: .inf", "assay.yaml:2: gates.removed_limit: must be a finite number"),
        ("gates:\n  removed_limit: 3", "assay.yaml:1: gates: removed_limit is a share and must lie in 0 to 1"),
        (
            "curriculum:\n  difficulty:\n    grounding.margn: 1",
            "assay.yaml:3: curriculum.difficulty.grounding.margn: unknown measure; did you mean 'grounding.margin'?",
        ),
        ("ray:\n  num_cpus: 1\n  num_cpus: 2", "assay.yaml:3: ray.num_cpus: is given twice"),
        ("ray: {num_cpus: 1", "not valid YAML"),
        ("ray: !!python/object/apply:os.system ['true']", "assay.yaml:1: ray: must be a mapping"),
        ("encoder:\n  model: !!binary aGVsbG8=", "assay.yaml:2: encoder.model: the tag"),
        (
            "spark:\n  options:\n    spark.ui.enabled: yes\n    spark.cores: 1",
            "assay.yaml:4: spark.options.spark.cores: input should be a valid string, but is 1",
        ),
    ],
)
def test_errors_name_line_and_fix(tmp_path: Path, audits: dict[str, Audit], text: str, expected: str):
    assert expected in complaint(tmp_path, text)


RULE = """\
policy:
  rules:
    - name: wrong_image
      audit: grounding
      when: [margin < 0.1]
      action: hold
      reason: the text fits other pictures better
"""


def test_rules(audits: dict[str, Audit]):
    (rule,) = load_policy(parse(RULE, name="p.yaml"), audits).rules
    assert (rule.name, rule.audit, rule.threshold, rule.action) == (
        "wrong_image",
        "grounding",
        "margin < 0.1",
        Action.HOLD,
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "audit: grounding",
            "audit: groundin",
            "p.yaml:4: policy.rules[0].audit: unknown audit 'groundin'; did you mean",
        ),
        (
            "margin <",
            "margins <",
            "p.yaml:5: policy.rules[0].when: 'margins' is no column of grounding; did you mean 'mar",
        ),
        (
            "margin < 0.1",
            "margin < low",
            "p.yaml:5: policy.rules[0].when: margin < low: margin is float, but low is not",
        ),
        (
            "margin < 0.1",
            "label < b",
            "p.yaml:5: policy.rules[0].when: label < b: string has no order; use ==, != or in",
        ),
        ("margin < 0.1", "margin", "p.yaml:5: policy.rules[0].when[0]: 'margin' is not `column comparison value`"),
        (
            "margin < 0.1",
            "margin < 0.1, margin > 0.2",
            "p.yaml:5: policy.rules[0].when: can never fire: no margin meets",
        ),
        (
            "action: hold",
            "action: remove",
            "p.yaml:6: policy.rules[0].action: input should be 'keep', 'downweight', 'ho",
        ),
        ("action: hold", "action: downweight", "p.yaml:3: policy.rules[0].weight: must lie between 0 and 1, both"),
        ("      reason: the text fits other pictures better\n", "", "p.yaml:3: policy.rules[0]: lacks reason"),
        ("action: hold", "actoin: hold", "p.yaml:6: policy.rules[0].actoin: unknown key; did you mean 'action'?"),
    ],
)
def test_rule_errors(audits: dict[str, Audit], old: str, new: str, expected: str):
    with pytest.raises(SettingsError) as caught:
        load_policy(parse(RULE.replace(old, new), name="p.yaml"), audits)
    assert expected in str(caught.value)


def test_two_rules_of_one_name(audits: dict[str, Audit]):
    twice = RULE + RULE.split("rules:\n")[1]
    with pytest.raises(SettingsError, match=r"p.yaml:8: policy.rules\[1\].name: two rules are called 'wrong_image'"):
        load_policy(parse(twice, name="p.yaml"), audits)


def test_missing_file(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"none.yaml: cannot be read \(No such file"):
        load_settings(tmp_path / "none.yaml")


def test_nested_aliases_are_refused():
    bomb = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
        f"{y}: &{y} [{', '.join([f'*{x}'] * 10)}]\n" for x, y in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(SettingsError, match="nested aliases"):
        parse(bomb, name="bomb.yaml")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink(path, path)])
def test_settings_that_are_no_file_are_an_error_at_once(tmp_path: Path, make):
    make(tmp_path / "assay.yaml")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "assay.yaml")


@pytest.mark.parametrize("text", ["a: \0", "a: " + "[" * 3000, "\x1b", "a: \ud800", "#" * (2 << 20)])
def test_settings_that_are_no_text_for_yaml_are_an_error(tmp_path: Path, text: str):
    (tmp_path / "assay.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(SettingsError):
        load_settings(tmp_path / "assay.yaml")
