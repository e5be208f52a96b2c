"""How likely a model finds an answer, given the question and its pictures: what it is asked, what it says, and by which
reference it is named.

| reference | model |
|---|---|
| a folder, or a name on the hub | a vision-language model that converses (resources/models/vision_language.py) |
| `open_clip:local-dir:PATH`, `open_clip:hf-hub:ORG/NAME` | a CoCa, which writes captions (resources/models/coca.py) |
| `open_clip:NAME:CHECKPOINT` | a CoCa by open_clip's name, with a tag of its weights or a checkpoint's path |
"""

from ops.core.identity import fingerprint
from resources.config.encoder_settings import EncoderSettings
from resources.models.answer_model import (
    FILES,
    OPEN_CLIP,
    LikelihoodModel,
    caption_error,
    caption_settings,
    model_folder,
)
from resources.models.encoder_source import EncoderError, encoder_identity, file_hash, precision_of

#: Part of every identity: raised when the same weights would give other figures.
_REVISION = 1


def load_likelihood_model(reference: str, *, device: str = "cpu", precision: str = "fp32") -> LikelihoodModel:
    """The model of the reference. LikelihoodError where it cannot be had."""
    # Each of them imports this module, and libraries that the other does not need.
    if reference.startswith(OPEN_CLIP):
        from resources.models.coca import CaptionModel

        return CaptionModel.load(reference, device=device, precision=precision)
    from resources.models.vision_language import VisionLanguageModel

    return VisionLanguageModel.load(reference, device=device, precision=precision)


def model_identity(reference: str, encoder: EncoderSettings) -> str:
    """Name of the figures of this model at the encoder's precision."""
    return likelihood_identity(reference, precision=precision_of(encoder))


def likelihood_identity(reference: str, *, precision: str) -> str:
    """Name of the figures that this model gives: the hashes of its files, and the precision. Builds no model."""
    if reference.startswith(OPEN_CLIP):
        try:
            weights = encoder_identity(caption_settings(reference, device="cpu"))
        except EncoderError as error:
            raise caption_error(reference, error) from None
        return f"vlm-{fingerprint(weights, precision, _REVISION)}"
    folder = model_folder(reference)
    files = sorted({path for pattern in FILES for path in folder.glob(pattern)})
    hashes = [(path.name, file_hash(path)) for path in files]
    return f"vlm-{fingerprint(hashes, precision, _REVISION)}"
