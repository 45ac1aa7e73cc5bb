"""The task queue in memory."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Condition
from typing import Self

import msgspec

from htcgrid.interfaces import Source, TaskQueue
from htcgrid.model import Delivery, Hint, QueueLimits
from htcgrid.testing.clock import Clock, is_real

#: A hint that was received and not acknowledged comes again after this time.
AGAIN = timedelta(seconds=30)


@dataclass(slots=True)
class _Message:
    hint: Hint
    #: Not to be received before this: seconds.
    hidden_until: float


class MemoryTaskQueue(TaskQueue):
    """Hints, for as long as the process lives; none is lost, and one that nobody acknowledges is repeated."""

    class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """There is nothing to set."""

    limits = QueueLimits(again_first=True)

    def __init__(self, *, clock: Clock = time.time) -> None:
        """Hold nothing yet."""
        self._clock = clock
        self._sent = 0
        self._messages: dict[str, _Message] = {}
        self._changed = Condition()

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> Self:  # noqa: ARG003 - there is nothing to set
        """Return an empty queue."""
        return cls()

    def send(self, hints: Sequence[Hint]) -> None:
        """See :meth:`TaskQueue.send`."""
        with self._changed:
            for hint in hints:
                self._sent += 1
                self._messages[str(self._sent)] = _Message(hint, self._clock())
            self._changed.notify_all()

    def receive(self, limit: int, *, wait: timedelta, pool: str, above: int | None = None) -> list[Delivery]:
        """See :meth:`TaskQueue.receive`."""
        with self._changed:
            if is_real(self._clock):
                self._changed.wait_for(lambda: self._visible(pool, above), timeout=wait.total_seconds())
            tokens = self._visible(pool, above)[:limit]
            for token in tokens:
                self._messages[token].hidden_until = self._clock() + AGAIN.total_seconds()
            return [Delivery(hint=self._messages[token].hint, token=token) for token in tokens]

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """See :meth:`TaskQueue.ack`."""
        with self._changed:
            for delivery in deliveries:
                self._messages.pop(delivery.token, None)

    def depth(self, pool: str) -> int | None:
        """See :meth:`TaskQueue.depth`."""
        with self._changed:
            now = self._clock()
            waiting = (message.hint.pool for message in self._messages.values() if message.hidden_until <= now)
            return sum(one == pool for one in waiting)

    def wake(self) -> None:
        """See :meth:`TaskQueue.wake`: no wait is long."""

    def _visible(self, pool: str, above: int | None) -> list[str]:
        """Return the tokens of what may be received: higher priorities, what was begun, and what is older first."""
        now = self._clock()
        found = [
            (-message.hint.priority, not message.hint.again, token)
            for token, message in self._messages.items()
            if message.hint.pool == pool
            and message.hidden_until <= now
            and (above is None or message.hint.priority > above)
        ]
        return [token for *_, token in sorted(found, key=lambda each: each[:2])]
