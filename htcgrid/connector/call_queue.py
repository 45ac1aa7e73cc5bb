"""Calls on their way: those that wait to be handed over, and those whose end is awaited."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any

from htcgrid.errors import ConflictError
from htcgrid.host import Host


class Room:
    """How many more calls of one executor may be under way; all of its queues share it, and its lock."""

    def __init__(self, calls: int, *, host: Host) -> None:
        # Its lock may be taken again by the thread that has it: what ends a queue may be called by the garbage
        # collector, and so anywhere.
        self.changed = host.condition()
        self.free = calls


class CallQueue:
    """Hands calls over to the thread that writes them, each at once while there is room, and keeps their futures.

    A call that was not handed over can be cancelled. From then on its future is running, for nobody can take back what
    the grid accepts.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._changed = room.changed
        self._waiting: deque[tuple[bytes, Future[Any]]] = deque()
        #: Payloads that were handed over, and that the writing thread has not fetched yet.
        self._handed: list[bytes] = []
        #: The futures of calls that were handed over and have not ended, by the index of the task.
        self._under_way: dict[int, Future[Any]] = {}
        self._count = 0
        self._ended = False
        self._closed = False

    def put(self, payload: bytes, future: "Future[Any]") -> None:
        """Take in a call.

        Raises:
            ConflictError: the queue was ended.
        """
        with self._changed:
            if self._ended:
                raise ConflictError("the queue takes no more calls")
            self._waiting.append((payload, future))
            idle = not self._handed
            self._hand_over()
            if idle and self._handed:
                self._changed.notify_all()

    def end(self) -> None:
        """Take in no more; what was taken in is still handed over. Safe to repeat."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Hand over no more: nobody writes any more."""
        with self._changed:
            self._ended = self._closed = True
            self._changed.notify_all()

    def batches(self) -> Iterator[list[bytes]]:
        """Yield the payloads of calls that were handed over, until the queue was ended and is empty.

        Calls that come while a batch is written wait for the next, so that no call waits for company, and many calls
        find some.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._handed or (self._waiting and self._room.free > 0) or self._over)
                idle = not self._under_way
                self._hand_over()
                batch, self._handed = self._handed, []
                over = self._over
                if idle:
                    # Whoever waits for calls to be under way, or for there to be none any more.
                    self._changed.notify_all()
            if batch:
                yield batch
            elif over:
                return

    def awaited(self) -> bool:
        """Return True once calls are under way; False when none are, and none will be."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way or self._closed or self._over)
            return bool(self._under_way)

    def take(self, index: int) -> "Future[Any] | None":
        """Take out a call that has ended, and return its future; None when it has been taken."""
        with self._changed:
            future = self._under_way.pop(index, None)
            if future is not None:
                self._room.free += 1
                if self._room.free == 1:
                    # There was none, so others may wait for it.
                    self._changed.notify_all()
            return future

    def cancel(self) -> None:
        """Cancel all calls that wait."""
        with self._changed:
            waiting, self._waiting = self._waiting, deque()
            self._changed.notify_all()
        for _, future in waiting:
            future.cancel()
            # Tells whoever waits for it among others.
            future.set_running_or_notify_cancel()

    def fail(self, error: BaseException) -> None:
        """Take in no more, and let every call that has not ended fail. Safe to repeat."""
        with self._changed:
            waiting, self._waiting = self._waiting, deque()
            under_way, self._under_way = self._under_way, {}
            self._handed.clear()
            self._room.free += len(under_way)
            self.end()
        for future in under_way.values():
            with suppress(InvalidStateError):
                future.set_exception(error)
        for _, future in waiting:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)

    @property
    def unfinished(self) -> int:
        """The number of calls that have not ended."""
        with self._changed:
            return len(self._waiting) + len(self._under_way)

    @property
    def _over(self) -> bool:
        return self._ended and not self._waiting and not self._handed

    def _hand_over(self) -> None:
        """Hand over what waits, as far as there is room; under the lock."""
        while self._waiting and self._room.free > 0:
            payload, future = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                self._under_way[self._count] = future
                self._count += 1
                self._room.free -= 1
                self._handed.append(payload)
