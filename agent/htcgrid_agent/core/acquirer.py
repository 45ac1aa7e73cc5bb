"""How many bundles to ask for, and when."""

from collections.abc import Callable, Collection, Iterable
from datetime import timedelta
from math import ceil

from htcgrid.model import Claim, Delivery
from htcgrid.model.defaults import PRIORITY_LIMIT
from htcgrid_agent.core.commands import Acquire, AcquireUrgent
from htcgrid_agent.core.crew import Crew
from htcgrid_agent.core.held import HeldBundle
from htcgrid_agent.core.pace import Pace
from htcgrid_agent.core.policy import AgentPolicy
from htcgrid_agent.core.wait import Patience


class Acquirer:
    """Asks for bundles when there is room, and for urgent ones when there is none; one call of either at a time."""

    def __init__(self, policy: AgentPolicy, pace: Pace, crew: Crew, jitter: Callable[[], float]) -> None:
        self._policy = policy
        self._pace = pace
        self._crew = crew
        self._patience = Patience(policy.backoff, jitter)
        #: A moving average of the seconds of work in a bundle when it is claimed.
        self._typical: float | None = None
        #: A moving average of the bytes of a bundle's payloads.
        self._bytes = 0.0
        self._asking = False
        self._asking_urgent = False

    @property
    def under_way(self) -> bool:
        """Whether bundles may come."""
        return self._asking or self._asking_urgent

    def wake_at(self, now: float) -> list[float]:
        """Return the times from which on bundles may be asked for."""
        times = [self._patience.until] if self._patience.until > now else []
        free = self._crew.free_in(now)
        if not self._asking and self._policy.horizon < free < self._policy.target:
            times.append(now + free - self._policy.horizon)
        return times

    def next(self, held: Collection[HeldBundle], now: float) -> Iterable[Acquire | AcquireUrgent]:
        """Yield what to ask for now."""
        if now < self._patience.until:
            return
        wait = timedelta(seconds=self._policy.wait)
        room = self._policy.bundles - len(held)
        if not self._asking and (limit := min(room, self._wanted(held, now))) > 0:
            self._asking = True
            yield Acquire(limit=limit, wait=wait)
        unended = (bundle.session.priority for bundle in held if bundle.todo.spans or bundle.running)
        highest = max(unended, default=PRIORITY_LIMIT)
        if not self._asking_urgent and highest < PRIORITY_LIMIT:
            self._asking_urgent = True
            yield AcquireUrgent(limit=self._policy.workers, wait=wait, above=highest)

    def alone(self, delivery: Delivery) -> Acquire:
        """Return what claims a suspect bundle; nothing else may be under way."""
        self._asking = True
        return Acquire(limit=1, wait=timedelta(0), alone=delivery)

    def answered(self, claims: Iterable[Claim], *, urgent: bool) -> None:
        """Take in how much work came."""
        if urgent:
            self._asking_urgent = False
        else:
            self._asking = False
        self._patience.succeeded()
        for claim in claims:
            self._bytes += 0.2 * (claim.input.size - self._bytes)
            seconds = self._pace.seconds(claim.session.handler)
            if seconds is not None:
                work = seconds * claim.open.count
                self._typical = work if self._typical is None else 0.8 * self._typical + 0.2 * work

    def failed(self, now: float, *, urgent: bool) -> None:
        """Note that queue or store could not be used."""
        if urgent:
            self._asking_urgent = False
        else:
            self._asking = False
        self._patience.failed(now)

    def _wanted(self, held: Collection[HeldBundle], now: float) -> int:
        """Return how many bundles there is room for.

        An idle worker always makes room. Before workers run dry bundles are asked for only while tasks are short:
        behind a long task a bundle would wait for nothing, and be given back. A bundle whose payloads are fetched has a
        worker's place: a slow payload store keeps neither the others idle, nor is more claimed than they can run.
        """
        loading = sum(bool(bundle.todo.spans) and not bundle.loaded for bundle in held)
        idle = self._crew.idle - loading
        if loading and idle <= 0:
            return 0
        work, longest, unknown = 0.0, 0.0, False
        for bundle in held:
            seconds = self._pace.seconds(bundle.session.handler)
            unknown |= seconds is None and bool(bundle.todo.spans)
            work += (seconds or 0.0) * bundle.todo.count
            longest = max(longest, seconds or 0.0)
        if not idle and (unknown or self._typical is None or longest > self._policy.target / 4):
            return 0
        missing = self._policy.horizon * self._policy.workers - work
        if missing <= 0 or self._crew.free_in(now) > self._policy.horizon:
            return 0
        if self._typical is None or loading:
            return idle
        most = min(self._policy.acquire, ceil(self._policy.acquire_bytes / max(self._bytes, 1.0)))
        return max(idle, min(most, ceil(missing / max(self._typical, 1e-6))))
