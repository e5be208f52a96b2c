"""The revision of the reading: which rows the same bytes become."""

READING = 12
"""Raised whenever the same files would be read as other rows. It is part of what names a delivery, so that a drop that
is run again is read anew, and of what a lake knows of one: deliveries of an older reading, or from before readings were
counted, are shown and read again. `tests/ops/formats/test_reading.py` fails where rows change and this does not."""


def is_older(reading: int | None) -> bool:
    """Whether rows of that reading may be others than are read now."""
    return reading is None or reading < READING
