"""Which handlers an agent runs: patterns of their names."""

from collections.abc import Iterable
from fnmatch import fnmatchcase


def allows(patterns: Iterable[str], handler: str) -> bool:
    """Return whether one of the patterns matches a handler's name.

    None matches a file that is named with ``..``: ``/srv/tasks/*`` would match any file of the machine by a way through
    that folder and out of it.
    """
    home = handler.rpartition(":")[0]
    if ".." in home.split("/"):
        return False
    return any(fnmatchcase(handler, pattern) for pattern in patterns)
