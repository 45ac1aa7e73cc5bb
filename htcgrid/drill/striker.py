"""What strikes when, and how: decided by the seed, as far as processes of a real machine let it be."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import NamedTuple

from htcgrid.drill.crew import Crew, DrilledAgent
from htcgrid.drill.plan import Plan, Strike
from htcgrid.errors import HtcGridError
from htcgrid.interfaces import StateStore, TaskQueue
from htcgrid.model import BundleKey, BundleStatus, Delivery, Hint, SessionId

#: Most hints that are dropped or doubled at once, and most looks until a queue counts as empty.
_HINTS = 32
_LOOKS = 1000
#: Most pages of bundles among which those of an agent are looked for.
_PAGES = 10
_AT_ONCE = timedelta(0)


class Struck(NamedTuple):
    """One strike that happened."""

    strike: Strike
    #: From when until when: seconds since the epoch; the same but for what stood still.
    at: float
    until: float
    #: The agent, and the worker's process, that it befell.
    agent: str = ""
    pid: int = 0
    #: What the agent held then.
    held: tuple[BundleStatus, ...] = ()


class Striker:
    """Strikes once a while."""

    def __init__(
        self,
        plan: Plan,
        crew: Crew,
        kill_client: Callable[[], bool],
        *,
        state: StateStore,
        queue: TaskQueue,
        session: SessionId,
        lease: timedelta,
    ) -> None:
        self._plan = plan
        self._random = Random(plan.seed)
        self._crew = crew
        self._kill_client = kill_client
        self._state = state
        self._queue = queue
        self._session = session
        self._lease = lease.total_seconds()
        #: All strikes so far.
        self.struck: list[Struck] = []
        #: The last strike that emptied the queue, while the queue is dry.
        self._emptied: Struck | None = None
        self._next = time.monotonic() + plan.every
        self._ways: dict[Strike, Callable[[], Struck | None]] = {
            Strike.AGENT_KILLED: lambda: self._strike_agent(Strike.AGENT_KILLED, signal.SIGKILL),
            Strike.AGENT_TOLD_TO_STOP: lambda: self._strike_agent(Strike.AGENT_TOLD_TO_STOP, signal.SIGTERM),
            Strike.AGENT_PAUSED: self._pause_agent,
            Strike.WORKER_KILLED: lambda: self._strike_worker(Strike.WORKER_KILLED, signal.SIGKILL),
            Strike.WORKER_HUNG: lambda: self._strike_worker(Strike.WORKER_HUNG, signal.SIGSTOP),
            Strike.HINTS_DROPPED: self._drop_hints,
            Strike.HINTS_DOUBLED: self._double_hints,
            Strike.QUEUE_EMPTIED: self._empty_queue,
            Strike.CLIENT_KILLED: self._strike_client,
        }

    def tick(self) -> None:
        """Strike, if it is time."""
        now = time.monotonic()
        self._crew.wake(now)
        self._look_at_queue()
        if not self._plan.strikes or now < self._next:
            return
        self._next = now + self._plan.every
        # What cannot be had now leaves its turn to another.
        for strike in self._random.sample(self._plan.strikes, len(self._plan.strikes)):
            if struck := self._ways[strike]():
                self.struck.append(struck)
                return

    def _look_at_queue(self) -> None:
        """Find out whether an emptied queue has hints again, or needs none."""
        if self._emptied is None:
            return
        with suppress(HtcGridError):
            (status,) = self._state.status([self._session])
            if self._queue.depth(self._plan.pool) or not status.pending:
                place = self.struck.index(self._emptied)
                self.struck[place] = self._emptied._replace(until=time.time())
                self._emptied = None

    def _some_agent(self) -> DrilledAgent | None:
        well = self._crew.well
        return self._random.choice(well) if well else None

    def _held(self, agent: DrilledAgent) -> tuple[BundleStatus, ...]:
        """Return what an agent holds, as far as the first pages of bundles tell."""
        found: list[BundleStatus] = []
        cursor: str | None = ""
        with suppress(HtcGridError):
            for _ in range(_PAGES):
                if cursor is None or len(found) >= _HINTS:
                    break
                page = self._state.bundles(self._session, cursor)
                found += [bundle for bundle in page.bundles if bundle.agent == agent.name]
                cursor = page.cursor
        return tuple(found)

    def _strike_agent(self, strike: Strike, number: signal.Signals, *, pause: float = 0.0) -> Struck | None:
        agent = self._some_agent()
        if agent is None or (pause and len(self._crew.well) < 2):
            return None
        held = self._held(agent)
        if pause:
            agent.paused_until = time.monotonic() + pause
        else:
            agent.doomed, agent.told = True, number == signal.SIGTERM
        at = time.time()
        agent.send(number)
        return Struck(strike, at, at + pause, agent.name, held=held)

    def _pause_agent(self) -> Struck | None:
        pause = self._lease * self._random.uniform(1.2, 1.8)
        return self._strike_agent(Strike.AGENT_PAUSED, signal.SIGSTOP, pause=pause)

    def _strike_worker(self, strike: Strike, number: signal.Signals) -> Struck | None:
        agent = self._some_agent()
        workers = agent.workers if agent else []
        if agent is None or not workers:
            return None
        pid = self._random.choice(workers)
        at = time.time()
        if strike is Strike.WORKER_HUNG:
            self._crew.hung.add(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        return Struck(strike, at, at, agent.name, pid)

    def _received(self) -> list[Delivery]:
        with suppress(HtcGridError):
            return self._queue.receive(_HINTS, wait=_AT_ONCE, pool=self._plan.pool)
        return []

    def _taken(self, looks: int) -> list[Hint]:
        """Take hints from the queue until none is left, or ``looks`` times.

        Where state and queue are one database, pending bundles are hints by themselves, and have no token: there is
        nothing to lose.
        """
        taken: dict[BundleKey, Hint] = {}
        for _ in range(looks):
            deliveries = self._received()
            if not deliveries:
                break
            if not all(delivery.token for delivery in deliveries):
                return []
            taken |= {delivery.hint.key: delivery.hint for delivery in deliveries}
            with suppress(HtcGridError):
                self._queue.ack(deliveries)
        return list(taken.values())

    def _drop_hints(self) -> Struck | None:
        return self._hints_struck(Strike.HINTS_DROPPED, self._taken(2))

    def _empty_queue(self) -> Struck | None:
        struck = self._hints_struck(Strike.QUEUE_EMPTIED, self._taken(_LOOKS))
        if struck is not None:
            self._emptied = struck
        return struck

    def _double_hints(self) -> Struck | None:
        hints = self._taken(2)
        with suppress(HtcGridError):
            self._queue.send(hints * 2)
        return self._hints_struck(Strike.HINTS_DOUBLED, hints)

    def _hints_struck(self, strike: Strike, hints: list[Hint]) -> Struck | None:
        at = time.time()
        return Struck(strike, at, at) if hints else None

    def _strike_client(self) -> Struck | None:
        at = time.time()
        return Struck(Strike.CLIENT_KILLED, at, at) if self._kill_client() else None
