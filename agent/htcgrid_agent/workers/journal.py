"""Shared memory that holds the outcomes which a worker has not reported yet; its agent reads them there.

A message per task would cost more than short tasks do, so a worker reports many at once. While the next task computes
for minutes, hangs, holds the interpreter's lock or is stopped, nothing in the worker could report those before it. So
each outcome is written here first, which takes a quarter of a microsecond.

A handler can write this memory, so its reader bounds all that it reads. Either it finds outcomes of tasks that the
worker was handed, or nothing. What an outcome says is the worker's affair, here as in a report.

The layout, after the cell's bytes: what the records of an epoch have in common; the bytes of what is no short value;
and a slot for each record. Each report begins an epoch, which holds what came after it. While it lasts, its records
stay as they are. A record is there once the last bytes of its slot, its stamp, say so: epoch and place.

Python has no memory barriers. Processors that keep the order of stores, as x86, show a record to whoever sees its
stamp. Others, as ARM, may show stores in another order, but all of them after a microsecond or so, and what is read
has stood there for 90 ms. The next epoch overwrites records only after a report, which is a system call, and a task.
The reader looks at the epoch again after all else, some thousand instructions later, which is more than any processor
works ahead.
"""

import mmap
import struct

import msgspec

from htcgrid.model.outcome import Block
from htcgrid_agent.workers.cell import CELL, SIZE

#: Run, first task, when it began, the digest of the code, and the epoch.
COMMON = struct.Struct("=qqd12si")
COMMON_AT = CELL
NO_EPOCH = 0
#: A value, if it is short; microseconds; the number of bytes, negative if they are more than a value; the stamp.
SLOT = struct.Struct("=176sqii")
STAMP = struct.Struct("=i")
STAMP_AT = SLOT.size - STAMP.size
#: Most bytes of a short value: a dict of some eight numbers is one. To write two places costs twice as much.
SHORT = 176
#: Most records of an epoch, of which an agent hands out half at once. A stamp is a small number, quick in Python.
RECORDS = 4096
_EPOCHS = 1 << 30
SLOTS_AT = SIZE - RECORDS * SLOT.size
#: Where other bytes are.
BYTES_AT = 128
ROOM = SLOTS_AT - BYTES_AT

_encode = msgspec.msgpack.Encoder().encode


class Journal:
    """The worker's side.

    A call would cost as much as to write a short value, so its caller does that: for each task it adds 1 to the stamp
    and :attr:`STEP` to the place, and calls :attr:`write` with the memory, the place, the value, the microseconds, the
    number of bytes and the stamp.
    """

    STEP = SLOT.size
    write = SLOT.pack_into

    def __init__(self, memory: mmap.mmap) -> None:
        self.memory = memory
        #: Adds bytes, of which there must be :meth:`room`.
        self.put = memory.write
        self._epoch = NO_EPOCH

    def begin(self, run: int, start: int, began: float, code: str) -> tuple[int, int]:
        """Begin an epoch: forget what was reported; return place and stamp before the first record."""
        self._epoch += RECORDS
        if self._epoch == _EPOCHS:
            # Old stamps would count again.
            self.memory[SLOTS_AT:] = bytes(SIZE - SLOTS_AT)
            self._epoch = RECORDS
        # Should the worker be stopped in between, it is none.
        COMMON.pack_into(self.memory, COMMON_AT, 0, 0, 0.0, b"", NO_EPOCH)
        COMMON.pack_into(self.memory, COMMON_AT, run, start, began, code.encode(), self._epoch)
        self.memory.seek(BYTES_AT)
        return SLOTS_AT - SLOT.size, self._epoch - 1

    def room(self) -> int:
        """Return how many more bytes there is room for, beside slots."""
        return SLOTS_AT - self.memory.tell()

    def add(self, place: int, stamp: int, block: Block) -> bool:
        """Add the last task of a block, whatever there is of it; return whether there was room."""
        index, record = block.stop - 1, block.values[-1]
        failure, printed = block.failures.get(index), block.printed.get(index)
        more = failure is not None or printed is not None or record is None
        if more or record is None:
            record = _encode((record, failure, printed))
        if len(record) > self.room():
            return False
        self.put(record)
        size = -len(record) if more else len(record)
        self.write(self.memory, place, b"", block.durations[-1], size, stamp)
        return True
