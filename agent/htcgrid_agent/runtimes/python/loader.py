"""Finding the function that a handler's name stands for."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from htcgrid.model.error_text import said
from htcgrid.model.offered import NotOfferedError, offered
from htcgrid.model.script import is_path, is_there, path_of
from htcgrid.model.signature import Handler, late_advice, runs_late, taken
from htcgrid_agent.runtimes.python.missing import advice
from htcgrid_agent.runtimes.python.script import Script, file_spec, put_first
from htcgrid_agent.runtimes.python.sources import Sources, digest_of

#: Set while a handler's module is being imported: a script that opens a grid at its top level would otherwise start
#: agents that import it, and so on without end. :meth:`htcgrid.Grid.open` refuses then.
LOADING = "HTCGRID_LOADING_HANDLER"


class Loaded(NamedTuple):
    """A handler that can be called."""

    call: Handler
    #: The digest of its module's code; empty where there is no file.
    code: str


class HandlerError(Exception):
    """The handler cannot be loaded; trying again will not help."""


class SetupError(Exception):
    """The module's ``setup()`` raised, which is the cause; another try may go better."""


class Handlers:
    """The handlers that this process has loaded, by name."""

    def __init__(self, script: Script | None = None, sources: Sources | None = None) -> None:
        self._script = script or Script()
        self._sources = sources or Sources()
        self._loaded: dict[tuple[str, bool, bool], Loaded] = {}
        #: Modules that are set up, and what is to be called for them at the end.
        self._set_up: set[str] = set()
        self.teardowns: list[tuple[str, Callable[[], object]]] = []

    def load(self, name: str, *, calls: bool = False, main: bool = False) -> Handler:
        """Return the handler as a function of event and context; its module is set up by then.

        With ``calls``, the event is its arguments. With ``main`` the home that it names is the client's script.

        Raises:
            HandlerError: its module, file or function does not exist, fails at import, or cannot be a handler.
            SetupError: its module's ``setup()`` raised.
        """
        return self.find(name, calls=calls, main=main).call

    def find(self, name: str, *, calls: bool = False, main: bool = False) -> Loaded:
        """Return the handler as :meth:`load` does, and what is known of its code."""
        found = self._loaded.get((name, calls, main))
        if found is None:
            module, function = _find(name, self._script if main else None)
            handler = shaped(function, name, calls=calls)
            code = digest_of(module)
            self._sources.add(module)
            self._prepare(module)
            self._sources.note()
            found = self._loaded[name, calls, main] = Loaded(handler, code)
        return found

    def _prepare(self, module: ModuleType) -> None:
        """Call the module's ``setup()``, once."""
        name = module.__name__
        if name in self._set_up:
            return
        if setup := _hook(module, "setup"):
            try:
                setup()
            except BaseException as error:
                raise SetupError(f"setup() of {name!r} raised {said(error)}") from error
        self._set_up.add(name)
        if teardown := _hook(module, "teardown"):
            self.teardowns.append((name, teardown))


def _hook(module: ModuleType, name: str) -> Callable[[], object] | None:
    """Return the function of this name that the module itself defines; one that needs arguments is of another kind."""
    found = module.__dict__.get(name)
    own = isinstance(found, FunctionType) and found.__module__ == module.__name__ and not _needed(found)
    return found if own else None


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Let no grid be opened by what is imported in this block, which ``name`` stands for."""
    os.environ[LOADING] = name
    try:
        yield
    finally:
        os.environ.pop(LOADING, None)


def _imported(name: str, home: str, script: Script | None) -> ModuleType:
    """Import the home of a handler."""
    if is_path(home) and not is_there(path_of(home)):
        raise HandlerError(f"the handler's file {home} does not exist on this machine")
    try:
        with loading(name):
            if script is not None:
                return script.load(home)
            return _import_file(Path(path_of(home))) if is_path(home) else importlib.import_module(home)
    except HandlerError:
        raise
    except BaseException as error:
        raise HandlerError(
            f"handler {name!r}: importing {home!r} failed: {said(error)}{advice(error, home)}"
        ) from error


def _find(name: str, script: Script | None) -> tuple[ModuleType, Callable[..., Any]]:
    """Return the handler's module, which the client's script may be, and the handler."""
    home, _, attribute = name.rpartition(":")
    if not home or not attribute:
        raise HandlerError(f"handler {name!r} is not of the form 'module:function' or '/path/file.py:function'")
    module = _imported(name, home, script)
    try:
        return module, offered(module, attribute)
    except NotOfferedError as error:
        raise HandlerError(f"handler {name!r}: {error}") from error


def _import_file(path: Path) -> ModuleType:
    """Import a file under a name of its own, with its folder first on the path as when it is run as a script."""
    module_name = f"htcgrid_handler_{path.stem}_{sha256(os.fsencode(path)).hexdigest()[:8]}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    put_first(str(path.parent))
    spec = file_spec(module_name, str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)  # type: ignore[union-attr]
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def shaped(function: Callable[..., Any], name: str, *, calls: bool) -> Handler:
    """Return a function as one of event and context; with ``calls``, the event is its arguments.

    Raises:
        HandlerError: it cannot be a handler.
    """
    if kind := runs_late(function):
        raise HandlerError(f"handler {name!r}: {late_advice(kind)}")
    if calls:
        return _with_arguments(function)
    try:
        return taken(function).handler(function)
    except TypeError as error:
        raise HandlerError(f"handler {name!r} {error}; it must take (event, context) or (event)") from error


def _needed(function: FunctionType) -> bool:
    """Return whether a function cannot be called without arguments."""
    code = function.__code__
    named = set(code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount])
    return code.co_argcount > len(function.__defaults__ or ()) or not named <= set(function.__kwdefaults__ or ())


def _with_arguments(function: Callable[..., Any]) -> Handler:
    """Return ``function`` as one that is called with what the event says, see :mod:`htcgrid.model.call`."""

    def call(event: Any, _context: Any) -> Any:
        if isinstance(event, bytes):
            return function(event)
        args, kwargs = event
        return function(*args, **kwargs)

    return call
