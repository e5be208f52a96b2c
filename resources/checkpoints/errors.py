"""What is wrong with a checkpoint; apart from what reads it, which imports torch."""

from ops.core.errors import AssayError


class CheckpointError(AssayError, ValueError):
    """A checkpoint that cannot be read, or does not fit its baseline; the message names the tensors and the fix."""
