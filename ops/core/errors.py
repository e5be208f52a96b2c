"""What whoever runs Assay can mend. The command line says these errors in one line; any other is a fault of Assay.

Each is also the builtin that fits, for code that asks no more than "is it not there?".
"""


class AssayError(Exception):
    """Something outside the code stands in the way; the message says what, and what to do about it."""


class UnusableError(AssayError, ValueError):
    """Something given cannot be used, or something asked for cannot be done."""


class MissingError(AssayError, LookupError):
    """Something asked for is not there, or not yet."""


class EngineError(AssayError, RuntimeError):
    """An engine or a package that Assay stands on is missing, or does not start."""


class BusyError(AssayError, TimeoutError):
    """Other writers came first, time and again; doing it again is the mend."""


def mendable_names() -> set[str]:
    """The names of these classes and of all that derive from them, for where an error is known by name alone."""
    waiting, names = [AssayError], set[str]()
    while waiting:
        kind = waiting.pop()
        names.add(kind.__name__)
        waiting += kind.__subclasses__()
    return names
