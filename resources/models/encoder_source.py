"""Where an encoder's weights lie: found, or fetched, and hashed, before a model is built.

torch and open_clip are imported where they are needed: naming the mini encoder takes milliseconds, importing them
seconds.
"""

import ctypes
import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from ops.core.errors import AssayError
from ops.core.identity import fingerprint
from resources.config.encoder_settings import EncoderSettings
from resources.models.mini.files import HEADS, tower_files
from resources.models.model_files import OPEN_CLIP as _CONFIG
from resources.models.model_files import ModelFileError, check_folder, check_open_clip, read_object
from resources.models.preprocessing import Preprocessing

MINI = "mini"
RANDOM = "random"
"""`pretrained: random` gives seeded random weights: for measuring speed, not data."""
_WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "model.safetensors",
    "open_clip_pytorch_model.bin",
    "pytorch_model.bin",
)
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "config.json")
_REACHABLE_S = 5
#: Part of every identity: raised when the same weights would give other vectors.
_REVISION = 2


class EncoderError(AssayError, RuntimeError):
    """The encoder that was asked for cannot be had; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """A model reference brought to files: `model` as open_clip takes it, its checkpoint (None for mini and for random
    weights), the hashes of its weights and of its configuration, a short label, and how images are prepared."""

    model: str
    checkpoint: Path | None
    weights_hash: str
    config_hash: str
    label: str
    preprocessing: Preprocessing
    tag: str | None = None


def encoder_identity(settings: EncoderSettings) -> str:
    """Name of the vectors that this encoder makes: model, weights, preprocessing and precision. No model is built;
    weights are hashed once a process."""
    source = find_source(settings)
    hashes = (source.weights_hash, source.config_hash, asdict(source.preprocessing))
    return f"{source.label}-{fingerprint(*hashes, precision_of(settings), _REVISION)}"


def device_of(settings: EncoderSettings) -> str:
    """The device the settings mean on this machine, as torch names it. EncoderError where it is not there. Where in a
    cluster an encoder runs is for resources/models/placement.py to say."""
    if settings.device == "cpu":
        return "cpu"
    gpus = local_gpus()
    if settings.device == "auto":
        return "cuda" if gpus else "cpu"
    if int(settings.device.partition(":")[2] or 0) >= gpus:
        raise EncoderError(
            f"encoder.device is {settings.device!r}, but {gpus} GPUs are to be seen; set it to auto, cpu or cuda:N, or "
            "install a PyTorch build that sees the GPU"
        )
    return settings.device


def precision_of(settings: EncoderSettings) -> str:
    """fp32, bf16 or fp16. It is part of an encoder's identity, which is asked for where no cluster is known, so that
    `auto` goes by the device that is named, or else by this machine."""
    if settings.precision != "auto":
        return settings.precision
    on_gpu = local_gpus() > 0 if settings.device == "auto" else settings.device != "cpu"
    return "bf16" if on_gpu else "fp32"


def local_gpus() -> int:
    """How many GPUs PyTorch sees from this process: none where no driver is, which is known without importing it."""
    if not _has_driver():
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


@cache
def _has_driver() -> bool:
    """Whether a driver of NVIDIA's or AMD's is there: PyTorch counts GPUs by these alone."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Path("/dev/kfd").exists()
    return True


def find_source(settings: EncoderSettings) -> Source:
    """The files of the reference; fetches them only where the reference names a hub and no cache holds them."""
    model, pretrained = settings.model, settings.pretrained
    if model == MINI:
        return _mini()
    if model.startswith("local-dir:"):
        return _folder(Path(model.removeprefix("local-dir:")).expanduser(), model)
    if model.startswith("hf-hub:"):
        return _folder(_fetched_folder(model.removeprefix("hf-hub:")), model)
    return _built_in(model, pretrained)


def _mini() -> Source:
    files = (*tower_files(), HEADS)
    # The towers were trained on pixels in -1..1, which is what Preprocessing's defaults give.
    return Source(MINI, None, fingerprint(*(file_hash(path) for path in files)), "", MINI, Preprocessing())


def _folder(folder: Path, reference: str) -> Source:
    config = folder / _CONFIG
    if not config.is_file():
        raise EncoderError(
            f"encoder.model {reference}: {config} is not there; point to a folder that holds {_CONFIG} and the "
            "weights, as `open_clip.push_to_hf_hub.save_for_hf` writes them"
        )
    try:
        check_folder(folder)
        settings = read_object(config)
        check_open_clip(settings, config)
    except ModelFileError as error:
        raise EncoderError(f"encoder.model {reference}: {error}") from None
    known = [folder / name for name in _WEIGHTS if (folder / name).is_file()]
    others = sorted(folder.glob("*.safetensors")) + sorted(folder.glob("*.bin")) + sorted(folder.glob("*.pt*"))
    weights = known or others
    if not weights:
        raise EncoderError(f"encoder.model {reference}: no weights in {folder}; looked for *.safetensors, *.bin, *.pt")
    try:
        preprocessing = _preprocessing(settings["model_cfg"], settings.get("preprocess_cfg") or {})
    except (ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"encoder.model {reference}: {config} is no open_clip configuration ({error!r})") from None
    _fetch_tower(settings["model_cfg"]["text_cfg"].get("hf_model_name"), reference)
    label = reference.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    identity = fingerprint(settings)
    return Source(f"local-dir:{folder}", weights[0], file_hash(weights[0]), identity, _plain(label), preprocessing)


def _fetch_tower(name: str | None, reference: str) -> None:
    """The configuration of a text tower that a folder names by its place on a hub; the model is built without one."""
    if name:
        _fetched(name, ["config.json"], reference)


def _built_in(model: str, pretrained: str | None) -> Source:
    import open_clip

    name = model.replace("/", "-")
    if name not in open_clip.list_models():
        near = get_close_matches(name, open_clip.list_models(), 4, 0.5)
        raise EncoderError(
            f"encoder.model {model!r} is no model of open_clip (near: {', '.join(near) or 'none'}); "
            "give mini, a name of open_clip.list_models(), hf-hub:ORG/NAME or local-dir:PATH"
        )
    config = open_clip.get_model_config(name) or {}
    tags = open_clip.list_pretrained_tags_by_model(name)
    if not pretrained:
        raise EncoderError(
            f"encoder.model {model!r} needs encoder.pretrained: a checkpoint's path or one of {', '.join(tags)}"
        )
    usual = _preprocessing(config, {})
    if pretrained == RANDOM:
        return Source(name, None, RANDOM, fingerprint(config), _plain(f"{name}-{RANDOM}"), usual)
    if Path(pretrained).expanduser().is_file():
        path = Path(pretrained).expanduser()
        return Source(name, path, file_hash(path), fingerprint(config), _plain(f"{name}-{path.stem}"), usual)
    if pretrained not in tags:
        raise EncoderError(
            f"encoder.pretrained {pretrained!r} is neither a file nor a tag of {model}; "
            f"tags: {', '.join(tags) or 'none'}"
        )
    path = _fetched_tag(name, pretrained)
    tagged = open_clip.get_pretrained_cfg(name, pretrained)
    preprocessing = _preprocessing(config, tagged)
    label = _plain(f"{name}-{pretrained}")
    return Source(name, path, file_hash(path), fingerprint(config, tagged), label, preprocessing, pretrained)


def _preprocessing(model_config: dict[str, Any], preprocess_config: dict[str, Any]) -> Preprocessing:
    """As open_clip merges them: its defaults, what the checkpoint says, and the size of the model's image tower."""
    from open_clip.transform import PreprocessCfg, merge_preprocess_dict

    merged = merge_preprocess_dict(PreprocessCfg(), preprocess_config)
    merged["size"] = model_config["vision_cfg"].get("image_size", 224)
    return Preprocessing.of(merged)


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-.")[:60] or "encoder"


def _fetched_tag(name: str, tag: str) -> Path:
    from open_clip.pretrained import download_pretrained_from_url, get_pretrained_cfg

    cfg = get_pretrained_cfg(name, tag)
    hub: str = cfg.get("hf_hub") or ""
    if hub:
        repo, file = os.path.split(hub)
        safe = re.sub(r"\.(bin|pt|pth)$", ".safetensors", file) if file else ""
        names = [n for n in dict.fromkeys((safe, file, *(() if file else _WEIGHTS))) if n]
        return _fetched(repo, names, f"{name} / {tag}")
    target = Path.home() / ".cache/clip" / Path(cfg["url"]).name
    if not target.is_file():
        _require_network(cfg["url"], f"{name} / {tag}")
    return Path(_fetching(lambda: download_pretrained_from_url(cfg["url"]), f"{name} / {tag}"))


def _fetched_folder(repo: str) -> Path:
    config = _fetched(repo, [_CONFIG], f"hf-hub:{repo}")
    _fetched(repo, list(_WEIGHTS), f"hf-hub:{repo}")
    for name in _TOKENIZER:
        try:
            _fetched(repo, [name], f"hf-hub:{repo}")
        except EncoderError:
            continue  # Most models use open_clip's own tokenizer.
    return config.parent


def _fetched(repo: str, names: list[str], reference: str) -> Path:
    """The first of these files that the cache holds, or else that the repository has."""
    from huggingface_hub import constants, hf_hub_download

    for name in names:
        try:
            return Path(hf_hub_download(repo, name, local_files_only=True))
        except OSError:
            continue
    _require_network(constants.ENDPOINT, reference)
    for name in names[:-1]:
        try:
            return Path(hf_hub_download(repo, name, etag_timeout=_REACHABLE_S))
        except OSError:
            continue
    return Path(_fetching(lambda: hf_hub_download(repo, names[-1], etag_timeout=_REACHABLE_S), reference))


def _require_network(url: str, reference: str) -> None:
    """Asks once: the hub's client would try for half a minute."""
    from huggingface_hub import constants, get_session

    if constants.HF_HUB_OFFLINE:
        raise _unreachable(reference, "HF_HUB_OFFLINE is set")
    try:
        get_session().head(url, timeout=_REACHABLE_S)
    except Exception as error:
        raise _unreachable(reference, f"no answer from the hub: {error}") from None


def _fetching(fetch: Callable[[], Any], reference: str) -> Any:
    try:
        return fetch()
    except Exception as error:
        reason = str(error).strip().splitlines() or [repr(error)]
        raise _unreachable(reference, reason[0]) from None


def _unreachable(reference: str, why: str) -> EncoderError:
    return EncoderError(
        f"the weights of encoder {reference} are not in the local cache and cannot be fetched ({why}). Without "
        "network, set encoder.model to local-dir:PATH (a folder with open_clip_config.json and the weights), or "
        "encoder.pretrained to the path of a checkpoint, or encoder.model to mini, which needs none"
    )


def file_hash(path: Path) -> str:
    """SHA-256 of a file. A file of the hub's cache bears its hash as its name and is not read."""
    real = path.resolve()
    if real.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{64}", real.name):
        return real.name
    status = real.stat()
    return _file_hash(real, status.st_size, status.st_mtime_ns)


@cache
def _file_hash(path: Path, _size: int, _modified_ns: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
