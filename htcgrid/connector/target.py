"""What a session's tasks are run by: a handler that has a name, or a function that goes along pickled."""

import inspect
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec

from htcgrid.connector.call import TAKEN_ALONG, odd_refused, shown
from htcgrid.connector.functions import pickled_function
from htcgrid.connector.handler_name import NamelessError, handler_name, is_of_script, reached_name
from htcgrid.connector.search_path import added, folders_of, search_path
from htcgrid.errors import ConfigError
from htcgrid.model import PythonClient, SessionId
from htcgrid.model.call import FunctionKey
from htcgrid.model.codec import PICKLE
from htcgrid.model.script import script_home
from htcgrid.model.signature import call_of, late_advice, runs_late, taken

#: Most letters of a script's name that a session tells.
_SCRIPT = 1000
#: Most letters of the name of a function that has none.
_LETTERS = 200


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A handler, as a session tells it."""

    #: The handler's name; of a function that goes along, what people know it by.
    name: str
    client: PythonClient
    #: The function that goes along.
    data: bytes | None = None

    def blobs(self, session: SessionId) -> Mapping[str, bytes]:
        """Return what the payload store must have before the session's first task."""
        if self.data is None or self.client.function is None:
            return {}
        return {FunctionKey(*self.client.function).shared(session).key: self.data}


class Targets:
    """Makes targets of what the clients of one grid pass.

    The agents of an embedded grid are this process's own children, so that it decides alone whether they unpickle
    functions; with standing agents both sides must want it.
    """

    def __init__(self, *, opened_with: tuple[str, ...] | None = None, limit: int = sys.maxsize) -> None:
        #: The search path that the agents of an embedded grid were started with; None of a grid with others.
        self._opened_with = opened_with
        #: Most bytes of one function.
        self._limit = limit

    @property
    def embedded(self) -> bool:
        """Whether the grid's agents are this process's own."""
        return self._opened_with is not None

    def of_events(self, handler: str | Callable[..., Any], codec: object) -> Target:
        """Return the target of tasks that are events.

        Raises:
            ConfigError: it cannot be a handler, or has no name and may not go along.
            EncodingError: it cannot be pickled.
        """
        with odd_refused(handler):
            if isinstance(handler, str) or not callable(handler):
                return self._named(handler)
            _refuse_late(handler)
            try:
                taken(handler)
            except TypeError as error:
                raise ConfigError(
                    f"handler {shown(handler)} {error}; it must take (event, context) or (event): bind the others, as "
                    "by functools.partial, or call it by grid.map"
                ) from error
            return self._of_function(handler, codec)

    def of_calls(self, name: str) -> Target:
        """Return the target of calls under a name that :class:`CallForm` has given."""
        return Target(name=name, client=self.client())

    def of_map(self, function: str | Callable[..., Any], count: int) -> Target:
        """Return the target of calls of one function with so many arguments, which are not pickled.

        Raises:
            ConfigError: it cannot be called so, or has no name and may not go along.
            EncodingError: it cannot be pickled.
        """
        with odd_refused(function):
            if isinstance(function, str) or not callable(function):
                return self._named(function)
            _refuse_late(function)
            check_call(function, count)
            return self._of_function(function, None)

    def client(self, script: str | None = None) -> PythonClient:
        """Return what sessions tell of this process, which runs ``script`` unless another is found."""
        path = search_path()
        paths = () if self._opened_with is None else added(self._opened_with, path)
        return _client(tuple(sys.version_info), script or script_home() or "", path, paths)

    def _named(self, handler: Any) -> Target:
        return Target(name=handler_name(handler), client=self.client())

    def _of_function(self, function: Callable[..., Any], codec: object) -> Target:
        try:
            name = reached_name(function) if self.embedded else handler_name(function)
        except NamelessError as error:
            if not self.embedded and codec != PICKLE:
                raise ConfigError(f"{error}; or {TAKEN_ALONG}") from error
            name = None
        if name is None:
            # Not below: what goes wrong here has another cause.
            return self._carried(function, codec)
        return Target(name=name, client=self.client(name.rpartition(":")[0] if is_of_script(function) else None))

    def _carried(self, function: Callable[..., Any], codec: object) -> Target:
        client = self.client()
        # What goes along pickled in the payloads, too, takes its classes along.
        made = pickled_function(function, script=client.script if codec != PICKLE else "", limit=self._limit)
        client = msgspec.structs.replace(client, function=(made.key.digest, made.key.size), refers=made.refers)
        return Target(name=_readable(function), client=client, data=made.data)


@lru_cache(maxsize=8)
def _client(
    version: tuple[Any, ...], script: str, path: tuple[str, ...], paths: tuple[tuple[int, str], ...]
) -> PythonClient:
    """Return what a session tells; kept, since it seldom changes."""
    return PythonClient(
        version="{}.{}".format(*version),
        script=script if len(script) <= _SCRIPT else "",
        folders=folders_of(path),
        paths=paths,
    )


def _refuse_late(function: Callable[..., Any]) -> None:
    if kind := runs_late(function):
        raise ConfigError(f"handler {shown(function)}: {late_advice(kind)}")


def check_call(function: Callable[..., Any], count: int) -> None:
    """Refuse a function that cannot be called with so many arguments, as a handler with its context.

    Raises:
        ConfigError: it is so.
    """
    try:
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        # Of what is written in C, nothing is known.
        return
    try:
        signature.bind(*[None] * count)
    except TypeError as error:
        raise ConfigError(
            f"map calls {shown(function)} with one item of each iterable, {count} here, and it takes "
            f"{signature}: {error}; pass as many iterables as it has arguments, or, if it is a handler that wants its "
            "context, use grid.submit"
        ) from error


def _readable(function: Any) -> str:
    """Return what people know a function by: its name, and where it stands."""
    inner = function
    while isinstance(inner, partial):
        inner = inner.func
    name = getattr(inner, "__qualname__", None) or getattr(inner, "__name__", None) or type(inner).__qualname__
    name = f"partial of {name}" if inner is not function else str(name)
    code = getattr(inner, "__code__", None) or getattr(call_of(inner), "__code__", None)
    place = f" at {Path(code.co_filename).name}:{code.co_firstlineno}" if code is not None else ""
    return f"{name[:_LETTERS]}{place[-_LETTERS:]}".encode("utf-8", "backslashreplace").decode()
