"""The time of the machine that keeps a grid's files, whatever a process takes for the time."""

import os
import time
from collections.abc import Callable

#: A stamp is good for so long: it costs two system calls, and a clock is seldom set. Seconds.
_GOOD = 10.0


class StoreClock:
    """Seconds since the epoch by the stamps that the kernel gives to what is written.

    A process may have been given another clock, as by libfaketime or a time namespace; what it wrote as the end of a
    session would be years off for all others. Between stamps it goes on by the monotonic clock, and when there is none,
    as on a full disk.
    """

    def __init__(self, stamp: Callable[[], float]) -> None:
        self._stamp = stamp
        self._ahead: float | None = None
        self._until = float("-inf")
        #: Whether any stamp was had; else it is the process's own time.
        self.is_sure = False

    def __call__(self) -> float:
        """Return the time."""
        now = time.monotonic()
        ahead = self._ahead
        if ahead is None or now >= self._until:
            try:
                ahead = self._stamp() - now
                self.is_sure = True
            except OSError:
                ahead = time.time() - now if ahead is None else ahead
            self._ahead, self._until = ahead, now + _GOOD
        return now + ahead


def touch(descriptor: int) -> float:
    """Write the first byte of a file again; return the time that the kernel gives to that: seconds since the epoch.

    What os.utime sets is the time of whoever gave this process another clock.

    Raises:
        OSError: it cannot be written.
    """
    os.pwrite(descriptor, os.pread(descriptor, 1, 0) or b"\0", 0)
    return os.fstat(descriptor).st_mtime
