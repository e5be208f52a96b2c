"""What a model that says how likely answers are is asked, what it says, and how its reference is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image

from ops.core.errors import AssayError
from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder_source import EncoderError
from resources.models.model_files import ModelFileError, check_transformers

OPEN_CLIP = "open_clip:"
FILES = ("*.json", "*.safetensors", "*.jinja", "*.model", "*.txt")


class LikelihoodError(AssayError, RuntimeError):
    """The model that was asked for cannot be had or used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about pictures (RGB; none is allowed) and the answer whose likelihood is wanted."""

    query: str
    answer: str
    images: tuple[Image.Image, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerLikelihood:
    """`nats`: log-likelihood of the answer (natural logarithm, summed over its `tokens`); NaN where the model cannot
    read the conversation: it is too long or, for a CoCa, has several pictures."""

    nats: float
    tokens: int


class LikelihoodModel(Protocol):
    """What says how likely answers are."""

    def answers(self, asked: Sequence[Asked], *, batch: int = 8) -> list[AnswerLikelihood]:
        """The likelihood of each answer, in the order of `asked`; at most `batch` are read at once."""
        ...


def model_folder(reference: str) -> Path:
    """The folder of a model: as it is, or fetched from the hub by its name. LikelihoodError where neither is there, or
    where a file of it is not to be read."""
    folder = Path(reference).expanduser()
    if not folder.is_dir():
        folder = _fetched_folder(reference)
    try:
        check_transformers(folder)
    except ModelFileError as error:
        raise LikelihoodError(f"the model {reference!r}: {error}") from None
    return folder


def _fetched_folder(reference: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(reference, allow_patterns=list(FILES)))
    except Exception as error:
        raise LikelihoodError(
            f"the model {reference!r} is neither a folder nor to be had from the hub ({first_line(error)}); give the "
            "path of a folder with config.json, *.safetensors and the processor's files"
        ) from None


def caption_settings(reference: str, *, device: str) -> EncoderSettings:
    """A reference to open_clip as an encoder's settings say it, in fp32."""
    model, pretrained = reference.removeprefix(OPEN_CLIP), None
    if not model.startswith(("local-dir:", "hf-hub:")):
        model, _, pretrained = model.partition(":")
        if not model or not pretrained:
            raise LikelihoodError(
                f"the model {reference!r} names no weights; write open_clip:NAME:CHECKPOINT (a tag of open_clip or the "
                "path of a checkpoint), open_clip:local-dir:PATH or open_clip:hf-hub:ORG/NAME"
            )
    return EncoderSettings(model, pretrained, device, "fp32")


def caption_error(reference: str, error: EncoderError) -> LikelihoodError:
    """What was wrong with the encoder that the reference was read as."""
    return LikelihoodError(f"the model {reference!r}, read as an encoder, cannot be had: {error}")


def first_line(error: Exception) -> str:
    """Of its message, at most 300 characters."""
    return (str(error).strip().splitlines() or [repr(error)])[0][:300]
