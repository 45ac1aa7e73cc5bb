"""Shared memory that holds the outcomes which a worker has not reported yet; its agent reads them there.

A message per task would cost more than short tasks do, so a worker reports many at once. While the next task computes
for minutes, hangs, holds the interpreter's lock or is stopped, nothing in the worker could report those before it. So
each outcome is written here first, which takes a quarter of a microsecond.

A handler can write this memory, so its reader bounds all that it reads. Either it finds outcomes of tasks that the
worker was handed, or nothing. What an outcome says is the worker's affair, here as in a report.

The layout, after the cell's bytes: a word that says which epoch this is and how many records it has; what its records
have in common; a table of their lengths; a table of their durations; their bytes. Each report begins an epoch, which
holds what came after it. While it lasts, its records stay as they are.

Python has no memory barriers. The worker writes a record first and the word last. Processors that keep the order of
stores, as x86, show the record to whoever sees the word. Others, as ARM, may show stores in another order, but all of
them after a microsecond or so, and what is read here has stood there for 20 ms. The next epoch overwrites records only
after a report, which is a system call, and a task. The reader looks at the word again after all else, some thousand
instructions later, which is more than any processor works ahead.
"""

import mmap
import re
import struct
from itertools import accumulate

import msgspec

from htcgrid.model.outcome import Block, Failure, Printed
from htcgrid_agent.workers.cell import CELL, SIZE

#: Most records of an epoch: as many as an agent hands out tasks at once.
RECORDS = 2048
#: The number of records is in the word's lowest bits, and the epoch above. The word is small enough to be quick in
#: Python, and an epoch's number comes again only after 262,144 reports.
_EPOCH = 1 << 12
_EPOCHS = 1 << 30
#: Run, first task, when it began, and the digest of the code.
_COMMON = struct.Struct("=qqd12s")
_WORD_AT = CELL
_COMMON_AT = _WORD_AT + 8
_LENGTHS_AT = 4096
_DURATIONS_AT = _LENGTHS_AT + 8 * RECORDS
_BYTES_AT = _DURATIONS_AT + 8 * RECORDS
#: Bytes of records.
ROOM = SIZE - _BYTES_AT
#: How long a record must have stood there until it is read: seconds.
_SETTLED = 0.02
#: Bounds of what clients make times of: microseconds, and the seconds of the year 10000.
_LONGEST = 10**15
_LATEST = 253_402_300_800.0
_CODE = re.compile(rb"([0-9a-f]{12}|)\0*")

_encode = msgspec.msgpack.Encoder().encode
#: A record that is more than a value: its length is negative in the table.
_decode = msgspec.msgpack.Decoder(tuple[bytes | None, Failure | None, Printed | None]).decode


class Journal:
    """The worker's side."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._write = memory.write
        view = memoryview(memory)
        self._head = view[_WORD_AT:_COMMON_AT].cast("q")
        self._lengths = view[_LENGTHS_AT:_DURATIONS_AT].cast("q")
        self._durations = view[_DURATIONS_AT:_BYTES_AT].cast("q")
        #: The word without the number of records, and that number.
        self._epoch = self._count = 0

    def begin(self, run: int, start: int, began: float, code: str) -> None:
        """Begin an epoch: forget what was reported, and note what the next records have in common."""
        self._epoch = (self._epoch + _EPOCH) % _EPOCHS
        self._count = 0
        self._head[0] = self._epoch
        _COMMON.pack_into(self._memory, _COMMON_AT, run, start, began, code.encode())
        self._memory.seek(_BYTES_AT)

    def add(self, value: bytes, duration: int) -> bool:
        """Add the next task's value and its microseconds; return whether there was room."""
        count = self._count
        try:
            # What does not fit whole is not written.
            self._lengths[count] = self._write(value)
            self._durations[count] = duration
        except (ValueError, IndexError):
            return False
        self._count = count = count + 1
        self._head[0] = self._epoch + count
        return True

    def add_more(self, value: bytes | None, duration: int, failure: Failure | None, printed: Printed | None) -> bool:
        """The same of a task that has failed, or has printed something that is to be kept."""
        count = self._count
        try:
            self._lengths[count] = -self._write(_encode((value, failure, printed)))
            self._durations[count] = duration
        except (ValueError, IndexError):
            return False
        self._count = count = count + 1
        self._head[0] = self._epoch + count
        return True


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
        self._head = memoryview(memory)[_WORD_AT:_COMMON_AT].cast("q")
        #: The run that was handed out, its first task that has not been told of, and its end.
        self._run = self._next = self._stop = 0
        #: The word as it was seen last, when it was seen first, and a time before it stood there.
        self._word = 0
        self._seen = self._since = 0.0
        self._looked = 0.0
        #: Whether there is nothing more to be had before the word changes.
        self._taken = True

    def hand(self, run: int, start: int, stop: int, now: float) -> None:
        """Note that the worker was handed a run."""
        self._run, self._next, self._stop, self._looked = run, start, stop, now

    def reported(self, stop: int) -> None:
        """Note that the worker has reported its tasks below ``stop``."""
        self._next = max(self._next, stop)

    def settled(self, now: float) -> Held | None:
        """Return what has stood there for a moment and was not told of, if there is any; to be called every 50 ms."""
        word, before, self._looked = self._head[0], self._looked, now
        if word != self._word:
            self._word, self._since, self._seen, self._taken = word, before, now, False
        elif not self._taken and now - self._seen >= _SETTLED:
            return self._held(word, alive=True)
        return None

    def rest(self) -> Held | None:
        """Return all that is there and was not told of; the worker has ended, and all that it reported was read."""
        word = self._head[0]
        if word != self._word:
            self._since = self._looked
        return self._held(word, alive=False)

    def close(self) -> None:
        """Let the memory go."""
        self._head.release()

    def _held(self, word: int, *, alive: bool) -> Held | None:
        """Return the records that were not told of; nothing if anything is odd."""
        self._taken = True
        count = word % _EPOCH
        run, start, began, code = _COMMON.unpack_from(self._memory, _COMMON_AT)
        digest = _CODE.fullmatch(code)
        known = run == self._run and 0 < count <= RECORDS and self._next < start + count <= self._stop
        if not known or digest is None or not 0 <= began < _LATEST:
            return None
        if start > self._next and alive:
            # A report of those before it is on its way.
            self._taken = False
            return None
        skipped = max(0, self._next - start)
        held = self._block(Block(start, [], began, [], self._worker, code=digest[1].decode()), count, skipped)
        if held is None or self._head[0] // _EPOCH != word // _EPOCH:
            return None
        self._next = held.block.stop
        return held

    def _block(self, common: Block, count: int, skipped: int) -> Held | None:
        """Read records, but for the first ones."""
        lengths, durations = self._table(_LENGTHS_AT, count), self._table(_DURATIONS_AT, count)
        ends = [0, *accumulate(map(abs, lengths))]
        if ends[-1] > ROOM or min(durations) < 0 or max(durations) > _LONGEST:
            return None
        data = self._memory[_BYTES_AT : _BYTES_AT + ends[-1]]
        block = Block(
            start=common.start + skipped,
            values=[],
            began=common.began + sum(durations[:skipped]) / 1e6,
            durations=durations[skipped:],
            worker=common.worker,
            failures={},
            printed={},
            code=common.code,
        )
        for place in range(skipped, count):
            record = data[ends[place] : ends[place + 1]]
            if lengths[place] >= 0:
                block.values.append(record)
            elif not _add_more(block, record):
                return None
        return Held(self._run, block, ends[-1] - ends[skipped], self._since)

    def _table(self, at: int, count: int) -> list[int]:
        return memoryview(self._memory[at : at + 8 * count]).cast("q").tolist()


def _add_more(block: Block, record: bytes) -> bool:
    """Add a record that is more than a value; return whether it is one."""
    try:
        value, failure, printed = _decode(record)
    except msgspec.MsgspecError:
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
