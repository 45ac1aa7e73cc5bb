"""How tasks end, and the packs that carry their outcomes."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from htcgrid.errors import EncodingError, UnreadableError
from htcgrid.model.builtin_error import BuiltinError
from htcgrid.model.bundle import BundleKey, Lease
from htcgrid.model.decoding import Count, Decoder, Seconds
from htcgrid.model.pack import Pack
from htcgrid.model.ranges import Ranges


class TaskState(StrEnum):
    """Where a task is: PENDING and RUNNING may alternate, the other three are final."""

    #: It waits for an agent, or for its next try.
    PENDING = "PENDING"
    #: An agent holds it, whether a worker has begun or not.
    RUNNING = "RUNNING"
    #: It has a value.
    SUCCEEDED = "SUCCEEDED"
    #: It has an error, and no try is left.
    FAILED = "FAILED"
    #: Its session was cancelled before it ended.
    CANCELLED = "CANCELLED"


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a try went wrong."""

    #: The name of the exception's type, or of the grid's reason: TimedOut, WorkerDied, Lapsed, ...
    type: str
    #: What the exception says; its first 2,000 letters.
    message: str
    #: The worker's own, as text; empty where there is none.
    traceback: str = ""
    #: Whether another try would end the same way, as with a handler that does not exist.
    final: bool = False
    #: The exception itself, where a call raised one of Python's own: its caller gets it as that.
    builtin: BuiltinError | None = None


class Printed(msgspec.Struct, frozen=True, array_like=True):
    """The end of what a handler printed during one try."""

    #: What went to stdout.
    stdout: str = ""
    #: What went to stderr.
    stderr: str = ""


#: What a task can have taken: thirty years at most, so that it is still a time in all clients.
Microseconds = Annotated[int, msgspec.Meta(ge=0, le=10**15)]


class Block(msgspec.Struct, frozen=True, array_like=True):
    """What one worker reports of consecutive tasks: columns, since a row per task would cost more than the tasks."""

    #: The index of the first task.
    start: Count
    #: The encoded result of each task, None for one without; of a failed task with codec ``pickle``, its exception.
    values: list[bytes | None]
    #: When the first task started: seconds since the epoch by the worker's clock, for people to read.
    began: Seconds
    #: The time that each task took.
    durations: list[Microseconds]
    #: The worker, as ``agent/number``.
    worker: str
    #: By index: why a task failed.
    failures: dict[int, Failure] = {}
    #: By index: the tries a task took, when not one.
    tries: dict[int, Count] = {}
    #: By index: what a handler printed, as far as the session keeps it.
    printed: dict[int, Printed] = {}
    #: What tells the handler's code from an earlier or later one: a digest of its module; empty when it never ran.
    code: str = ""

    @property
    def stop(self) -> int:
        """One more than the index of the last task."""
        return self.start + len(self.values)


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """Outcomes of tasks of one bundle, to be recorded under its lease."""

    lease: Lease
    #: The number of this commit under the lease, from 0; with the nonce it names fixed content.
    flush: int
    succeeded: Ranges
    failed: Ranges = Ranges()
    #: A msgpack array of blocks that cover those tasks, and maybe others.
    pack: Pack


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one commit."""

    #: The refreshed lease; None when it is not current any more, or nothing is left to run under it.
    lease: Lease | None
    accepted: Ranges
    #: The tasks that had an outcome before, are in the bundle no more, or whose session is cancelled.
    refused: Ranges
    cancelled: bool = False


class LossCause(StrEnum):
    """Why a lease could not be renewed."""

    LAPSED = "LAPSED"
    CANCELLED = "CANCELLED"


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """A lease that is not current any more."""

    key: BundleKey
    nonce: str
    cause: LossCause


class Part(msgspec.Struct, frozen=True, array_like=True):
    """The share of one bundle in a log entry: exactly the tasks that were accepted, and the pack with them."""

    key: BundleKey
    succeeded: Ranges
    failed: Ranges
    pack: Pack


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a session's log."""

    parts: tuple[Part, ...]
    committed: datetime
    #: Whether this is the closing entry that a cancel wrote: nothing comes after it in this log.
    closing: bool = False


_encoder = msgspec.msgpack.Encoder()


def _check(blocks: list[Block]) -> None:
    for block in blocks:
        check_block(block)


_decode: Decoder[list[Block]] = Decoder(list[Block], "a pack of outcomes", check=_check)


def pack_blocks(blocks: list[Block]) -> bytes:
    """Return ``blocks`` as the bytes of an outcome pack."""
    return _encoder.encode(blocks)


def unpack_blocks(data: bytes) -> list[Block]:
    """Return what :func:`pack_blocks` packed.

    Raises:
        EncodingError: it is none of these.
    """
    try:
        return _decode(data)
    except UnreadableError as error:
        raise EncodingError(str(error)) from error


def check_block(block: Block) -> None:
    """Refuse a block whose columns do not fit together.

    Raises:
        ValueError: they do not.
    """
    if len(block.durations) != len(block.values):
        raise ValueError(f"{len(block.values)} values and {len(block.durations)} durations")
    start, stop = block.start, block.stop
    for column in (block.failures, block.tries, block.printed):
        if column and not start <= min(column) <= max(column) < stop:
            raise ValueError(f"it tells of tasks that are not of it, {start} to {stop}")
