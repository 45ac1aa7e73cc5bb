"""The scripts, one for each verb: each runs on the server as one atomic step."""

import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

#: What a server without memory does, too: all but what brings in more. What was accepted ends, and makes room.
_WHEN_FULL = frozenset(
    {"bury", "cancel", "claim", "collect", "commit", "give_back", "renew", "revive", "seal", "sweep", "withdraw"},
)
#: Scripts that are another one under the name of what they are called for.
_SAME = {"seal": "submit"}


class Script(NamedTuple):
    """A script and the name under which a server keeps it."""

    name: str
    source: str
    digest: str


@cache
def script(name: str) -> Script:
    """Return the script of this name, with what all scripts share in front."""
    folder = files("htcgrid_redis") / "lua"
    source = "\n".join(
        (folder / f"{part}.lua").read_text(encoding="utf-8") for part in ("common", _SAME.get(name, name))
    )
    if name in _WHEN_FULL:
        source = "#!lua flags=allow-oom\n" + source
    return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())
