"""Which handlers an agent runs: patterns of their names."""

import re
from collections.abc import Iterable
from functools import lru_cache

#: What allows every name.
_ANY = "*"
#: What letters of a pattern stand for that do not stand for themselves; the longest first.
_WILD = {"**": "[^:]*", "*": "[^/:]*", "?": "[^/:]"}
_PARTS = re.compile(r"\*\*|\*|\?|[^*?]+")


def allows(patterns: Iterable[str], handler: str) -> bool:
    """Return whether one of the patterns matches a handler's name.

    In a pattern, ``*`` stands for any letters but ``/`` and ``:``, ``?`` for one such letter, and ``**`` for any but
    ``:``; every other letter is itself. So ``pricing:*`` matches no file whose path begins with ``pricing:``, and
    ``/srv/tasks/*:*`` none in a folder below, which ``/srv/tasks/**:*`` does. A pattern that is ``*`` and nothing else
    matches every name.

    None matches a file that is named with ``..``: ``/srv/tasks/**:*`` would match any file of the machine by a way
    through that folder and out of it.
    """
    home = handler.rpartition(":")[0]
    if ".." in home.split("/"):
        return False
    return any(pattern == _ANY or _expression(pattern).fullmatch(handler) is not None for pattern in patterns)


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(_WILD.get(part) or re.escape(part) for part in _PARTS.findall(pattern)), re.DOTALL)
