"""The task queue on the state file: to receive is to look at the pending bundles, and writes nothing."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, Self, cast

import msgspec

from htcgrid.errors import UnreadableError
from htcgrid.interfaces import Concern, Source, TaskQueue
from htcgrid.local import backlog
from htcgrid.local import hints as stored
from htcgrid.local.damage import Damage, Place
from htcgrid.local.database import Database
from htcgrid.local.doorbell import Doorbell, Listener, Topic, pool_topic, topics_of
from htcgrid.local.settings import PATIENCE, LocalSettings, Mode
from htcgrid.model import Delivery, Hint, QueueLimits

#: How often a waiting agent looks though no bell rang: a lost ring costs this much.
_POLL = 0.5
#: How often one call looks again for what stands behind bundles that cannot be read.
_PASSES = 4
#: Suspect bundles among which one is chosen, since all agents look at the same ones.
_SUSPECTS = 32


class SqliteTaskQueue(TaskQueue):
    """The hints of a grid on one machine, in ``folder``.

    What :class:`SqliteStateStore` makes pending is a hint by that, and rings. Hints of a session that is in another
    state store are kept in the file. ``now`` is the time, that of the file's own machine unless it is given.
    """

    Settings = LocalSettings
    limits = QueueLimits(again_first=True)

    def __init__(
        self,
        folder: Path,
        *,
        patience: timedelta = PATIENCE,
        now: Callable[[], float] | None = None,
        mode: Mode = "private",
    ) -> None:
        self._database = Database(folder, patience, mode=mode)
        self._doorbell = Doorbell(folder / "bells", self._database.clock)
        self._now = now or self._database.clock
        self._damage = Damage(self._now)
        #: What the calls that wait listen to, and how often they were told to return.
        self._topics: list[Topic] = []
        self._wakes = 0

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> Self:
        """Return the queue of the grid's folder."""
        local = cast("LocalSettings", settings)
        return cls(local.folder(source), patience=timedelta(seconds=local.patience), mode=local.mode)

    def usage(self) -> Mapping[str, float]:
        return {"durable writes": float(self._database.commits)}

    def concerns(self) -> Sequence[Concern]:
        """Return what of the queue could not be read. Costs nothing."""
        return self._damage.met.concerns()

    def close(self) -> None:
        """Let go of file and bells."""
        self._doorbell.close()
        self._database.close()

    def send(self, hints: Sequence[Hint]) -> None:
        """Store the hints of other state stores' sessions; ours rang when their bundles became pending.

        Costs 1 read, and 1 quick write when there are others.
        """
        with self._database.reading() as connection:
            foreign = stored.foreign(connection, hints)
        if not foreign:
            return
        with self._database.writing(durable=False) as connection:
            stored.store(connection, foreign)
        for topic in topics_of(foreign):
            self._doorbell.ring(topic)

    def receive(self, limit: int, *, wait: timedelta, pool: str, above: int | None = None) -> list[Delivery]:
        """Return pending bundles that are due; waits at a doorbell, and no longer than to the end of a delay.

        Costs 1 read per look, and 1 quick write when a hint of another state store is there; who waits looks when the
        bell rings, and twice a second.
        """
        if wait <= timedelta(0):
            return self._look(limit, pool, above)[0]
        deadline, wakes = time.monotonic() + wait.total_seconds(), self._wakes
        with self._listening(pool_topic(pool, above)) as listener:
            while True:
                listener.drain()
                found, next_due = self._look(limit, pool, above)
                left = deadline - time.monotonic()
                if found or left <= 0 or self._wakes != wakes:
                    return found
                listener.wait(min(left, _POLL, next_due - self._now()))

    @contextmanager
    def _listening(self, topic: Topic) -> Iterator[Listener]:
        with self._doorbell.listening(topic) as listener:
            self._topics.append(topic)
            try:
                yield listener
            finally:
                self._topics.remove(topic)

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Delete stored hints; a bundle stops being a hint when it is claimed.

        Costs nothing, and 1 quick write when a hint of another state store is among them.
        """
        tokens = [delivery.token for delivery in deliveries if delivery.token]
        if tokens:
            with self._database.writing(durable=False) as connection:
                stored.delete(connection, tokens)

    def depth(self, pool: str) -> int | None:
        """Return how many bundles and stored hints of a pool wait, counted up to 100,000. Costs 1 read."""
        now = self._now()
        with self._database.reading() as connection:
            return backlog.depth(connection, pool, now) + stored.depth(connection, pool, now)

    def wake(self) -> None:
        """Let the calls that wait return. Costs a look in vain of each other one that listens to the same."""
        self._wakes += 1
        for topic in set(self._topics):
            self._doorbell.ring(topic)

    def _look(self, limit: int, pool: str, above: int | None) -> tuple[list[Delivery], float]:
        """Return what there is, and the time when the next delayed bundle comes due."""
        now = self._now()
        seen = self._see(limit, pool, above, now)
        for _ in range(_PASSES):
            if not seen.damaged:
                break
            # Others may stand behind what cannot be read; from now on it is passed over.
            with self._database.writing(durable=False) as connection:
                for place, error in seen.damaged:
                    self._damage.note(connection, place, error)
            seen = self._see(limit, pool, above, now)
        if seen.stored:
            with self._database.writing(durable=False) as connection:
                taken = stored.take(connection, pool, now, limit, above=above, met=self._damage.met)
            found = sorted(taken + _deliveries(seen.hints), key=lambda delivery: -stored.rank(delivery.hint))
            return found[:limit], seen.next_due
        some = _some(seen.hints, limit) if seen.shared else seen.hints[:limit]
        if seen.suspects and not any(hint.suspect for hint in some):
            some[-1] = random.choice(seen.suspects)
        return _deliveries(some), seen.next_due

    def _see(self, limit: int, pool: str, above: int | None, now: float) -> "_Seen":
        with self._database.reading() as connection:
            there = backlog.glance(connection, pool, now, above)
            found, damaged = backlog.pending(connection, pool, now, 2 * limit, there.priorities)
            suspects: list[Hint] = []
            if len(found) >= limit:
                # They stand behind all others, and would wait as long as others come: one of them is always told of.
                suspects, more = backlog.suspects(connection, pool, now, _SUSPECTS, there.priorities)
                damaged += more
            return _Seen(
                hints=found,
                suspects=suspects,
                damaged=damaged,
                stored=there.stored,
                next_due=there.next_due,
                shared=len(found) > limit and backlog.has_several_agents(connection, pool, now),
            )


class _Seen(NamedTuple):
    """What one look at the file has shown."""

    hints: list[Hint]
    #: Of those that are suspect, when there are more hints than are wanted.
    suspects: list[Hint]
    damaged: list[tuple[Place, UnreadableError]]
    #: Whether hints of other state stores wait.
    stored: bool
    #: The time when the next delayed bundle comes due.
    next_due: float
    #: Whether other agents look at the same ones.
    shared: bool


def _some(hints: list[Hint], limit: int) -> list[Hint]:
    """Take ``limit`` hints from the front, at a random place, since all agents look at the same front.

    An agent that is alone takes them as they come: with one worker, tasks begin in the order of their submission. Who
    waits for the first results before it lets a later task end would else wait for ever.
    """
    if len(hints) <= limit:
        return hints
    front = sum(stored.rank(hint) == stored.rank(hints[0]) for hint in hints)
    start = random.randint(0, max(0, front - limit))
    return hints[start : start + limit]


def _deliveries(hints: Sequence[Hint]) -> list[Delivery]:
    return [Delivery(hint=hint) for hint in hints]
