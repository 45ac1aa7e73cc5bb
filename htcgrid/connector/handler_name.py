"""The name under which agents find a handler."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import BuiltinMethodType, FunctionType, MethodType, ModuleType
from typing import Any

from htcgrid.connector.reach import is_guarded, is_importable
from htcgrid.errors import ConfigError
from htcgrid.model.offered import NotOfferedError, offered
from htcgrid.model.script import MAIN, MAIN_TOO, file_home, is_path, script_home, whole

#: Most letters of a name, as a session has it.
_LETTERS = 1000
#: What is another object, and equal, whenever it is asked for.
_MADE_ANEW = (MethodType, BuiltinMethodType)


class NamelessError(ConfigError):
    """A function has no name by which an agent could find it."""


def handler_name(handler: str | Callable[..., Any]) -> str:
    """Return ``module:function``, or ``/path/file.py:function`` for a function of the script that is being run.

    Raises:
        NamelessError: it can be called, and has no name by which it could be found.
        ConfigError: it cannot be called, or the name has not that form.
    """
    if isinstance(handler, str):
        home, _, attribute = handler.rpartition(":")
        if not home or not all(part.isidentifier() for part in attribute.split(".")):
            raise ConfigError(f"handler {handler!r} is not of the form 'module:function' or '/path/file.py:function'")
        return f"{whole(Path(home))}:{attribute}" if is_path(home) else handler
    if not callable(handler):
        raise ConfigError(
            f"a handler must be a function or its name, not {_kind(handler)}: "
            "define one with def at the top of a module, and pass that"
        )
    module, name = getattr(handler, "__module__", None), getattr(handler, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        raise NamelessError(
            f"a {type(handler).__name__} has no name by which an agent could find it: define a function with def at "
            "the top of a module"
        )
    if any(not part.isidentifier() or part.startswith("__") for part in name.split(".")):
        raise NamelessError(
            f"handler {name!r} has no name by which an agent could find it: define it with def at the top of a module"
        )
    found = f"{_home(handler, module, name)}:{name}"
    if len(found) > _LETTERS:
        raise NamelessError(f"the name of handler {name!r} has {len(found)} letters, more than the {_LETTERS} allowed")
    return found


def reached_name(handler: Callable[..., Any]) -> str:
    """Return the name under which workers with this process's own path find a handler.

    Raises:
        NamelessError: it has none, or they cannot import its module.
        ConfigError: see :func:`handler_name`.
    """
    name = handler_name(handler)
    if not is_of_script(handler) and not is_importable(handler.__module__):
        raise NamelessError(
            f"handler {name!r} is of a module that was not imported from the path, and cannot be elsewhere: put the "
            "module's folder into sys.path, and import it"
        )
    return name


def is_of_script(handler: object) -> bool:
    """Return whether a function is defined by a script, and not by a module."""
    return getattr(handler, "__module__", None) in {MAIN, MAIN_TOO}


def _home(handler: Callable[..., Any], module: str, name: str) -> str:
    variables = getattr(sys.modules.get(module), "__dict__", None)
    held = variables is not None and _holds(variables, name, handler)
    if module not in {MAIN, MAIN_TOO}:
        if held:
            _check_offered(sys.modules[module], name)
            return module
        raise NamelessError(
            f"{name!r} of module {module!r} is something else than this handler, as of a function that was decorated "
            "under another name, or a method of one object: an agent would find that; define it with def at the top of "
            "a module"
        )
    home, inner = _home_in_script(handler, variables if held else None, name), _function_of(handler)
    if home is None:
        raise NamelessError(
            f"{name!r} is a function that was typed into a prompt or a notebook, or is of a script that is not there, "
            "and has no file that agents could import: define it in a module"
        )
    if inner is not None and is_guarded(inner, name):
        raise NamelessError(
            f"{name!r} is defined under 'if __name__ == \"__main__\":', or by code that stands in no file, and agents "
            "that import the script do not find it: define it with def at the top of the script"
        )
    return home


def _check_offered(module: ModuleType, name: str) -> None:
    """Refuse what a worker would refuse, before it is submitted."""
    try:
        offered(module, name)
    except NotOfferedError as error:
        raise NamelessError(f"handler {name!r}: {error}") from error


def _home_in_script(handler: Callable[..., Any], variables: Mapping[str, Any] | None, name: str) -> str | None:
    """Return the script that has a function; ``variables`` are those of ``__main__``, if it is there under its name."""
    if variables is not None and (home := script_home()) is not None:
        return home
    # Profilers and their kin run a script beside their own __main__.
    inner = _function_of(handler)
    own = None if inner is None else inner.__globals__
    if own is None or own is variables or not _holds(own, name, handler):
        return None
    return file_home(own.get("__file__") or getattr(getattr(handler, "__code__", None), "co_filename", None))


def _holds(variables: Mapping[str, Any], name: str, handler: Callable[..., Any]) -> bool:
    """Return whether a module's variables lead to a function by its name."""
    first, *rest = name.split(".")
    found = variables.get(first)
    for part in rest:
        found = getattr(found, part, None)
    return found is handler or (isinstance(handler, _MADE_ANEW) and type(found) is type(handler) and found == handler)


def _function_of(handler: Any) -> FunctionType | None:
    """Return the function that a handler is, or calls, or one of a class's."""
    while not isinstance(handler, FunctionType) and (inner := _inner(handler)) is not None:
        handler = inner
    return handler if isinstance(handler, FunctionType) else None


def _inner(handler: Any) -> Any:
    if isinstance(handler, type):
        return next((value for value in vars(handler).values() if isinstance(value, FunctionType)), None)
    return getattr(handler, "__func__", None) or getattr(handler, "__wrapped__", None)


def _kind(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
