"""Finding the function that a handler's name stands for."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

#: Set while a handler's module is being imported: a script that opens a grid at its top level would otherwise start
#: agents that import it, and so on without end. :meth:`htcgrid.Grid.open` refuses then.
LOADING = "HTCGRID_LOADING_HANDLER"

Handler = Callable[[Any, Any], Any]


class HandlerError(Exception):
    """The handler cannot be loaded; trying again will not help."""


class Handlers:
    """The handlers that this process has loaded, by name."""

    def __init__(self) -> None:
        self._loaded: dict[str, Handler] = {}

    def load(self, name: str) -> Handler:
        """Return the handler as a function of event and context.

        Raises:
            HandlerError: its module, file or function does not exist, or fails at import.
        """
        if name not in self._loaded:
            self._loaded[name] = _with_context(_find(name), name)
        return self._loaded[name]


def _find(name: str) -> Callable[..., Any]:
    home, _, attribute = name.rpartition(":")
    if not home or not attribute:
        raise HandlerError(f"handler {name!r} is not of the form 'module:function' or '/path/file.py:function'")
    os.environ[LOADING] = name
    try:
        found: Any = _import_file(Path(home)) if home.endswith(".py") else importlib.import_module(home)
    except HandlerError:
        raise
    except BaseException as error:
        raise HandlerError(f"handler {name!r}: importing {home!r} failed: {type(error).__name__}: {error}") from error
    finally:
        del os.environ[LOADING]
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise HandlerError(f"handler {name!r}: {home!r} has no attribute {attribute!r}")
        found = getattr(found, part)
    if not callable(found):
        raise HandlerError(f"handler {name!r} is a {type(found).__name__}, and cannot be called")
    return found  # type: ignore[no-any-return]


def _import_file(path: Path) -> ModuleType:
    """Import a file under a name of its own, with its folder first on the path as when it is run as a script."""
    if not path.is_file():
        raise HandlerError(f"the handler's file {path} does not exist on this machine")
    module_name = f"htcgrid_handler_{path.stem}_{sha256(str(path).encode()).hexdigest()[:8]}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise HandlerError(f"the handler's file {path} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def _with_context(function: Callable[..., Any], name: str) -> Handler:
    """Return ``function`` as one of two arguments: a handler takes (event, context), or the event alone."""
    count = _positional(function)
    if count is None or count >= 2:
        return function
    if count == 1:
        return lambda event, _context: function(event)
    raise HandlerError(f"handler {name!r} takes no argument; it must take (event, context) or (event)")


def _positional(function: Callable[..., Any]) -> int | None:
    """Return how many positional arguments it must or can take without defaults of its own, or None if unknown."""
    code = getattr(function, "__code__", None)
    if isinstance(code, CodeType) and not hasattr(function, "__wrapped__"):
        if code.co_flags & 0x04:  # *args
            return 2
        bound = 1 if hasattr(function, "__self__") else 0
        defaults = len(getattr(function, "__defaults__", None) or ())
        count = code.co_argcount - bound
        return max(1, count - defaults) if count else 0
    import inspect  # noqa: PLC0415 - slow to import, and needed for rare callables only

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return 2
    places = [p for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    needed = [p for p in places if p.default is p.empty]
    return max(1, len(needed)) if places else 0
