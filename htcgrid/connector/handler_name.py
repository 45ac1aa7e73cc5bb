"""The name under which agents find a handler."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from htcgrid.errors import ConfigError
from htcgrid.model.script import MAIN, MAIN_TOO, script_home, whole


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
        return f"{whole(Path(home))}:{attribute}" if home.endswith(".py") else handler
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
    return f"{_main_home() if module in {MAIN, MAIN_TOO} else module}:{name}"


def _main_home() -> str:
    home = script_home()
    if home is None:
        raise ConfigError(
            "a function that was typed into a prompt or a notebook, or is in the __main__.py of a zip file, has no "
            "file that agents could import: define it in a module"
        )
    return home
