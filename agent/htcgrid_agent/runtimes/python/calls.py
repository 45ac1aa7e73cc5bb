"""Calls of functions in a worker: pickled functions, references as arguments, and the exceptions that go back."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from htcgrid.errors import ConfigError, EncodingError
from htcgrid.model.call import FRESH_BYTES, PICKLED_CALL, read_call
from htcgrid.model.codec import Codec
from htcgrid.model.codec.pickled import unpickled
from htcgrid.model.error_text import said
from htcgrid.model.function_layout import split_function
from htcgrid.model.session import SessionId
from htcgrid.model.shared import MARK, SharedRef, parse_shared
from htcgrid_agent.runtimes.python.stateless import is_stateless
from htcgrid_agent.workers.messages import RunTasks

#: Most bytes of a pickled exception: it stands beside results in a pack, and may hold whatever its handler put into it.
_LIMIT = 64 << 10
#: Where an object is, as some messages tell.
_ADDRESS = re.compile("0x[0-9a-fA-F]+")
#: The codecs in which a reference is text as any other.
_PLAIN = {"json", "msgpack"}


class Function:
    """A pickled function: made anew for each call, or once when it is above 1 MB, or holds nothing that could change.

    So no call sees what another has changed in a small one. In a large one, arrays are read-only.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self._size = memoryview(data).nbytes
        # Views: the data stays where it is.
        self._pickle, self._buffers = split_function(data)
        self._kept: Callable[..., Any] | None = None
        #: Whether it is still to be seen whether it can be kept.
        self._looks = True

    def made(self) -> Callable[..., Any]:
        """Return the function.

        Raises:
            EncodingError: it cannot be made here.
        """
        if self._kept is not None:
            return self._kept
        if self._size <= FRESH_BYTES:
            return self._small()
        # They can only be read, for that is how the data is held.
        self._kept = self._unpickled(self._buffers)
        self._pickle, self._buffers = memoryview(b""), []
        return self._kept

    def _small(self) -> Callable[..., Any]:
        function = self._unpickled([bytearray(buffer) for buffer in self._buffers])
        if self._looks and not self._buffers and is_stateless(function):
            self._kept = function
        self._looks = False
        return function

    def _unpickled(self, buffers: list[Any]) -> Callable[..., Any]:
        import pickle  # noqa: PLC0415 - needed by few

        try:
            function: Callable[..., Any] = pickle.loads(self._pickle, buffers=buffers)  # noqa: S301 - both have asked
        except Exception as error:  # the user's objects are made again
            raise EncodingError(
                f"a function of {self._size} bytes cannot be unpickled: {said(error)}; what it "
                "refers to must be importable here, in the same version as where it comes from"
            ) from error
        return function


def codec_of_calls(
    codec: Codec, tasks: RunTasks, get: Callable[[str], Any], load_script: Callable[[], object]
) -> Codec:
    """Return the codec of a session of calls: with the functions that it has, and values in place of references.

    What is a reference by itself, as an argument, is one; in a list or a dict it stays what it was.

    Args:
        codec: the session's.
        tasks: what is to be run.
        get: returns the shared input behind a reference.
        load_script: imports the client's script, if that can be had.
    """
    plain = codec.name in _PLAIN
    decode = codec.decode

    def arguments(data: bytes) -> Any:
        event = decode(data)
        # Most calls have none, and where they are text it shows.
        if isinstance(event, bytes) or (plain and MARK not in data):
            return event
        args, kwargs = event
        named = {name: _value(value, get, plain=plain) for name, value in kwargs.items()}
        return [_value(value, get, plain=plain) for value in args], named

    def pickled(payload: bytes) -> Any:
        call = read_call(payload)
        carried = call.function
        found = Function(carried) if isinstance(carried, bytes) else get(carried.shared(SessionId(tasks.session)).ref)
        if call.refers:
            load_script()
        function, event = found.made(), arguments(call.arguments)
        return (function, [event], {}) if isinstance(event, bytes) else (function, *event)

    return msgspec.structs.replace(codec, decode=pickled if is_pickled(tasks) else arguments)


def is_pickled(tasks: RunTasks) -> bool:
    """Return whether tasks are calls whose functions travel with them."""
    return tasks.handler == PICKLED_CALL


def call(event: tuple[Callable[..., Any], list[Any], dict[str, Any]]) -> Any:
    """Call the function that came with its arguments; return what it returns."""
    function, args, kwargs = event
    return function(*args, **kwargs)


def _value(argument: Any, get: Callable[[str], Any], *, plain: bool) -> Any:
    """Return the value behind an argument that is a reference, and any other as it is."""
    if isinstance(argument, SharedRef) or (plain and isinstance(argument, str) and _is_reference(argument)):
        return get(argument)
    return argument


def _is_reference(text: str) -> bool:
    try:
        parse_shared(text)
    except ConfigError:
        return False
    return True


def raised(codec: Codec, error: BaseException) -> bytes | None:
    """Return an exception for its client to raise again.

    None if it cannot be pickled, is over 64 KiB, or would be another one there; then its type, message and traceback
    are all that the client gets. Many exceptions make their message in ``__init__``, which is called again with it.
    """
    try:
        data = codec.encode(error)
        return data if len(data) <= _LIMIT and _says(unpickled(data)) == _says(error) else None
    except BaseException:  # noqa: BLE001 - the user's exception is asked what it says, and may exit
        return None


def _says(error: BaseException) -> tuple[type, str]:
    return type(error), _ADDRESS.sub("", str(error))
