"""The two witnesses that a claim is held against: what the pixels show, and which of its rivals the encoder prefers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ops.claims.texts import Claim
from ops.core.identity import text_id
from ops.core.vectors import Vectors
from ops.evidence.bank import pair_spread
from ops.vision.colours import PictureColours, Shares
from ops.vision.regions import Region

SUPPORTED, CONTRADICTED = "supported", "contradicted"

_THINGS = frozenset(("shape", "object", "thing", "item", "figure", "element", "it"))
_GROUNDS = frozenset(("background", "ground", "wall", "walls", "sky", "floor", "border"))
_BACKGROUNDS = frozenset(("background", "ground", "border"))  # of them, those that are where nothing else is
_MOSTLY = 0.5  # of a subject that surely has a colour, for the claim to be supported
_HARDLY = 0.03  # of a subject that could be called so, for the claim to be contradicted
_WHOLLY = 0.8  # of a subject that surely has a colour which is denied
_NOWHERE = 0.001  # of a picture, or of the places where a thing may be, that could be called so, for it to be nowhere
_NO_SPREAD = 1e-4  # of cosine, which half precision cannot tell from 0
_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Sight:
    """What the pixels say of a claim: `verdict` empty where they do not tell, `against` in 0..1 where they can be
    asked. `region` is subject, phrase, image, or empty where they were not looked at; `box` as in `PictureColours`."""

    verdict: str = ""
    against: float | None = None
    region: str = ""
    box: tuple[float, float, float, float] | None = None
    colours: str = ""
    possible: float | None = None
    sure: float | None = None


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the encoder says of n claims: `margin` over the best foil, in units of the bank's `pair_spread`, what of it
    the text alone gives (`blind`), the place of that foil among the claim's own, and `fit`, in standard deviations over
    the bank's images: how much better than to other pictures the claim (or what it denies, then negated) fits to its
    own. Not a number where a vector is missing, there is no foil, or the bank has no spread."""

    margin: np.ndarray
    blind: np.ndarray
    foil: np.ndarray
    fit: np.ndarray


def look(claim: Claim, picture: PictureColours | None, region: Region | None = None) -> Sight:
    """What the pixels say of the claim; nothing where they are not known or say nothing on its kind. `region` is where
    the claim's subject is, if that is certain."""
    if picture is None:
        return Sight()
    if claim.kind == "count":
        return _counted(claim, picture)
    if claim.kind != "colour":
        return Sight()
    whole = _coloured(claim, picture)
    return _placed(claim, region) if region and not whole.verdict else whole


def sought(claim: Claim, picture: PictureColours | None) -> str:
    """The thing that must be found in the picture before its colour can be told; empty where no place would tell it:
    of a denial, of what names no thing, of grounds, and where the picture is known to show one thing alone."""
    if claim.kind != "colour" or claim.is_denied or not claim.subject or _is_any_thing(claim.subject):
        return ""
    if not _BACKGROUNDS.isdisjoint(claim.subject.split()) or picture is None or picture.has_one_subject:
        return ""
    return claim.subject


def rules_out(region: Region, colour: str) -> bool:
    """Whether no pixel of any place where the thing may be could be called so."""
    return region.may_be.of(colour)[0] <= _NOWHERE


def _placed(claim: Claim, region: Region) -> Sight:
    possible, sure = region.inside.of(claim.value)
    verdict = SUPPORTED if sure >= _MOSTLY else CONTRADICTED if rules_out(region, claim.value) else ""
    return Sight(verdict, 1 - possible, "phrase", region.box, region.inside.words(), possible, sure)


def _coloured(claim: Claim, picture: PictureColours) -> Sight:
    on_subject = picture.has_one_subject and _GROUNDS.isdisjoint(claim.subject.split())
    shares: Shares = picture.subject if on_subject else picture.whole
    possible, sure = shares.of(claim.value)
    verdict, against = "", None
    if claim.is_denied:
        # "No red circle" is true of a red square: only a denial about any thing at all can be held against one.
        if on_subject and _is_any_thing(claim.subject):
            verdict = CONTRADICTED if sure >= _WHOLLY else SUPPORTED if possible <= _HARDLY else ""
            against = sure
    elif on_subject:
        verdict = SUPPORTED if sure >= _MOSTLY else CONTRADICTED if possible <= _HARDLY else ""
        against = 1 - possible
    else:
        verdict = CONTRADICTED if possible <= _NOWHERE else ""
        against = 1 - possible
    region = "subject" if on_subject else "image"
    box = picture.box if on_subject else (0.0, 0.0, 1.0, 1.0)
    return Sight(verdict, against, region, box, shares.words(), possible, sure)


def _counted(claim: Claim, picture: PictureColours) -> Sight:
    """Parts that stand apart on a plain ground are things where they are as many as claimed. One part of one colour is
    not several; several parts may be one thing."""
    if not _is_any_thing(claim.subject) or not picture.is_plain or not picture.parts:
        return Sight()
    claimed, is_one = int(claim.value), picture.parts == 1 and picture.subject.sure.max() >= 0.9
    verdict = (
        SUPPORTED if claimed == picture.parts else CONTRADICTED if claimed == 0 or (claimed > 1 and is_one) else ""
    )
    against = {SUPPORTED: 0.0, CONTRADICTED: 1.0}.get(verdict)
    return Sight(verdict, against, "subject", picture.box, picture.subject.words())


def _is_any_thing(subject: str) -> bool:
    """Whether the noun means whatever is there, so that any thing in the picture is meant."""
    first = subject.split(" ")[0].removesuffix("s")
    return first in _THINGS


def ask(
    claims: Sequence[Claim], foils: Sequence[Sequence[str]], image_ids: Sequence[str], vectors: Mapping[str, Vectors]
) -> Preferences:
    """What the encoder prefers, of n claims with their foils and their one image each. `vectors` are those of the
    `images`, the `texts`, and of the bank's images and texts (`bank_images`, `bank_texts`)."""
    bank = vectors["bank_images"].matrix.astype(np.float32)
    unit = pair_spread(vectors["bank_images"], vectors["bank_texts"])
    parts = [
        _asked(claims[at : at + _CHUNK], foils[at : at + _CHUNK], image_ids[at : at + _CHUNK], vectors, bank, unit)
        for at in range(0, len(claims), _CHUNK)
    ]
    if not parts:
        nothing = np.zeros(0, np.float32)
        return Preferences(nothing, nothing, nothing.astype(np.int64), nothing)
    return Preferences(*(np.concatenate([getattr(p, name) for p in parts]) for name in Preferences.__slots__))


def _asked(
    claims: Sequence[Claim],
    foils: Sequence[Sequence[str]],
    image_ids: Sequence[str],
    vectors: Mapping[str, Vectors],
    bank: np.ndarray,
    unit: float,
) -> Preferences:
    texts = sorted({text for claim, rivals in zip(claims, foils, strict=True) for text in (claim.statement, *rivals)})
    place = {text: n for n, text in enumerate(texts)}
    matrix, known = vectors["texts"].gather([text_id(text) for text in texts])
    image_vectors, has_vector = vectors["images"].gather(image_ids)
    result = Preferences(*(np.full(len(claims), np.nan, np.float32) for _ in range(4)))
    result = Preferences(result.margin, result.blind, np.zeros(len(claims), np.int64), result.fit)
    if not matrix.shape[1] or not image_vectors.shape[1] or unit <= _NO_SPREAD:
        return result
    over_bank = matrix @ bank.T
    usual, spread = over_bank.mean(axis=1), np.maximum(over_bank.std(axis=1), 1e-6)
    for n, (claim, rivals) in enumerate(zip(claims, foils, strict=True)):
        at = np.array([place[claim.statement], *(place[text] for text in rivals)])
        if len(at) < 2 or not has_vector[n] or not known[at].all():
            continue
        better = matrix[at] @ image_vectors[n] - usual[at]
        best = int(np.argmax(better[1:])) + 1
        result.foil[n] = best - 1
        result.margin[n] = (better[0] - better[best]) / unit
        result.blind[n] = (usual[at[0]] - usual[at[best]]) / unit
        affirmed = 1 if claim.is_denied and len(rivals) == 1 else 0
        result.fit[n] = better[affirmed] / spread[at[affirmed]] * (-1 if affirmed else 1)
    return result
