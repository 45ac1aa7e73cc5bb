"""Calls of functions, as payloads for the sessions that carry them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from htcgrid.connector.handler_name import NamelessError, handler_name, reached_name
from htcgrid.errors import ConfigError, EncodingError, HtcGridError
from htcgrid.model.call import INLINE_BYTES, PICKLED_CALL
from htcgrid.model.codec import PICKLE, Codec
from htcgrid.model.error_text import said
from htcgrid.model.signature import late_advice, runs_late

#: What those can do whose agents are not their own.
TAKEN_ALONG = (
    "use codec='pickle', which takes it along pickled, with agents that have 'pickle = true' in their [agent]; on an "
    "embedded grid it goes along in any case"
)
#: Most functions whose names are remembered: to find one again takes longer than the rest of a call.
_NAMES = 16


class CallForm:
    """How calls of one codec are carried: by the function's name, or the function and all.

    They are so with codec ``pickle``, and on a grid that ``carries`` what has no name.
    """

    def __init__(self, codec: Codec, limit: int, *, carries: bool = False) -> None:
        self._codec = codec
        #: Most bytes of one payload.
        self._limit = limit
        self._carries = carries
        #: The functions that were asked for last, and their names, by identity: most calls of an executor are of the
        #: same few. One without a name is not kept, nor what it captures.
        self._names: dict[int, tuple[Callable[..., Any], str]] = {}
        #: Makes a result, or an exception, of its bytes.
        self.decode = self._codec.decode

    @property
    def pickles(self) -> bool:
        """Whether every function goes along, also one that has a name."""
        return self._codec.name == PICKLE

    def handler(self, function: str | Callable[..., Any]) -> str:
        """Return the handler of a session of calls of this function.

        Raises:
            ConfigError: it cannot be called, or has no name by which an agent could find it.
        """
        known = self._names.get(id(function))
        if known is not None:
            return known[1]
        with odd_refused(function):
            if isinstance(function, str):
                return handler_name(function)
            name = self._named(function)
        if name == PICKLED_CALL:
            return name
        if len(self._names) >= _NAMES:
            self._names = {}
        self._names[id(function)] = (function, name)
        return name

    def _named(self, function: Callable[..., Any]) -> str:
        if callable(function) and (kind := runs_late(function)):
            raise ConfigError(f"function {shown(function)}: {late_advice(kind)}")
        if self.pickles:
            if not callable(function):
                raise ConfigError(f"only what can be called can be called on a grid, not {type(function).__name__}")
            return PICKLED_CALL
        try:
            return reached_name(function) if self._carries and callable(function) else handler_name(function)
        except NamelessError as error:
            if self._carries:
                return PICKLED_CALL
            raise ConfigError(f"{error}; or {TAKEN_ALONG}") from error

    def payload(self, function: str | Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
        """Return one call of a function that has a name as bytes.

        Raises:
            EncodingError: it cannot be carried.
        """
        return self._arguments(function, args, kwargs, limit=self._limit)

    def arguments(self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
        """Return the arguments of one call of a pickled function, which may travel in the same payload, as bytes.

        Raises:
            EncodingError: they cannot be carried.
        """
        return self._arguments(function, args, kwargs, limit=self._limit - 2 * INLINE_BYTES)

    def _arguments(
        self, function: str | Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], *, limit: int
    ) -> bytes:
        if self._codec.name == "bytes":
            if len(args) != 1 or kwargs:
                raise EncodingError(f"a call of {shown(function)}: codec 'bytes' carries one argument, of bytes")
            return self._encoded(function, args[0], args, kwargs, limit=limit)
        # Lists, which every codec has.
        return self._encoded(function, [list(args), dict(kwargs)], args, kwargs, limit=limit)

    def _encoded(
        self,
        function: str | Callable[..., Any],
        event: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        limit: int,
    ) -> bytes:
        try:
            payload = self._codec.encode(event)
        except EncodingError as error:
            which, why = self._refused(args, kwargs) or ("", error)
            raise EncodingError(f"a call of {shown(function)}: {which}{why}") from error
        if len(payload) > limit:
            raise EncodingError(
                f"a call of {shown(function)}: the arguments are {len(payload)} bytes long, more than the "
                f"{limit} allowed: pass what is large as grid.put(…) of it"
            )
        return payload

    def _refused(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str, EncodingError] | None:
        """Return which argument is refused, and why; None if each by itself is carried."""
        named = [(f"argument {number}: ", value) for number, value in enumerate(args, start=1)]
        named += [(f"argument {name!r}: ", value) for name, value in kwargs.items()]
        for which, value in named:
            try:
                self._codec.encode(value)
            except EncodingError as error:
                return which, error
        return None


@contextmanager
def odd_refused(function: object) -> Iterator[None]:
    """Refuse what cannot even be looked at, whatever its attributes raise.

    Raises:
        ConfigError: something was raised in the block that is neither ours nor Ctrl-C.
    """
    try:
        yield
    except (HtcGridError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ConfigError(
            f"a handler must be a function or its name, and this object of type {type(function).__name__} cannot be "
            f"looked at: {said(error)}; define a function with def at the top of a module, and pass that"
        ) from error


def shown(function: str | Callable[..., Any]) -> str:
    """Name a function for a message."""
    return repr(function if isinstance(function, str) else getattr(function, "__qualname__", type(function).__name__))
