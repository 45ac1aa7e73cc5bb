"""What to give back: work that would wait for too long here while others may be idle."""

from collections.abc import Iterable
from datetime import timedelta

from htcgrid.model import Ranges, Remainder
from htcgrid_agent.core.commands import GiveBack
from htcgrid_agent.core.crew import Crew
from htcgrid_agent.core.held import HeldBundle
from htcgrid_agent.core.pace import Pace
from htcgrid_agent.core.policy import AgentPolicy


class Returner:
    """Plans give-backs, at most one per bundle at a time."""

    #: Once it gives back, an agent keeps only this share of ``target``, so that it does not give back again at once.
    _KEPT = 0.75

    def __init__(self, policy: AgentPolicy, pace: Pace, crew: Crew) -> None:
        self._policy = policy
        self._pace = pace
        self._crew = crew

    def _seconds(self, bundle: HeldBundle, stuck: float) -> float | None:
        """Return what a task of the bundle takes, as far as is known.

        When all workers have been ``stuck`` at their tasks for long, what was learnt before does not hold any more.
        """
        known = self._pace.seconds(bundle.session.handler)
        if stuck > self._policy.target / 2 and stuck > 4 * (known or 0.0):
            return max(known or 0.0, 2 * stuck)
        return known

    def plan(self, held: Iterable[HeldBundle], now: float) -> Iterable[GiveBack]:
        """Yield give-backs of tasks that will not be reached within ``target``, in the order of work."""
        ahead, stuck = 0.0, self._crew.stuck_for(now)
        for bundle in held:
            seconds = self._seconds(bundle, stuck) if bundle.todo.spans else None
            if seconds is None:
                continue
            needed = bundle.todo.count * seconds / self._policy.workers
            if ahead + needed <= self._policy.target or bundle.returning or bundle.suspect:
                ahead += needed
                continue
            keep = max(0, int((self._policy.target * self._KEPT - ahead) * self._policy.workers / seconds))
            if keep == 0 and not self._crew.busy and ahead == 0.0:
                keep = 1
            kept, rest = bundle.todo.take(keep)
            ahead += kept.count * seconds / self._policy.workers
            if rest:
                yield give_back(bundle, self._cut(rest, seconds))

    def plan_all(self, held: Iterable[HeldBundle], now: float) -> Iterable[GiveBack]:
        """Yield give-backs of everything that no worker has begun: the agent stops."""
        for bundle in held:
            if bundle.returning or not (bundle.todo or bundle.waiting):
                continue
            remainders = [Remainder(ranges=bundle.todo, tries=_tries(bundle, bundle.todo))] if bundle.todo else []
            remainders += [delayed(bundle, index, at - now) for at, index in bundle.waiting]
            yield give_back(bundle, remainders)

    def plan_waiting(self, held: Iterable[HeldBundle], now: float) -> Iterable[GiveBack]:
        """Yield give-backs of tasks whose next try is further away than ``target``: anybody may do it then."""
        for bundle in held:
            if not bundle.waiting or bundle.returning:
                continue
            late = [(at, index) for at, index in bundle.waiting if at - now > self._policy.target]
            if late:
                yield give_back(
                    bundle, [delayed(bundle, index, at - now) for at, index in late[: self._policy.children]]
                )

    def _cut(self, rest: Ranges, seconds: float) -> list[Remainder]:
        """Cut tasks into parts that an agent like this one can reach in time, the last with all that is left."""
        size = max(1, int(self._policy.target * self._KEPT * self._policy.workers / seconds))
        parts: list[Remainder] = []
        while rest and len(parts) < self._policy.children - 1:
            part, rest = rest.take(size)
            parts.append(Remainder(ranges=part))
        return [*parts, Remainder(ranges=rest)] if rest else parts


def delayed(bundle: HeldBundle, index: int, delay: float) -> Remainder:
    """Return the remainder of one task that waits for its next try."""
    tasks = Ranges.single(index)
    return Remainder(ranges=tasks, delay=timedelta(seconds=max(0.0, delay)), tries=_tries(bundle, tasks))


def give_back(bundle: HeldBundle, remainders: list[Remainder]) -> GiveBack:
    """Return the command, and take its tasks out of what the bundle has to do."""
    given = Ranges()
    for remainder in remainders:
        given |= remainder.ranges
    bundle.todo -= given
    bundle.waiting = [(at, index) for at, index in bundle.waiting if index not in given]
    bundle.returning = True
    filled = tuple(
        remainder
        if remainder.tries
        else Remainder(
            ranges=remainder.ranges,
            delay=remainder.delay,
            tries=_tries(bundle, remainder.ranges),
            lapses=remainder.lapses,
        )
        for remainder in remainders
    )
    return GiveBack(lease=bundle.lease, remainders=filled)


def _tries(bundle: HeldBundle, tasks: Ranges) -> dict[int, int]:
    return {index: tries for index, tries in bundle.tries.items() if index in tasks} if bundle.tries else {}
