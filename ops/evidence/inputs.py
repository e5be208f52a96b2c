"""What a row- or drop-scope audit may look at."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ops.core.schemas import BOXES
from ops.core.vectors import Vectors
from ops.evidence.likelihoods import NO_LIKELIHOODS, LikelihoodTable
from ops.evidence.picture_table import NO_PICTURES, PictureTable
from ops.vision.colours import NO_COLOURS, ColourTable
from ops.vision.regions import NO_REGIONS, RegionTable


@dataclass(frozen=True, slots=True)
class RowInputs:
    """What a row- or drop-scope audit may look at: a batch of `examples` (schemas.EXAMPLES), the vectors of their
    images and of the texts the audits asked for, and the delivery's bank: a fixed random set of its images and
    statements (at most `bank_size` each), which stands for "some other image" and "some other text". The colours of
    the images, and what else ingest found in their pixels, are there for audits that use them.

    A delivery may be without images, without texts that say anything, without either: all vectors are of one width,
    those too of which there are none."""

    examples: pa.Table
    images: Vectors
    texts: Vectors
    bank_images: Vectors
    bank_texts: Vectors
    colours: ColourTable = NO_COLOURS
    pictures: PictureTable = NO_PICTURES
    likelihoods: LikelihoodTable = NO_LIKELIHOODS
    """Of the turns' answers, where a vision-language model is set."""
    regions: RegionTable = NO_REGIONS
    """Of the phrases whose place audits asked for, where the encoder can tell."""
    boxes: pa.Table = field(default_factory=BOXES.schema.empty_table)
    """The boxes of the examples (schemas.BOXES), for audits that use them."""
    fitted: Any = None
    """What the audit's `fit` made of the delivery; None where the examples are the whole delivery."""
    source_file_count: int = 0
    """Source files of the delivery that have examples with pictures; 0 where the examples are the whole delivery."""

    def __post_init__(self) -> None:
        sides = ("images", "texts", "bank_images", "bank_texts")
        width = max(getattr(self, side).width for side in sides)
        for side in sides:
            object.__setattr__(self, side, getattr(self, side).widened(width))
