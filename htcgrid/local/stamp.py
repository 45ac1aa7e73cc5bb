"""The time of the machine that keeps a grid's files, whatever a process takes for the time."""

import time
from collections.abc import Callable

#: A stamp is good for so long: it costs two system calls, and a clock is seldom set. Seconds.
_GOOD = 10.0


class StoreClock:
    """Seconds since the epoch by the stamps that the kernel gives to what is written.

    A process may have been given another clock, as by libfaketime or a time namespace; what it wrote as the end of a
    session would be years off for all others. Between stamps it goes on by the monotonic clock.
    """

    def __init__(self, stamp: Callable[[], float]) -> None:
        self._stamp = stamp
        self._ahead = 0.0
        self._until = float("-inf")

    def __call__(self) -> float:
        """Return the time."""
        now = time.monotonic()
        if now >= self._until:
            self._ahead = self._stamp() - now
            self._until = now + _GOOD
        return now + self._ahead
