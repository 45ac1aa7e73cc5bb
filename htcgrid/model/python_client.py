"""A session's Python client, as its workers know it: version, script and folders.

It stands under ``"python"`` in :attr:`Session.codec_options`, where clients of other languages have nothing, and makes
no difference to what is submitted: a session's digest leaves it out.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

#: Its key in :attr:`Session.codec_options`.
PYTHON = "python"


class PythonClient(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A client and its session, as the Python runtime sees them."""

    #: Its version of Python, as ``3.11``.
    version: str = ""
    #: The script that it runs, as the home of a handler's name, a file or a module; empty for a prompt or a notebook.
    script: str = ""
    #: Folders from which the client imports, for messages: the first ones that are not the interpreter's own.
    folders: tuple[str, ...] = ()
    #: What the client of an embedded grid has added to its search path since it opened the grid, with the places there.
    paths: tuple[tuple[int, str], ...] = ()
    #: The digest and the size of the function that the session's tasks are for, when that has no name: the session has
    #: it beside its payloads.
    function: tuple[str, int] | None = None
    #: Whether that function refers to classes of the script that data may name, too.
    refers: bool = False

    def defines(self, handler: str) -> bool:
        """Return whether the client's script defines this handler, so that workers have the script as ``__main__``."""
        return bool(self.script) and handler.rpartition(":")[0] == self.script

    def wanted(self, handler: str) -> str:
        """Return the script that workers must have for this handler's tasks; empty for none."""
        return self.script if self.refers or self.defines(handler) else ""


def python_client(options: Mapping[str, Any]) -> PythonClient:
    """Return what a session's codec options tell; nothing when its client is of another language, or of other times."""
    try:
        return msgspec.convert(options.get(PYTHON, {}), PythonClient)
    except msgspec.ValidationError:
        return PythonClient()


def told(client: PythonClient) -> dict[str, Any]:
    """Return the codec options that tell ``client``."""
    return {PYTHON: msgspec.to_builtins(client)}
