"""A tiny model to be spoilt, and a file that shows whether code of its folder ran."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.support.tiny_models import save_llava


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


@pytest.fixture(scope="session")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llava")
    torch.manual_seed(3)
    save_llava(folder)
    return folder


@pytest.fixture
def model(llava: Path, tmp_path: Path) -> Path:
    """A tiny model that converses, to be spoilt."""
    return shutil.copytree(llava, tmp_path / "model")
