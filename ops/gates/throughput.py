"""Whether an embedding run was far slower than the same encoder was before: a job that fell back to the CPU, or shares
its device, gives the right vectors and costs the night."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ops.core.errors import AssayError

#: Texts that cost about as much as one image, for encoders of the usual proportions.
TEXTS_AN_IMAGE = 4
_FEWEST_SECONDS = 60
_FEWEST_BEFORE = 500


class SlowEncoderError(AssayError):
    """A delivery was embedded too slowly for its run to go on."""


@dataclass(frozen=True, slots=True)
class EmbedRun:
    """What one run embedded anew, with the start of its processes in `seconds`."""

    encoder: str
    device: str
    images_new: int
    texts_new: int
    seconds: float

    @property
    def work(self) -> float:
        """Images, and texts at their share of one."""
        return self.images_new + self.texts_new / TEXTS_AN_IMAGE

    @property
    def rate(self) -> float:
        """Work a second."""
        return self.work / max(self.seconds, 1e-9)


def slowness(now: EmbedRun, before: Sequence[EmbedRun], *, slow_share: float) -> str:
    """What is wrong with the run's speed, or nothing.

    It is too slow below `slow_share` of the median rate of earlier runs of the encoder, on whatever device. Runs under
    a minute, in which the start of processes counts, are not judged, and earlier runs of few images not compared with.
    """
    rates = [run.rate for run in before if run.encoder == now.encoder and run.work >= _FEWEST_BEFORE]
    if not rates or now.seconds < _FEWEST_SECONDS or now.rate >= slow_share * median(rates):
        return ""
    devices = ", ".join(sorted({run.device for run in before if run.encoder == now.encoder and run.work}))
    return (
        f"embedded {now.rate:.1f} images a second on {now.device}; {now.encoder} did {median(rates):.1f} before (on "
        f"{devices}), and embedding.slow_share allows {slow_share:g} of that. See whether the device is free. "
        "The vectors are good and stored: run again to go on with them"
    )
