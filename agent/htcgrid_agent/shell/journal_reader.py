"""What an agent takes from the journals of its workers."""

import mmap
import re
from bisect import bisect_left

import msgspec

from htcgrid.errors import UnreadableError
from htcgrid.model import Block, Failure, Printed, Ranges
from htcgrid.model.decoding import Decoder
from htcgrid_agent.core.blocks import pieces
from htcgrid_agent.workers.journal import (
    BYTES_AT,
    COMMON,
    COMMON_AT,
    NO_EPOCH,
    RECORDS,
    SHORT,
    SLOT,
    SLOTS_AT,
    STAMP,
    STAMP_AT,
)

#: How long a record must have stood there until it is read: seconds. On a busy machine a worker may wait about as long
#: for a core, and then reports by itself, which costs less. Commits wait for longer.
_SETTLED = 0.09
#: Bounds of what clients make times of: microseconds, and the seconds of the year 10000.
_LONGEST = 10**15
_LATEST = 253_402_300_800.0
_CODE = re.compile(rb"([0-9a-f]{12}|)\0*")
_More = tuple[bytes | None, Failure | None, Printed | None]
_decode: Decoder[_More] = Decoder(_More, "an outcome in the memory of a worker")


class Held(msgspec.Struct, frozen=True):
    """Outcomes that were taken from a journal."""

    run: int
    block: Block
    #: About how many bytes they are.
    size: int
    #: A time before which none of them was there.
    since: float


class JournalReader:
    """The agent's side: it yields each outcome once, and none of those that were reported."""

    def __init__(self, memory: mmap.mmap, worker: str) -> None:
        self._memory = memory
        #: The worker's name in outcomes.
        self._worker = worker
        #: The run that was handed out, its first task, its first that has not been told of, and its end.
        self._run = self._first = self._next = self._stop = 0
        #: The epoch and its records as they were seen last.
        self._epoch, self._count = NO_EPOCH, 0
        #: When that was seen first, a time before it was so, and the last look.
        self._seen = self._since = self._looked = 0.0
        #: Whether there is nothing to be had of it.
        self._taken = True

    def hand(self, run: int, start: int, stop: int, now: float) -> None:
        """Note that the worker was handed a run."""
        self._run, self._first, self._next, self._stop = run, start, start, stop
        self._looked = now

    def reported(self, stop: int) -> None:
        """Note that the worker has reported its tasks below ``stop``."""
        self._next = max(self._next, stop)

    def settled(self, now: float) -> Held | None:
        """Return what has stood there for a moment and was not told of; to be called again and again."""
        if self._look(now):
            self._seen = now
        elif not self._taken and now - self._seen >= _SETTLED:
            return self._held(alive=True)
        return None

    def rest(self) -> Held | None:
        """Return all that is there and was not told of; the worker has ended, and all that it reported was read."""
        self._look(self._looked)
        return self._held(alive=False)

    def _look(self, now: float) -> bool:
        """Look whether there is anything that was not there at the last look."""
        before, self._looked = self._looked, now
        *_, epoch = COMMON.unpack_from(self._memory, COMMON_AT)
        if epoch == self._epoch and not self._is_there(self._count):
            return False
        self._epoch = epoch
        # Those that are there come first, so this finds their end.
        self._count = bisect_left(range(RECORDS), True, key=lambda place: not self._is_there(place))
        self._since, self._taken = before, not self._count
        return True

    def _is_there(self, place: int) -> bool:
        if place == RECORDS:
            return False
        (stamp,) = STAMP.unpack_from(self._memory, SLOTS_AT + place * SLOT.size + STAMP_AT)
        return bool(stamp == self._epoch + place)

    def _held(self, *, alive: bool) -> Held | None:
        """Return the records that were not told of; nothing if anything is odd."""
        self._taken = True
        run, start, began, code, epoch = COMMON.unpack_from(self._memory, COMMON_AT)
        stop, digest = start + self._count, _CODE.fullmatch(code)
        if (epoch, run) != (self._epoch, self._run) or epoch == NO_EPOCH:
            return None
        if start < self._first or not self._next < stop <= self._stop or digest is None or not 0 <= began < _LATEST:
            return None
        if alive and start > self._next:
            # A report of those before it is on its way.
            self._taken = False
            return None
        block = Block(start, [], began, [], self._worker, {}, {}, {}, digest[1].decode())
        size = self._read(block)
        if size is None or COMMON.unpack_from(self._memory, COMMON_AT)[-1] != epoch:
            return None
        told, self._next = max(start, self._next), stop
        return Held(self._run, next(pieces(block, Ranges.of((told, stop)), {})), size, self._since)

    def _read(self, block: Block) -> int | None:
        """Read all records into a block; return how many bytes they have, None if one is odd."""
        at, size = BYTES_AT, 0
        slots = self._memory[SLOTS_AT : SLOTS_AT + self._count * SLOT.size]
        for place, (short, duration, length, stamp) in enumerate(SLOT.iter_unpack(slots)):
            if stamp != self._epoch + place or not 0 <= duration <= _LONGEST:
                return None
            block.durations.append(duration)
            size += abs(length)
            if 0 <= length <= SHORT:
                block.values.append(short[:length])
                continue
            begin, at = at, at + abs(length)
            if at > SLOTS_AT:
                return None
            record = self._memory[begin:at]
            if length > 0:
                block.values.append(record)
            elif not _take_more(block, record):
                return None
        return size


def _take_more(block: Block, record: bytes) -> bool:
    """Read a record that is more than a value; return whether it is one."""
    try:
        value, failure, printed = _decode(record)
    except UnreadableError:
        return False
    if value is None and failure is None:
        return False
    index = block.stop
    block.values.append(value)
    if failure is not None:
        block.failures[index] = failure
    if printed is not None:
        block.printed[index] = printed
    return True
