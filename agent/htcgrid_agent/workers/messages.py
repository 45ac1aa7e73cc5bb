"""What agent and worker say to each other, as msgpack arrays in frames of four bytes of length and a body."""

import socket
import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from htcgrid.model.outcome import Block
from htcgrid.model.session import KeepOutput, RetryPolicy

_LENGTH = struct.Struct("<I")


class Setup(msgspec.Struct, frozen=True, array_like=True):
    """The first message to a worker."""

    #: The worker's name in outcomes.
    worker: str
    #: Folders to import handlers from, before the environment's own, as
    #: :func:`htcgrid.model.codec.leaves.text_bytes` writes them.
    path: list[bytes]
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
    #: The command line of the agent's own client, written as ``path`` is, and the client's script.
    argv: list[bytes] | None = None
    script: str = ""
    #: Patterns of what may be imported by a name that stands in data.
    handlers: list[str] = []
    #: Whether the worker asks to be replaced when code that it has imported was edited.
    reload: bool = False


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
    #: As in the session.
    codec_options: dict[str, Any] = {}
    #: Whether each payload is a call's arguments, and not an event.
    calls: bool = False


class Report(msgspec.Struct, frozen=True, array_like=True, tag="report"):
    """Outcomes, or the word that a run is over; run 0 says that the worker is ready for its first."""

    run: int
    block: Block | None
    done: bool
    #: With ``done``: the worker is used up, and wants to be replaced.
    worn: bool = False
    #: With ``done``: a file that was edited since the worker imported it, and goes on with what it has.
    edited: str = ""
    #: With ``done``: modules of the worker have a ``teardown()``, for which it is to be let end by itself.
    teardown: bool = False


class Need(msgspec.Struct, frozen=True, array_like=True, tag="need"):
    """The worker's handler asks for a shared input; it waits for :class:`Found`."""

    #: The reference, as text.
    ref: str


class Found(msgspec.Struct, frozen=True, array_like=True):
    """The answer to :class:`Need`."""

    #: The file that holds the input's bytes, as the file system calls it, which need not be text; or why there is none.
    path: bytes | None
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
    """Cuts the stream of bytes of a connection into the bodies that were framed.

    It holds no more than has come, and of no body more than ``most`` bytes: what says how long it is may be garbage.
    """

    #: About as many bytes as a socket holds. They are kept: to allocate as many for each message costs more than to
    #: read it.
    _ROOM = 256 << 10

    def __init__(self, most: int = (1 << 32) - 1) -> None:
        self._most = most
        self._room = memoryview(bytearray(self._ROOM))
        #: Bytes that were read.
        self.count = 0
        #: What has come of the next frame.
        self._begun = bytearray()
        #: What has come of a body that is longer than that, and how many of its bytes are still to come.
        self._long = bytearray()
        self._missing = 0

    def read(self, connection: socket.socket) -> list[bytearray] | None:
        """Read once what a connection has; return the bodies that are whole by now, None when it has ended.

        Raises:
            ValueError: a body is to be longer than may be.
        """
        count = connection.recv_into(self._room)
        self.count += count
        return list(self._cut(self._room[:count])) if count else None

    @property
    def is_amid(self) -> bool:
        """Whether a body has begun to come, and is not whole."""
        return bool(self._begun or self._missing)

    def _cut(self, data: memoryview) -> Iterator[bytearray]:
        if self._missing:
            self._long += data[: self._missing]
            data, self._missing = data[self._missing :], max(0, self._missing - len(data))
            if self._missing:
                return
            body, self._long = self._long, bytearray()
            yield body
        self._begun += data
        while len(self._begun) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._begun)
            if length > self._most:
                raise ValueError(f"a message of {length:,} bytes is longer than the {self._most:,} that may be")
            end = _LENGTH.size + length
            if len(self._begun) >= end:
                body = self._begun[_LENGTH.size : end]
                del self._begun[:end]
                yield body
            elif length > self._ROOM:
                # It is put together where it stays.
                self._long = self._begun[_LENGTH.size :]
                self._missing = length - len(self._long)
                self._begun.clear()
                return
            else:
                return
