"""What a Python client tells its workers beside a session's terms.

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
    #: Whether the handler's file or module is the client's script, which its workers have as ``__main__``, too.
    main: bool = False
    #: Folders from which the client imports, for messages: the first ones that are not the interpreter's own.
    folders: tuple[str, ...] = ()


def python_client(options: Mapping[str, Any]) -> PythonClient:
    """Return what a session's codec options tell; nothing when its client is of another language, or of other times."""
    try:
        return msgspec.convert(options.get(PYTHON, {}), PythonClient)
    except msgspec.ValidationError:
        return PythonClient()


def told(client: PythonClient) -> dict[str, Any]:
    """Return the codec options that tell ``client``."""
    return {PYTHON: msgspec.to_builtins(client)}
