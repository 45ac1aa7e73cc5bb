"""The task queue as one process sees it."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from htcgrid.interfaces import Source, TaskQueue
from htcgrid.model import Delivery, Hint
from tests.simulation.faults import Fault
from tests.simulation.stores.line import Line


class SimulatedTaskQueue(TaskQueue):
    """The task queue through a line; its hints are lost, doubled, late, stale, reordered, and come again."""

    Settings = msgspec.Struct

    def __init__(self, line: Line) -> None:
        self._line = line
        self._queue = line.world.queue
        self._world = line.world
        self.limits = self._queue.limits

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> "SimulatedTaskQueue":
        """Never called: a world makes its stores."""
        raise NotImplementedError

    def send(self, hints: Sequence[Hint]) -> None:
        half = hints[: self._world.random.randrange(len(hints) + 1)]
        self._line.call(lambda: self._send(hints), lambda: self._send(half), " ".join(str(hint.key) for hint in hints))

    def receive(self, limit: int, *, wait: timedelta, pool: str, above: int | None = None) -> list[Delivery]:
        def look() -> list[Delivery]:
            return self._queue.receive(limit, wait=timedelta(0), pool=pool, above=above)

        found = self._line.call(lambda: self._line.waited_for(look, bool, wait, self._world.hinted))
        if len(found) > 1 and self._world.faults.happens(Fault.HINT_REORDERED):
            self._world.random.shuffle(found)
        return found

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        kept = [delivery for delivery in deliveries if self._world.faults.happens(Fault.HINT_KEPT)]

        def ack(deliveries: Sequence[Delivery]) -> None:
            self._queue.ack(deliveries)
            self._later([delivery.hint for delivery in kept])

        half = deliveries[: self._world.random.randrange(len(deliveries) + 1)]
        about = " ".join(str(delivery.hint.key) for delivery in deliveries)
        self._line.call(lambda: ack(deliveries), lambda: ack(half), about)

    def depth(self, pool: str) -> int | None:
        return self._line.call(lambda: self._queue.depth(pool))

    def wake(self) -> None:
        self._line.call(self._queue.wake)

    def _send(self, hints: Sequence[Hint]) -> None:
        faults, world = self._world.faults, self._world
        for hint in hints:
            if faults.happens(Fault.HINT_LOST):
                continue
            if faults.happens(Fault.HINT_LATE):
                self._later([hint])
                continue
            self._now([hint, hint] if faults.happens(Fault.HINT_DOUBLED) else [hint])
            world.hints.append(hint)
            if faults.happens(Fault.HINT_STALE):
                self._later([world.random.choice(world.hints)])

    def _now(self, hints: list[Hint]) -> None:
        self._queue.send(hints)
        self._world.hinted.wake()

    def _later(self, hints: list[Hint]) -> None:
        if hints:
            scheduler = self._world.scheduler
            scheduler.at(scheduler.now + self._world.random.uniform(0.1, 90.0), lambda: self._now(hints))
