"""Waiting longer after each failure in a row."""

from collections.abc import Callable


class Patience:
    """When a kind of call may be tried again; the wait doubles up to a hundred times the first, with jitter."""

    def __init__(self, first: float, jitter: Callable[[], float]) -> None:
        self._first = first
        self._jitter = jitter
        self._failures = 0
        #: Not before this time.
        self.until = 0.0

    def failed(self, now: float) -> None:
        """Note a failure."""
        wait = min(self._first * 2.0**self._failures, self._first * 100)
        self._failures = min(self._failures + 1, 16)
        self.until = now + wait * (0.5 + self._jitter() / 2)

    def succeeded(self) -> None:
        """Note that the service answers."""
        self._failures = 0
        self.until = 0.0
