"""What to do about a module that a handler needs and a worker does not find."""

import sys
from pathlib import Path


def advice(error: BaseException, home: str) -> str:
    """Return the end of a message about a failed import: where was searched, and what names more; nothing for others.

    ``home`` is the handler's own module, or its file.
    """
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
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
    own = {Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    found = []
    for entry in sys.path:
        folder = Path(entry or ".").resolve()
        if not any(folder.is_relative_to(prefix / "lib") or folder.is_relative_to(prefix / "lib64") for prefix in own):
            found.append(str(folder))
    return list(dict.fromkeys(found))
