"""A few bytes of shared memory in which a worker shows which task it is at, and the agent how far it may go.

A message per task would cost more than short tasks do; writing to shared memory costs about 0.1 µs. Neither side trusts
it with more than time: should a look come at a bad moment, a task runs twice, and its first outcome counts.
"""

import fcntl
import mmap
import os
import tempfile
import time
from contextlib import suppress

#: Of the whole memory; the cell is its beginning, and the rest is the worker's journal. Pages that nobody touches cost
#: nothing.
SIZE = 1 << 20
#: Bytes of the cell, which are slots of 8 bytes.
CELL = 32
TASK, SINCE, STOP = 0, 1, 2
_NONE = -1
#: What importing a handler may take beside the time that a try may: many import more than they run.
_LOADING_NS = 60_000_000_000


class Cell:
    """One worker's cell. Only the worker writes task and time; only the agent shortens a run.

    A call would cost as much as to write: a worker that begins a task writes into :attr:`slots` since when, in
    monotonic nanoseconds, and then which, and goes on if that is less than what stands at ``STOP``.
    """

    # Attributes of classes: libraries that stop the time look for the functions themselves in all modules.
    _now = staticmethod(time.monotonic_ns)

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.memory = mmap.mmap(fd, SIZE)
        self.slots = memoryview(self.memory)[:CELL].cast("q")

    @classmethod
    def create(cls) -> "Cell":
        """Return a new cell; its ``fd`` is for the worker."""
        fd = _memory()
        try:
            os.ftruncate(fd, SIZE)
            _seal(fd)
            cell = cls(fd)
        except BaseException:
            os.close(fd)
            raise
        cell.rest()
        return cell

    def begin(self, task: int, stop: int) -> None:
        """Note a run: its first task, whose handler is being loaded, and its end.

        The first task's time begins when it is entered, or a minute from now: by then the import hangs.
        """
        self.slots[STOP] = stop
        self.slots[SINCE] = self._now() + _LOADING_NS
        self.slots[TASK] = task

    def rest(self) -> None:
        """Note that no task is being run."""
        self.slots[TASK] = _NONE

    def shorten(self, stop: int) -> None:
        """Ask the worker to end its run before task ``stop``."""
        self.slots[STOP] = stop

    def look(self) -> tuple[int, float] | None:
        """Return the task that is being run and since when (monotonic seconds), or None."""
        task, since = self.slots[TASK], self.slots[SINCE]
        return None if task == _NONE else (task, since / 1e9)

    def close(self) -> None:
        """Unmap the cell."""
        self.slots.release()
        self.memory.close()
        os.close(self.fd)


def _memory() -> int:
    """Return a file, on no disk where that can be: writing pages back to one would hold tasks up now and then."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("htcgrid-cell", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _seal(fd: int) -> None:
    """Let nobody change the file's size, where that can be: who reads what was cut off is killed by SIGBUS."""
    if hasattr(fcntl, "F_ADD_SEALS"):
        with suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
