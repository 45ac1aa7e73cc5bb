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


def frame(message: msgspec.Struct, encoder: msgspec.msgpack.Encoder) -> bytearray:
    """Return a message with its length before it."""
    framed = bytearray(_LENGTH.size)
    encoder.encode_into(message, framed, _LENGTH.size)
    _LENGTH.pack_into(framed, 0, len(framed) - _LENGTH.size)
    return framed


class Frames:
    """Cuts the stream of bytes of a connection into the bodies that were framed."""

    #: About as many bytes as a socket holds. They are kept: to allocate as many for each message costs more than to
    #: read it.
    _ROOM = 256 << 10

    def __init__(self) -> None:
        self._room = memoryview(bytearray(self._ROOM))
        #: What has come of the next frame.
        self._begun = bytearray()
        #: A body that does not fit the room, and how many of its bytes are still to come.
        self._large = bytearray()
        self._missing = 0

    def read(self, connection: socket.socket) -> list[bytearray] | None:
        """Read what a connection has; return the bodies that are whole by now, None when it has ended."""
        if self._missing:
            count = connection.recv_into(memoryview(self._large)[-self._missing :])
            self._missing -= count
            bodies = [] if self._missing else [self._large]
        else:
            count = connection.recv_into(self._room)
            self._begun += self._room[:count]
            bodies = list(self._cut())
        return bodies if count else None

    def _cut(self) -> Iterator[bytearray]:
        while len(self._begun) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._begun)
            end = _LENGTH.size + length
            body = self._begun[_LENGTH.size : end]
            if len(body) == length:
                del self._begun[:end]
                yield body
            elif length < len(self._room):
                return
            else:
                # The rest goes where it belongs at once.
                self._missing = length - len(body)
                self._large = body + bytes(self._missing)
                self._begun.clear()
                return
