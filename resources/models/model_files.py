"""Files of a model's folder, which anyone may have written: what is opened of them, and that no code of theirs runs.

Every way in (open_clip, transformers, timm, tokenizers) goes through here: `check_folder` before any file is opened,
`check_open_clip` or `check_transformers` for what the configurations ask for, and `no_model_code` around the library.
"""

import json
import os
import re
import stat
from collections.abc import Collection, Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

from ops.core.errors import AssayError
from ops.core.json_values import Json, JsonObject
from resources.engines.replacing import replaced

OPEN_CLIP = "open_clip_config.json"
INDEX = "model.safetensors.index.json"
#: Bytes of a vocabulary (the largest in use have 35 MB), and of any other file that is read as text.
_VOCABULARY_BYTES, _TEXT_BYTES = 256 << 20, 16 << 20
_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "merges.txt")
_TEXTS = (".json", ".jinja", ".txt", ".model")
#: What a tokenizer may be told; anything else goes on to a loader that takes `trust_remote_code`, or a path.
_TOKENIZER = {
    "clean": str,
    "strip_sep_token": bool,
    "language": str,
    "padding_side": str,
    "add_bos_token": bool,
    "add_eos_token": bool,
    "reduction_mask": str,
    "additional_special_tokens": list,
}
_LAYERS = ("approximate", "eps")
_TORCH_FORCES = ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_TIMM_NAME = re.compile(r"\w[\w.-]*")
OWN_CODE = (
    "it wants code of its own, which is never run here; take a model that the installed open_clip, timm and "
    "transformers know by themselves"
)


class ModelFileError(AssayError, RuntimeError):
    """A file of a model's folder that is not read; the message names it, says why and what to do."""


def check_folder(folder: Path) -> None:
    """ModelFileError where a file that a loader would open is none (a pipe, a device, a link that leads nowhere) or is
    larger than any that makes sense."""
    for inner in (folder, folder / "additional_chat_templates"):
        if not inner.is_dir():
            continue
        for entry in sorted(inner.iterdir()):
            check_file(entry)


def check_file(path: Path) -> None:
    """The same for one file, or a folder in which nothing is opened."""
    try:
        status = path.stat()
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read ({error.strerror}); remove it or put the file there") from None
    if stat.S_ISDIR(status.st_mode):
        return
    if not stat.S_ISREG(status.st_mode):
        raise ModelFileError(f"{path} is no regular file; put the file itself there, or remove it")
    limit = _VOCABULARY_BYTES if path.name in _VOCABULARIES or path.suffix == ".model" else _TEXT_BYTES
    if path.suffix in _TEXTS and status.st_size > limit:
        raise ModelFileError(
            f"{path} has {status.st_size} bytes, at most {limit} are read of such a file; put the right file there"
        )


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file. ModelFileError where it is none."""
    check_file(path)
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{path} is no JSON ({str(error) or repr(error)}); put the right file there") from None
    if not isinstance(value, dict):
        raise ModelFileError(f"{path} holds no JSON object; put the right file there")
    return cast("dict[str, Any]", value)


def check_open_clip(config: Mapping[str, Json], path: Path) -> None:
    """ModelFileError where the configuration (`open_clip_config.json`, read) asks for what open_clip does not know, or
    for what is not part of the model: other folders, hubs, a loader's own arguments."""
    from inspect import signature

    from open_clip import CLIPTextCfg, CLIPVisionCfg, CoCa
    from open_clip.coca_model import MultimodalCfg
    from open_clip.transform import PreprocessCfg

    model = _object(config.get("model_cfg"), path, "model_cfg")
    top = (set(signature(CoCa).parameters) | {"init_logit_bias", "custom_text"}) - {"cast_dtype"}
    parts = {"vision_cfg": CLIPVisionCfg, "text_cfg": CLIPTextCfg, "multimodal_cfg": MultimodalCfg}
    _known(model, top, path, "model_cfg", nested=parts)
    for name, kind in parts.items():
        if name == "multimodal_cfg" and name not in model:
            continue
        _tower(_object(model.get(name), path, name), set(kind.__dataclass_fields__), path, name)
    preprocess = _object(config.get("preprocess_cfg") or {}, path, "preprocess_cfg")
    _known(preprocess, set(PreprocessCfg.__dataclass_fields__), path, "preprocess_cfg")


def _tower(tower: Mapping[str, Json], fields: Collection[str], path: Path, part: str) -> None:
    inner = {"tokenizer_kwargs": tuple(_TOKENIZER), "act_kwargs": _LAYERS, "norm_kwargs": _LAYERS}
    _known(tower, fields, path, part, nested=inner)
    for name, keys in inner.items():
        asked = _object(tower.get(name) or {}, path, f"{part}.{name}")
        _known(asked, keys, path, f"{part}.{name}")
        for key, value in asked.items():
            if name == "tokenizer_kwargs" and not isinstance(value, _TOKENIZER[key]):
                raise _wrong(path, f"{part}.{name}.{key}", value, f"a value of the type {_TOKENIZER[key].__name__}")
    for name, shape, wanted in (
        ("timm_model_name", _TIMM_NAME, "the name of a model in timm's own list"),
        ("hf_model_name", _HUB_NAME, "ORG/NAME of a hub"),
        ("hf_tokenizer_name", _HUB_NAME, "ORG/NAME of a hub"),
    ):
        value = tower.get(name)
        if value not in (None, "") and not (isinstance(value, str) and shape.fullmatch(value)):
            raise _wrong(path, f"{part}.{name}", value, wanted)


def check_transformers(folder: Path) -> None:
    """ModelFileError where files of a folder lead transformers out of it: an adapter to its base model, an index to
    weights elsewhere, a configuration to kernels, or towers, of a hub."""
    check_folder(folder)
    adapter = folder / "adapter_config.json"
    if adapter.exists():
        raise ModelFileError(f"{adapter} leads to another model; merge the adapter into its model and name that")
    index = folder / INDEX
    if index.exists():
        _index(read_object(index), index)
    for path in sorted(folder.glob("*.json")):
        if path.name not in _VOCABULARIES and path.name != INDEX:
            _stay(read_object(path) if path.name.endswith("config.json") else {}, path)


def _index(index: Mapping[str, Json], path: Path) -> None:
    named = _object(index.get("weight_map"), path, "weight_map").values()
    for name in named:
        plain = isinstance(name, str) and name == Path(name).name and name.endswith(".safetensors")
        if not plain or not (path.parent / str(name)).is_file():
            raise _wrong(path, "weight_map", name, "names of *.safetensors files beside it")


def _stay(config: JsonObject, path: Path) -> None:
    # Without recursion: what JSON nests is as deep as it likes.
    waiting: list[JsonObject | list[Json]] = [config]
    while waiting:
        value = waiting.pop()
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(inner, dict | list):
                waiting.append(inner)
            elif isinstance(key, str) and isinstance(inner, str):
                _stay_named(key, inner, path)


def _stay_named(key: str, value: str, path: Path) -> None:
    if key.endswith("attn_implementation") and re.search(r"[/:]", value):
        raise _wrong(path, key, value, "one of eager, sdpa and flash_attention_2")
    if key in ("architecture", "backbone") and not _TIMM_NAME.fullmatch(value):
        raise _wrong(path, key, value, "the name of a model in timm's own list")


def _object(value: Json, path: Path, part: str) -> JsonObject:
    if not isinstance(value, dict):
        raise _wrong(path, part, value, "an object")
    return value


def _known(
    given: Mapping[str, Json], keys: Collection[str], path: Path, part: str, *, nested: Collection[str] = ()
) -> None:
    for key, value in given.items():
        if key not in keys:
            raise ModelFileError(
                f"{path}: {part} has the key {key!r}, which is not known; remove it (known: {', '.join(sorted(keys))})"
            )
        if key not in nested and _holds_more(value):
            raise _wrong(path, f"{part}.{key}", value, "a plain value, or a list of such")


def _holds_more(value: Json) -> bool:
    """Whether a setting is an object, or a list (as of means, or of special tokens) with anything but plain values."""
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(entry, dict | list) for entry in value)
    )


def _wrong(path: Path, part: str, value: Json, wanted: str) -> ModelFileError:
    return ModelFileError(f"{path}: {part} is {str(value)[:80]!r}; give {wanted}")


def own_code(error: Exception) -> str:
    """`OWN_CODE` where a library refused a model for its code (it would advise an argument that nobody can give here);
    else the first line of its message, at most 300 characters."""
    message = str(error).strip()
    if "trust_remote_code" in message or "custom code" in message:
        return OWN_CODE
    return (message.splitlines() or [repr(error)])[0][:300]


def _refuse(*_arguments: object, **_named: object) -> None:
    raise ValueError(OWN_CODE)


@contextmanager
def no_model_code(*, offline: bool) -> Generator[None]:
    """Whatever a library is told by the files it reads, inside this no Python of a model is imported, nobody is asked
    at the terminal whether it may be, and pickles hold tensors alone; `offline`: nor is any hub asked."""
    from huggingface_hub import constants
    from transformers import dynamic_module_utils as dynamic
    from transformers.generation import utils as generation

    with ExitStack() as stack:
        stack.enter_context(_weights_only())
        # `trust_remote_code=False` does not reach every loader inside: open_clip's text towers take no such argument.
        # These two are what every path to a model's Python ends in.
        for module in (dynamic, generation):
            for name in ("get_class_in_module", "get_cached_module_file"):
                stack.enter_context(replaced(module, name, _refuse))
        stack.enter_context(replaced(dynamic, "TIME_OUT_REMOTE_CODE", 0))
        if offline:
            stack.enter_context(replaced(constants, "HF_HUB_OFFLINE", True))
        yield


@contextmanager
def _weights_only() -> Generator[None]:
    """torch reads no pickle as more than tensors, whatever its callers pass and the environment says."""
    before = {name: os.environ.pop(name, None) for name in _TORCH_FORCES}
    os.environ[_TORCH_FORCES[0]] = "1"
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
