"""Time as an argument: what reads a clock can be tested without waiting."""

import time
from collections.abc import Callable
from datetime import timedelta

#: Returns seconds; only differences between two calls mean something.
Clock = Callable[[], float]


class VirtualClock:
    """A clock that stands still until it is told to advance."""

    def __init__(self, start: float = 1_000_000_000.0) -> None:
        """Let the clock stand at ``start``: seconds, by default those of a day in 2001."""
        self._now = start

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self._now

    def advance(self, duration: timedelta) -> None:
        """Move the time forward."""
        self._now += duration.total_seconds()


def is_real(clock: Clock) -> bool:
    """Return whether ``clock`` moves by itself, so that waiting for it makes sense."""
    return clock in (time.time, time.monotonic)
