"""No code of a model's folder runs, whichever library reads the folder and whatever its files ask for."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from resources.config.encoder_settings import EncoderSettings
from resources.models.answer_model import LikelihoodError
from resources.models.encoder import load_encoder
from resources.models.encoder_source import EncoderError, encoder_identity
from resources.models.likelihood import likelihood_identity, load_likelihood_model
from resources.models.model_files import OWN_CODE, ModelFileError, check_open_clip
from tests.support.tiny_models import TINY, save_coca, save_llava, tokenizer

CODE = """
from pathlib import Path
Path(__file__).with_name("ran").touch()
Path({marker!r}).touch()
from transformers import AutoConfig, PreTrainedConfig, PreTrainedTokenizerFast
class Evil(PreTrainedTokenizerFast):
    pass
class EvilConfig(PreTrainedConfig):
    model_type = "evil"
def generate(*_args, **_named):
    pass
"""
CLASSES = {
    "AutoConfig": "evil.EvilConfig",
    "AutoModel": "evil.Evil",
    "AutoModelForImageTextToText": "evil.Evil",
    "AutoTokenizer": ["evil.Evil", "evil.Evil"],
    "AutoProcessor": "evil.Evil",
    "AutoImageProcessor": "evil.Evil",
    "AutoVideoProcessor": "evil.Evil",
    "AutoFeatureExtractor": "evil.Evil",
}


class Pickled:
    """Runs when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    """A file that code of a model's folder would make. Nobody is there to say yes or no, and no hub answers."""
    marker = tmp_path / "ran"
    yield marker
    assert not marker.exists(), "code of the model's folder ran"
    assert not list(tmp_path.rglob("ran"))


@pytest.fixture(autouse=True)
def yes_to_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """transformers asks at the terminal whether a model's code may run."""
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")


def put(folder: Path, name: str, **fields: Any) -> None:
    """Adds fields to a JSON file of the folder, which need not be there."""
    path = folder / name
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    path.write_text(json.dumps(known | fields), "utf-8")


def infect(folder: Path, marker: Path) -> None:
    """Puts code beside the model and names it wherever transformers looks for such names."""
    (folder / "custom_generate").mkdir(exist_ok=True)
    for name in ("evil.py", "custom_generate/generate.py"):
        (folder / name).write_text(CODE.format(marker=str(marker)), "utf-8")
    for name in ("tokenizer_config.json", "processor_config.json", "preprocessor_config.json", "config.json"):
        put(folder, name, auto_map=CLASSES, trust_remote_code=True)
    put(folder, "video_preprocessor_config.json", auto_map=CLASSES, video_processor_type="Evil")
    put(folder, "generation_config.json", custom_generate=str(folder), trust_remote_code=True)


def clip(folder: Path, **text: Any) -> str:
    """A tiny open_clip model; `text` is put into the configuration of its text tower."""
    config = TINY | {"text_cfg": TINY["text_cfg"] | text}
    weights = {name: value.contiguous() for name, value in open_clip.CLIP(**TINY).state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    put(folder, "open_clip_config.json", model_cfg=config, preprocess_cfg={})
    return f"local-dir:{folder}"


def load(reference: str) -> None:
    load_encoder(EncoderSettings(reference, device="cpu"))


TRUSTING: list[dict[str, Any]] = [
    {"hf_tokenizer_name": "evil", "tokenizer_kwargs": {"trust_remote_code": True}},
    {"hf_tokenizer_name": "evil", "tokenizer_kwargs": {"trust_remote_code": True, "code_revision": "main"}},
    {"hf_tokenizer_name": "evil", "tokenizer_kwargs": {"tokenizer_type": "evil", "subfolder": "."}},
    {"tokenizer_kwargs": {"bpe_path": "/etc/passwd"}},
    {"trust_remote_code": True},
]


@pytest.mark.parametrize("text", TRUSTING, ids=lambda text: ",".join([*text, *text.get("tokenizer_kwargs", ())]))
def test_what_a_config_asks_for_beyond_the_known_is_refused_by_name(
    tmp_path: Path, marker: Path, text: dict[str, Any]
) -> None:
    reference = clip(tmp_path, **text)
    tokenizer(["<pad>"], bos=None).save_pretrained(tmp_path)
    infect(tmp_path, marker)
    wrong = next(iter(text.get("tokenizer_kwargs", {"trust_remote_code": 0})))
    with pytest.raises(EncoderError, match=rf"open_clip_config\.json.*{wrong}.*(remove|give)"):
        load(reference)


@pytest.mark.parametrize(
    "part", ["model_cfg", "vision_cfg", "text_cfg", "preprocess_cfg", "act_kwargs", "multimodal_cfg"]
)
def test_unknown_keys_of_every_part_are_refused_by_name(tmp_path: Path, part: str) -> None:
    clip(tmp_path)
    config = json.loads((tmp_path / "open_clip_config.json").read_text())
    model = config["model_cfg"]
    model["text_cfg"]["act_kwargs"], model["multimodal_cfg"] = {}, {}
    parts = {
        "model_cfg": model,
        "preprocess_cfg": config["preprocess_cfg"],
        "act_kwargs": model["text_cfg"]["act_kwargs"],
    }
    (parts | model)[part]["run_this"] = "evil"
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(EncoderError, match=rf"{part}.*run_this.*remove"):
        load(f"local-dir:{tmp_path}")


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("vision_cfg", "timm_model_name", "hf-hub:evil/model"),
        ("vision_cfg", "timm_model_name", "local-dir:."),
        ("vision_cfg", "timm_model_name", "../evil"),
        ("text_cfg", "hf_model_name", "/evil"),
        ("text_cfg", "hf_model_name", "../evil"),
        ("text_cfg", "hf_tokenizer_name", 7),
        ("text_cfg", "tokenizer_kwargs", ["trust_remote_code"]),
        ("text_cfg", "width", {"a": 1}),
    ],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, part: str, field: str, value: Any) -> None:
    clip(tmp_path)
    config = json.loads((tmp_path / "open_clip_config.json").read_text())
    config["model_cfg"][part][field] = value
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(EncoderError, match=rf"{part}.*{field}"):
        load(f"local-dir:{tmp_path}")


def test_tokenizer_beside_code_is_read_without_it_or_refused(tmp_path: Path, marker: Path) -> None:
    reference = clip(tmp_path, hf_tokenizer_name="evil", context_length=12)
    tokenizer(["<pad>"], bos=None).save_pretrained(tmp_path)
    infect(tmp_path, marker)
    put(tmp_path, "tokenizer_config.json", tokenizer_class="Evil")
    with pytest.raises(EncoderError, match="code of its own, which is never run"):
        load(reference)


def test_text_tower_of_a_hub_cannot_bring_code(tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As though the hub's cache held it: a configuration that names classes of its own."""
    hub = tmp_path / "hub" / "models--evil--tower"
    snapshot = hub / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    (hub / "refs").mkdir()
    (hub / "refs" / "main").write_text("1")
    infect(snapshot, marker)
    put(snapshot, "config.json", model_type="evil")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = tmp_path / "model"
    folder.mkdir()
    reference = clip(folder, hf_model_name="evil/tower", hf_tokenizer_name="evil/tower")
    put(folder, "open_clip_config.json")
    with pytest.raises(EncoderError, match="code of its own, which is never run"):
        load(reference)


@pytest.mark.parametrize("forced", ["", "1"])
@pytest.mark.parametrize("name", ["open_clip_pytorch_model.bin", "pytorch_model.bin", "other.pt", "other.pth"])
def test_pickled_weights_run_nothing(
    tmp_path: Path, marker: Path, name: str, forced: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", forced)
    reference = clip(tmp_path)
    (tmp_path / "open_clip_model.safetensors").unlink()
    torch.save({"state_dict": {"x": Pickled(marker)}}, tmp_path / name)
    with pytest.raises(EncoderError, match="cannot be built"):
        load(reference)


def test_pickled_checkpoint_by_its_path_runs_nothing(tmp_path: Path, marker: Path) -> None:
    torch.save({"state_dict": {"x": Pickled(marker)}}, tmp_path / "x.pt")
    with pytest.raises(EncoderError, match="cannot be built"):
        load_encoder(EncoderSettings("ViT-B-32", str(tmp_path / "x.pt"), device="cpu"))


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llava")
    torch.manual_seed(3)
    save_llava(folder)
    return folder


@pytest.fixture
def model(llava: Path, tmp_path: Path) -> Path:
    """A tiny model that converses, to be spoilt."""
    return shutil.copytree(llava, tmp_path / "model")


def refused(folder: Path, words: str = "") -> None:
    with pytest.raises(LikelihoodError, match=words or "."):
        load_likelihood_model(str(folder))


def test_known_model_is_read_without_the_code_beside_it(model: Path, marker: Path) -> None:
    infect(model, marker)
    (model / "video_preprocessor_config.json").unlink()
    load_likelihood_model(str(model))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("config.json", {"model_type": "evil", "architectures": ["Evil"]}),
        ("processor_config.json", {"processor_class": "Evil"}),
    ],
)
def test_model_that_wants_its_own_code_is_refused(model: Path, marker: Path, name: str, fields: dict[str, Any]) -> None:
    infect(model, marker)
    put(model, name, **fields)
    refused(model, OWN_CODE)


@pytest.mark.parametrize("nested", ["text_config", "vision_config"])
@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "evil", "auto_map": CLASSES},
        {"model_type": "timm_wrapper", "architecture": "local-dir:.", "model_args": {}},
        {"model_type": "timm_backbone", "backbone": "local-dir:.", "use_pretrained_backbone": True},
    ],
    ids=lambda config: config["model_type"],
)
def test_towers_of_a_model_bring_no_code(
    model: Path, marker: Path, nested: str, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    infect(model, marker)
    torch.save({"state_dict": Pickled(marker)}, model / "pytorch_model.bin")
    put(model, "config.json", **{nested: config}, architecture="resnet18")
    monkeypatch.chdir(model)
    refused(model)


def test_pickled_weights_of_a_model_are_not_read(model: Path, marker: Path) -> None:
    (model / "model.safetensors").unlink()
    torch.save({"x": Pickled(marker)}, model / "pytorch_model.bin")
    refused(model, "safetensors")


def test_adapter_that_leads_to_another_model_is_refused(model: Path, marker: Path) -> None:
    put(model, "adapter_config.json", base_model_name_or_path="evil/base", peft_type="LORA")
    refused(model, r"adapter_config\.json.*merge")


@pytest.mark.parametrize("field", ["attn_implementation", "_attn_implementation"])
def test_kernels_of_a_hub_are_refused(model: Path, field: str) -> None:
    put(model, "config.json", **{field: "evil/kernels"})
    refused(model, r"config\.json.*evil/kernels")


@pytest.mark.parametrize("target", ["../elsewhere.safetensors", "/etc/passwd", "sub/x.safetensors", "..", ""])
def test_index_that_leads_out_of_the_folder_is_refused(model: Path, target: str) -> None:
    (model / "model.safetensors").rename(model.parent / "elsewhere.safetensors")
    put(model, "model.safetensors.index.json", metadata={"total_size": 1}, weight_map={"x": target})
    refused(model, r"model\.safetensors\.index\.json.*weight_map")


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.system('touch MARKER') }}",
        "{% for m in messages %}{{ m.__class__ }}{{ lipsum.__globals__['os'].popen('touch MARKER') }}{% endfor %}",
        "{% include '/etc/passwd' %}",
        "{{ raise_exception('no') }}",
        "{% for",
    ],
)
def test_chat_template_runs_in_a_sandbox_and_its_faults_are_named(model: Path, marker: Path, template: str) -> None:
    (model / "chat_template.jinja").write_text(template.replace("MARKER", str(marker)))
    refused(model, "chat template")


def test_coca_is_held_to_the_same(tmp_path: Path, marker: Path) -> None:
    save_coca(tmp_path)
    config = json.loads((tmp_path / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"] |= {"hf_tokenizer_name": "evil", "tokenizer_kwargs": {"trust_remote_code": True}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    infect(tmp_path, marker)
    for ask in (load_likelihood_model, lambda reference: likelihood_identity(reference, precision="fp32")):
        with pytest.raises(LikelihoodError, match=r"tokenizer_kwargs.*trust_remote_code"):
            ask(f"open_clip:local-dir:{tmp_path}")


def fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def device(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(path)


def huge(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(2**40)


def nested(path: Path) -> None:
    path.write_text("[" * 200_000 + "]" * 200_000)


SPOILT: list[Callable[[Path], None]] = [fifo, device, loop, huge]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("name", ["open_clip_config.json", "tokenizer.json", "vocab.txt", "spiece.model"])
def test_only_regular_files_of_a_sane_size_are_opened(tmp_path: Path, name: str, spoil: Callable[[Path], None]) -> None:
    reference = clip(tmp_path, hf_tokenizer_name="mine")
    spoil(tmp_path / name)
    for ask in (load, lambda reference: encoder_identity(EncoderSettings(reference, device="cpu"))):
        with pytest.raises(EncoderError, match=name.replace(".", r"\.")):
            ask(reference)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "chat_template.jinja", "generation_config.json"])
def test_so_it_is_with_a_model_that_converses(model: Path, name: str, spoil: Callable[[Path], None]) -> None:
    spoil(model / name)
    refused(model, name.replace(".", r"\."))
    with pytest.raises(LikelihoodError, match=name.replace(".", r"\.")):
        likelihood_identity(str(model), precision="fp32")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("spoil", [fifo, device, loop], ids=lambda spoil: spoil.__name__)
def test_weights_are_a_regular_file(tmp_path: Path, model: Path, spoil: Callable[[Path], None]) -> None:
    other = tmp_path / "other"
    other.mkdir()
    reference = clip(other)
    (other / "open_clip_model.safetensors").unlink()
    spoil(other / "x.safetensors")
    with pytest.raises(EncoderError, match=r"x\.safetensors"):
        load(reference)
    spoil(model / "model.safetensors")
    refused(model, r"model\.safetensors")


def test_configs_nested_too_deep_are_named(tmp_path: Path, model: Path) -> None:
    reference = clip(tmp_path)
    nested(tmp_path / "open_clip_config.json")
    with pytest.raises(EncoderError, match=r"open_clip_config\.json"):
        load(reference)
    nested(model / "config.json")
    refused(model, r"config\.json")


def test_config_nested_as_deep_as_json_is_read_ends_in_no_traceback(tmp_path: Path, model: Path) -> None:
    for depth in (300, 600, 900, 960):
        deep = '{"a":' * depth + "1" + "}" * depth
        (model / "processor_config.json").write_text(f'{{"more": {deep}}}')
        with suppress(LikelihoodError):
            load_likelihood_model(str(model))
        (tmp_path / "open_clip_config.json").write_text(f'{{"model_cfg": {deep}}}')
        with pytest.raises(EncoderError):
            load(f"local-dir:{tmp_path}")


#: JSON with the names that matter in places that matter.
PARTS = ["model_cfg", "preprocess_cfg", "text_cfg", "vision_cfg", "multimodal_cfg", "tokenizer_kwargs", "act_kwargs"]
NAMES = ["hf_model_name", "hf_tokenizer_name", "timm_model_name", "bpe_path", "trust_remote_code", "clean", "width"]
KEYS = st.sampled_from([*PARTS, *NAMES])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["a/b", "../x", "local-dir:.", "hf-hub:a/b", "vit"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
TOWERS = st.fixed_dictionaries(
    {}, optional={"tokenizer_kwargs": VALUES, "hf_model_name": VALUES, "width": VALUES, "x": VALUES}
)
CONFIGS = st.fixed_dictionaries(
    {
        "model_cfg": st.fixed_dictionaries(
            {"vision_cfg": TOWERS, "text_cfg": TOWERS}, optional={"multimodal_cfg": TOWERS}
        )
    }
)


def keys(value: Any) -> set[str]:
    """All keys, at any depth."""
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return set(value if isinstance(value, dict) else ()).union(*map(keys, inner))


@given(CONFIGS | st.dictionaries(KEYS, VALUES))
@example({"model_cfg": {"vision_cfg": {}, "text_cfg": {"width": [{"bpe_path": None}]}}})
@settings(max_examples=500, deadline=None)
def test_any_configuration_is_refused_by_an_error_of_ours_or_asks_for_nothing_else(config: dict[str, Any]) -> None:
    try:
        check_open_clip(config, Path("open_clip_config.json"))
    except ModelFileError:
        return
    assert not keys(config) & {"trust_remote_code", "bpe_path"}
    for tower in config["model_cfg"].values():
        for name in ("timm_model_name", "hf_model_name"):
            assert not re.search(r"[:.]", str(tower.get(name) or ""))


def test_a_link_to_weights_elsewhere_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    reference = clip(folder)
    weights = (folder / "open_clip_model.safetensors").rename(tmp_path / "weights.safetensors")
    (folder / "open_clip_model.safetensors").symlink_to(weights)
    load(reference)
