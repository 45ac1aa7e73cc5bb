"""How many bundles to ask for, and when."""

import math
from collections.abc import Callable, Iterable
from datetime import timedelta

from htcgrid.model import Claim
from htcgrid_agent.core.commands import Acquire
from htcgrid_agent.core.crew import Crew
from htcgrid_agent.core.held import HeldBundle
from htcgrid_agent.core.pace import Pace
from htcgrid_agent.core.policy import AgentPolicy
from htcgrid_agent.core.wait import Patience


class Acquirer:
    """Asks for bundles when there is room, one Acquire at a time."""

    def __init__(self, policy: AgentPolicy, pace: Pace, crew: Crew, jitter: Callable[[], float]) -> None:
        self._policy = policy
        self._pace = pace
        self._crew = crew
        self._patience = Patience(policy.backoff, jitter)
        #: A moving average of the seconds of work in a bundle when it is claimed.
        self._typical: float | None = None
        self.under_way = False

    def wake_at(self) -> float:
        """Return the time from which on the next Acquire may be sent."""
        return self._patience.until

    def next(self, held: Iterable[HeldBundle], now: float) -> Acquire | None:
        """Return the Acquire to send now, if there is room."""
        if self.under_way or now < self._patience.until:
            return None
        limit = self._wanted(held, now)
        if limit <= 0:
            return None
        self.under_way = True
        return Acquire(limit=limit, wait=timedelta(seconds=self._policy.wait))

    def answered(self, claims: Iterable[Claim]) -> None:
        """Take in how much work came."""
        self.under_way = False
        self._patience.succeeded()
        for claim in claims:
            seconds = self._pace.seconds(claim.session.handler)
            if seconds is not None:
                work = seconds * claim.open.count
                self._typical = work if self._typical is None else 0.8 * self._typical + 0.2 * work

    def failed(self, now: float) -> None:
        """Note that queue or store could not be used."""
        self.under_way = False
        self._patience.failed(now)

    def _wanted(self, held: Iterable[HeldBundle], now: float) -> int:
        """Return how many bundles there is room for.

        An idle worker always makes room. Before workers run dry bundles are asked for only while tasks are short:
        behind a long task a bundle would wait for nothing, and be given back.
        """
        idle = self._crew.idle
        work, unknown = 0.0, False
        for bundle in held:
            seconds = self._pace.seconds(bundle.session.handler)
            unknown |= seconds is None and bool(bundle.todo)
            work += (seconds or 0.0) * bundle.todo.count
        if not idle and (unknown or self._typical is None or self._crew.stuck_for(now) > self._policy.horizon):
            return 0
        missing = self._policy.horizon * self._policy.workers - work
        if missing <= 0:
            return 0
        if self._typical is None:
            return idle
        return max(idle, min(self._policy.acquire, math.ceil(missing / max(self._typical, 1e-6))))
