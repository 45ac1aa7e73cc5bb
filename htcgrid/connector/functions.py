"""Pickled functions on their way to agents: each is sent once per session, however many calls it has."""

import hashlib
import inspect
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import MethodType
from typing import Any

import msgspec

from htcgrid.connector.call import CallForm, shown
from htcgrid.errors import EncodingError, ProviderUnavailableError
from htcgrid.host import Host
from htcgrid.interfaces import PayloadStore
from htcgrid.model import SessionId
from htcgrid.model.call import FRESH_BYTES, INLINE_BYTES, FunctionKey, PickledCall, write_call

#: Most functions of which is remembered that they were sent, and most that are known without being pickled again.
_SENT, _KNOWN = 10_000, 1_000
#: The modules through which a call comes here; whoever called the first of them is warned.
_BETWEEN = ("htcgrid.connector.", "concurrent.futures.", "asyncio.")


class PickledFunction(msgspec.Struct, frozen=True, kw_only=True):
    """A function as it is sent."""

    function: Callable[..., Any]
    key: FunctionKey
    #: None of one that the session has.
    data: bytes | None
    #: Whether it refers to classes of the client's script.
    refers: bool = False


class Functions:
    """The functions of one session of calls.

    The first calls of a small function carry it along, so that a lone call waits for no other request. Then, and at
    once when it is larger, it is put beside the session's payloads, with which it is collected.

    It remembers digests, and of large functions weak references: nothing here keeps what a function captures.
    """

    def __init__(self, payloads: PayloadStore, *, host: Host, script: str = "") -> None:
        self._payloads = payloads
        #: The client's script, when workers are to take its classes from there.
        self._script = script
        self._lock = host.lock()
        #: How many bytes the calls of a function have carried along, by its digest; None once it is put.
        self._sent: OrderedDict[str, int | None] = OrderedDict()
        #: The large functions that are put, by the identity of their parts.
        self._known: OrderedDict[tuple[int, ...], tuple[list[weakref.ref[Any]], FunctionKey, bool]] = OrderedDict()
        #: The digests of the large functions that were warned of.
        self._warned: OrderedDict[str, None] = OrderedDict()

    def pickled(self, function: Callable[..., Any]) -> PickledFunction:
        """Return a function as it is now; a large one that was sent, as it was then.

        Raises:
            EncodingError: it cannot be pickled, or is larger than the payload store takes.
        """
        if self._known and (known := self._known_as(function)):
            return known
        made = pickled_function(function, script=self._script, limit=self._payloads.limits.size)
        if made.key.size > FRESH_BYTES:
            self._warn(function, made.key)
        return made

    def payload(self, session: SessionId, function: PickledFunction, arguments: bytes) -> bytes:
        """Return one call as bytes; agents can have its function by then. The session is recorded.

        Raises:
            ProviderError: the function cannot be stored.
        """
        return write_call(PickledCall(self._carried(session, function), arguments, function.refers))

    def _carried(self, session: SessionId, function: PickledFunction) -> bytes | FunctionKey:
        key, data = function.key, function.data
        if data is None:
            return key
        with self._lock:
            sent = self._sent.get(key.digest, 0)
            if sent is None:
                return key
            if sent + key.size <= INLINE_BYTES:
                _remember(self._sent, key.digest, sent + key.size, _SENT)
                return data
            try:
                self._payloads.put({key.shared(session).key: data})
            except ProviderUnavailableError:
                if key.size > INLINE_BYTES:
                    raise
                # It may go better with the next call.
                return data
            _remember(self._sent, key.digest, None, _SENT)
            if key.size > FRESH_BYTES:
                self._know(function)
            return key

    def _known_as(self, function: Callable[..., Any]) -> PickledFunction | None:
        """Return a large function that was sent, by its identity."""
        parts = _parts(function)
        with self._lock:
            references, key, refers = self._known.get(tuple(map(id, parts)), ([], None, False))
            # One that is gone may have left its identity to another.
            if key is None or not all(known() is part for known, part in zip(references, parts, strict=False)):
                return None
            return PickledFunction(function=function, key=key, data=None, refers=refers)

    def _know(self, function: PickledFunction) -> None:
        parts = _parts(function.function)
        try:
            references = [weakref.ref(part) for part in parts]
        except TypeError:
            # It is pickled for each of its calls, and known by its digest.
            return
        _remember(self._known, tuple(map(id, parts)), (references, function.key, function.refers), _KNOWN)

    def _warn(self, function: Callable[..., Any], key: FunctionKey) -> None:
        with self._lock:
            if key.digest in self._warned:
                return
            _remember(self._warned, key.digest, None, _KNOWN)
        warnings.warn(
            f"{shown(function)} is {key.size / 1e6:.1f} MB with what it captures: that is sent once and kept between "
            "calls, its arrays read-only, and no call sees what is changed here later. Pass large data as an argument "
            "instead, as grid.put(data): it is stored once, and each call gets the value",
            stacklevel=_level(),
        )


def pickled_function(function: Callable[..., Any], *, script: str, limit: int) -> PickledFunction:
    """Return a function as it is now.

    Args:
        function: the function, or anything that can be called.
        script: the client's script, when workers are to take Enums and dataclasses that it defines from there.
        limit: most bytes that the payload store takes.

    Raises:
        EncodingError: it cannot be pickled, or is larger.
    """
    # Only whoever pickles needs it.
    from htcgrid.connector.function_pickle import function_bytes  # noqa: PLC0415

    try:
        data, refers = function_bytes(function, script)
    except EncodingError as error:
        raise EncodingError(f"a call of {shown(function)}: {error}") from error.__cause__
    if len(data) > limit:
        raise EncodingError(
            f"a call of {shown(function)}: with what it captures it is {len(data)} bytes long, more than the "
            f"{limit} that the payload store takes: pass data as arguments, by grid.put"
        )
    key = FunctionKey(hashlib.sha256(data).hexdigest(), len(data))
    return PickledFunction(function=function, key=key, data=data, refers=refers)


def payloads_of_map(
    functions: Functions, session: SessionId, function: PickledFunction, form: CallForm, items: Iterable[Sequence[Any]]
) -> Iterator[bytes]:
    """Yield the calls of one function with the items, each of which is the arguments of a call."""
    for args in items:
        yield functions.payload(session, function, form.arguments(function.function, args, {}))


def _parts(function: Callable[..., Any]) -> tuple[Any, ...]:
    """Return what a function is known by: a bound method is made anew whenever it is named."""
    return (function.__self__, function.__func__) if isinstance(function, MethodType) else (function,)


def _remember(known: OrderedDict[Any, Any], key: object, value: object, limit: int) -> None:
    """Enter a value as the last, and let go of the first when there are too many."""
    known[key] = value
    known.move_to_end(key)
    if len(known) > limit:
        known.popitem(last=False)


def _level() -> int:
    """Return the stack level, for :func:`_warn`, of whoever asked for the call."""
    level, frame = 1, inspect.currentframe()
    # This function's own is not counted.
    frame = frame and frame.f_back
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith(_BETWEEN):
        level, frame = level + 1, frame.f_back
    return level
