"""Which errors may pass by themselves: a worker or a node that was lost, a store or a network that was away."""

import errno

from ops.core.errors import BusyError

#: By name, so that no engine is imported to know them.
_ENGINES = {
    "ActorDiedError",
    "ActorUnavailableError",
    "NodeDiedError",
    "ObjectLostError",
    "OwnerDiedError",
    "RaySystemError",
    "WorkerCrashedError",
    "Py4JNetworkError",
}
#: py4j's for a Java that ended while it was asked; of the kinds below it those are that Java raised.
_UNANSWERED = "Py4JError"
_SYSTEM = {
    errno.ECONNABORTED,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.ESTALE,
    errno.ETIMEDOUT,
}


def is_transient(error: BaseException) -> bool:
    """Whether the error, or one that it came of, may pass on a second try. Bad data and full disks do not."""
    while True:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        if isinstance(error, BusyError) or _ENGINES.intersection(kinds) or kinds[0] == _UNANSWERED:
            return True
        if isinstance(error, ConnectionError) or (isinstance(error, OSError) and error.errno in _SYSTEM):
            return True
        if error.__cause__ is None:
            return False
        error = error.__cause__
