"""Payloads on their way from whoever makes them to the thread that writes them."""

from collections.abc import Callable, Iterator
from typing import Protocol

from htcgrid.errors import ConflictError
from htcgrid.host import Host


class Source(Protocol):
    """Where a submission's payloads come from."""

    def batches(self) -> Iterator[list[bytes]]:
        """Yield what has come, as soon as something has, until the source was ended and is empty."""
        ...

    def end(self) -> None:
        """Take in no more; what was taken in is still handed over. Safe to repeat."""

    def close(self) -> None:
        """Hand over no more: nobody writes any more."""


class Intake:
    """Hands payloads over from any number of threads to one, in order, and holds the threads up when it is full.

    The one need not be there all the time: it may rest, and is woken by what comes next.
    """

    #: Tasks, and bytes of payloads, that wait at most.
    _TASKS = 65_536
    _BYTES = 32 << 20
    #: Seconds between two hand-overs: one after a rest is made at once, and later ones find company.
    _PAUSE = 0.02
    #: Nothing has come for so long when nothing is soon to come: seconds.
    _REST = 1.0

    def __init__(self, *, tasks: int, host: Host) -> None:
        self._host = host
        self._tasks = min(tasks, self._TASKS)
        self._changed = host.condition()
        self._pending: list[bytes] = []
        self._bytes = 0
        self._ended = False
        #: Starts whoever rests; None while nobody does.
        self._wake: Callable[[], object] | None = None
        #: Payloads taken in so far.
        self.count = 0

    def put(self, payload: bytes) -> int:
        """Take in a payload, when there is room for it; return how many came before it.

        Raises:
            ConflictError: the intake was ended.
        """
        with self._changed:
            while self._full(len(payload)) and not self._ended:
                self._changed.wait()
            if self._ended:
                raise ConflictError("the session takes no more tasks: it was sealed, cancelled or closed")
            if not self._pending:
                self._changed.notify_all()
            self._pending.append(payload)
            self._bytes += len(payload)
            self.count += 1
            number = self.count - 1
            self._end_rest()
            return number

    def end(self) -> None:
        """Take in no more; what was taken in is still handed over. Safe to repeat."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            self._end_rest()

    def close(self) -> None:
        """Take in no more: nobody writes any more."""
        self.end()

    def batches(self) -> Iterator[list[bytes]]:
        """Yield what has come, as soon as something has, until the intake was ended and is empty."""
        earliest = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._ended)
                self._changed.wait_for(lambda: self._full(0) or self._ended, timeout=earliest - self._host.monotonic())
                batch, self._pending, self._bytes = self._pending, [], 0
                self._changed.notify_all()
            if not batch:
                return
            yield batch
            earliest = self._host.monotonic() + self._PAUSE

    def rest(self, wake: Callable[[], object], *, soon: bool = False) -> bool:
        """Return whether nothing has come for a second; then, and only then, ``wake`` is called once something has.

        With ``soon``, nothing is waited for.
        """
        with self._changed:
            if self._changed.wait_for(lambda: self._pending or self._ended, timeout=0.0 if soon else self._REST):
                return False
            self._wake = wake
            return True

    def _end_rest(self) -> None:
        """Wake whoever rests; the caller has the lock. Somebody who is interrupted here leaves that to the next."""
        if self._wake is not None:
            self._wake()
            self._wake = None

    def _full(self, more: int) -> bool:
        waiting = len(self._pending)
        return waiting >= self._tasks or (waiting > 0 and self._bytes + more > self._BYTES)
