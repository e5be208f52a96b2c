"""No code of the folder of a model that answers runs, whatever its files ask for."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from resources.models.answer_model import LikelihoodError
from resources.models.likelihood import likelihood_identity, load_likelihood_model
from resources.models.model_files import OWN_CODE
from tests.support.tiny_models import save_coca
from tests.support.untrusted_models import CLASSES, Pickled, infect, put, refused


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
