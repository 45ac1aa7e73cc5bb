"""The name under which agents find a handler."""

import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from htcgrid.errors import ConfigError


def handler_name(handler: str | Callable[..., Any]) -> str:
    """Return ``module:function``, or ``/path/file.py:function`` for a function of the script that is being run.

    Functions are found by name on the agent and never pickled.

    Raises:
        ConfigError: the function cannot be found by a name, or the name has not that form.
    """
    if isinstance(handler, str):
        home, _, attribute = handler.rpartition(":")
        if not home or not all(part.isidentifier() for part in attribute.split(".")):
            raise ConfigError(f"handler {handler!r} is not of the form 'module:function' or '/path/file.py:function'")
        return f"{_whole(Path(home))}:{attribute}" if home.endswith(".py") else handler
    name = getattr(handler, "__qualname__", None)
    module = getattr(handler, "__module__", None)
    # What is written in C belongs to its module, as a method does to its object.
    owner = getattr(handler, "__self__", None)
    if not callable(handler) or not name or not module or not isinstance(owner, ModuleType | None):
        raise ConfigError(
            f"a handler must be a function or its name, not {type(handler).__name__}: "
            "define one with def at the top of a module, and pass that"
        )
    if "<" in name:
        raise ConfigError(
            f"handler {name!r} has no name by which an agent could find it: define it with def at the top of a module"
        )
    return f"{_main_home() if module == '__main__' else module}:{name}"


def _whole(path: Path) -> Path:
    """Return the whole path of a file, without the ``..`` that agents refuse; links stay, as far as they can."""
    path = path.absolute()
    return path.resolve() if ".." in path.parts else path


def script_home() -> str | None:
    """Return the home of handlers that the script of this process defines; None for a prompt or a notebook."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        # python -m package.module
        return str(spec.name)
    file = getattr(main, "__file__", None)
    return _script(file) if isinstance(file, str) else None


@lru_cache(maxsize=4)
def _script(file: str) -> str | None:
    """Return a script's whole path; kept, since each session tells it, and to look takes some microseconds."""
    return str(_whole(Path(file))) if Path(file).is_file() else None


def _main_home() -> str:
    home = script_home()
    if home is None:
        raise ConfigError("a function that was typed into a prompt or a notebook has no file: define it in a module")
    return home
