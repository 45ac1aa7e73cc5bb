"""What agent and worker say to each other, as msgpack arrays in frames of four bytes of length and a body."""

import socket
import struct
from collections.abc import Iterator

import msgspec

from htcgrid.model.outcome import Block
from htcgrid.model.session import KeepOutput, RetryPolicy
from htcgrid.model.shared import SharedRef

_LENGTH = struct.Struct("<I")


class Setup(msgspec.Struct, frozen=True, array_like=True):
    """The first message to a worker."""

    #: The worker's name in outcomes.
    worker: str
    #: Folders to import handlers from, before the environment's own.
    path: list[str]
    #: Most bytes of one result.
    result_limit: int
    #: What the worker's priority is lowered by.
    nice: int
    #: Whether it may unpickle shared inputs; which tasks' codecs are allowed, the agent sees to.
    pickle: bool = False
    #: The worker asks to be replaced after this many tasks, or once it holds this many bytes of memory.
    recycle_tasks: int | None = None
    recycle_bytes: int | None = None
    #: Most bytes of data that the worker may reserve.
    memory_bytes: int | None = None


class RunTasks(msgspec.Struct, frozen=True, array_like=True):
    """Run consecutive tasks, and report them."""

    run: int
    session: str
    handler: str
    codec: str
    #: The longest that a try may take, in seconds.
    timeout: float | None
    labels: dict[str, str]
    start: int
    payloads: list[bytes]
    #: Tries behind each task that has some.
    tries: dict[int, int]
    #: Of which tasks what they print is reported.
    output: KeepOutput = KeepOutput.FAILED
    #: Which errors are worth another try.
    retry: RetryPolicy = RetryPolicy()
    #: The client's version of Python.
    python: str = ""
    #: Whether each payload is a call's arguments, and not an event.
    calls: bool = False


class Report(msgspec.Struct, frozen=True, array_like=True, tag="report"):
    """Outcomes, or the word that a run is over; run 0 says that the worker is ready for its first."""

    run: int
    block: Block | None
    done: bool
    #: With ``done``: the worker is used up, and wants to be replaced.
    worn: bool = False


class Need(msgspec.Struct, frozen=True, array_like=True, tag="need"):
    """The worker's handler asks for a shared input; it waits for :class:`Found`."""

    ref: SharedRef


class Found(msgspec.Struct, frozen=True, array_like=True):
    """The answer to :class:`Need`."""

    #: The file that holds the input's bytes, or why there is none.
    path: str | None
    error: str = ""
    #: Whether nobody will ever have it.
    lost: bool = False


def frame(body: bytes) -> bytes:
    """Return ``body`` with its length before it."""
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Cuts a stream of bytes into the bodies that were framed."""

    #: About as many bytes as a socket holds. They are kept: to allocate as many for each message costs more than to
    #: read it.
    _ROOM = 256 << 10

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._room = memoryview(bytearray(self._ROOM))

    def read(self, connection: socket.socket) -> memoryview:
        """Return what a connection has, for :meth:`feed`, and until the next read; empty when it has ended."""
        return self._room[: connection.recv_into(self._room)]

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Take in bytes; yield the bodies that are whole by now."""
        self._bytes += data
        while len(self._bytes) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._bytes)
            end = _LENGTH.size + length
            if len(self._bytes) < end:
                return
            body = bytes(memoryview(self._bytes)[_LENGTH.size : end])
            del self._bytes[:end]
            yield body
