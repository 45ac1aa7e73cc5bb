"""What to do about a module that a handler needs and a worker does not find."""

import os
import sys
from contextlib import suppress
from pathlib import Path


def advice(error: BaseException, home: str) -> str:
    """Return the end of a message about a failed import: where was searched, and what names more; nothing for others.

    ``home`` is the handler's own module, or its file.
    """
    # Python's own alone: a class that somebody derived from it may raise anything when it is asked.
    if type(error) is not ModuleNotFoundError or error.name is None:
        return ""
    searched = ", ".join(_folders()) or "no folder of yours"
    # A file has no dotted name, and so is no part of one.
    if home == error.name or home.startswith(f"{error.name}."):
        todo = "add the folder that holds it to 'path' in [agent] of the agent's grid.toml"
    else:
        todo = f"{home!r} imports it: install it where the agent runs, or add its folder to 'path' in [agent]"
    return f"; searched: {searched}, and what is installed for {sys.executable}; {todo}"


def _folders() -> list[str]:
    """Return where modules are looked for, but for the interpreter's own folders and those of what is installed."""
    own = [
        str(Path(prefix).resolve() / library)
        for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix)
        for library in ("lib", "lib64")
    ]
    found = []
    for entry in sys.path:
        # Handlers may put anything there, and the folder that is current may be gone.
        with suppress(OSError, TypeError, ValueError):
            folder = os.path.realpath(os.fsdecode(entry) or os.curdir)
            if not any(folder == each or folder.startswith(each + os.sep) for each in own):
                found.append(folder)
    return list(dict.fromkeys(found))
