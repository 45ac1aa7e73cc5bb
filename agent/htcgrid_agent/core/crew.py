"""The workers: who starts, gets work, is looked at, and is killed."""

from collections.abc import Iterable, Mapping
from math import inf

from htcgrid.model import Failure, Ranges
from htcgrid_agent.core.commands import Command, KillWorker, Run, Shorten, StartWorker
from htcgrid_agent.core.held import HeldBundle
from htcgrid_agent.core.pace import Pace
from htcgrid_agent.core.policy import AgentPolicy
from htcgrid_agent.core.slot import SlotState, WorkerSlot


class Crew:
    """The agent's worker slots, and which tasks of which bundle each has."""

    def __init__(self, policy: AgentPolicy, pace: Pace) -> None:
        self._policy = policy
        self._pace = pace
        self.slots = [WorkerSlot(number) for number in range(policy.workers)]

    @property
    def idle(self) -> int:
        """The number of workers that wait for work."""
        return sum(slot.state is SlotState.IDLE for slot in self.slots)

    @property
    def busy(self) -> list[WorkerSlot]:
        """The workers that have work."""
        return [slot for slot in self.slots if slot.state is SlotState.BUSY]

    @property
    def edited(self) -> tuple[str, ...]:
        """The files that were edited since workers imported them, which go on without."""
        return tuple(sorted({slot.edited for slot in self.slots if slot.edited}))

    def stuck_for(self, now: float) -> float:
        """Return for how long at least every worker has been at its task; 0 when one is free."""
        if any(slot.state is SlotState.IDLE or slot.state is SlotState.STARTING for slot in self.slots):
            return 0.0
        return min((slot.elapsed(now) for slot in self.busy), default=0.0)

    def free_in(self, now: float) -> float:
        """Return the seconds until the first worker is expected to be free; endless when that is not known."""
        if self.idle:
            return 0.0
        paces = ((slot, self._pace.seconds(slot.handler)) for slot in self.busy)
        return min((inf if pace is None else slot.left(now, pace) for slot, pace in paces), default=inf)

    def wake_at(self, now: float, *, starting: bool) -> list[float]:
        """Return the times at which workers are to be looked at, or started if any are."""
        times = [slot.start_at for slot in self.slots if slot.state is SlotState.ABSENT] if starting else []
        times += [slot.seen + self._policy.start for slot in self.slots if slot.state is SlotState.STARTING]
        if self.busy:
            times.append(now + self._policy.spread)
        return times

    def start(self, now: float) -> Iterable[Command]:
        """Yield commands that fill the empty slots."""
        for slot in self.slots:
            if slot.state is SlotState.ABSENT and now >= slot.start_at:
                slot.state, slot.seen = SlotState.STARTING, now
                yield StartWorker(worker=slot.number)

    def assign(self, held: Mapping[str, HeldBundle], now: float) -> Iterable[Command]:
        """Yield commands that hand waiting tasks to idle workers, the most urgent bundle first."""
        idle = [slot for slot in self.slots if slot.state is SlotState.IDLE]
        if not idle:
            return
        waiting = sum(bundle.todo.count for bundle in held.values())
        for nonce, bundle in held.items():
            while idle and bundle.todo and bundle.loaded and not _must_wait(bundle):
                slot = _taken(idle, bundle.script)
                portion = self._portion(bundle, waiting)
                start, stop = bundle.hand(slot.number, portion)
                waiting -= stop - start
                yield Run(
                    worker=slot.number,
                    run=slot.begin(nonce, bundle, (start, stop), now),
                    lease=bundle.lease,
                    session=bundle.session,
                    start=start,
                    stop=stop,
                    tries={index: tries for index, tries in bundle.tries.items() if start <= index < stop},
                )

    def look(
        self, held: Mapping[str, HeldBundle], running: Mapping[int, tuple[int, float]], now: float, *, full: bool
    ) -> Iterable[Command]:
        """Take in which task each worker is at; yield commands for those that are to be ended, or to stop early.

        They stop early for others, or when outcomes are ``full``.
        """
        urgent = self._most_urgent(held)
        for number, (task, since) in running.items():
            slot = self.slots[number]
            bundle = held.get(slot.nonce)
            if slot.state is not SlotState.BUSY or bundle is None or not slot.start <= task < slot.stop:
                # What stands in memory that a handler can write is taken only for what it may be.
                continue
            slot.task, slot.since, slot.seen = task, since, now
            timeout = bundle.session.timeout
            if timeout is not None and now - since > timeout.total_seconds():
                message = f"the try took longer than the session's timeout of {timeout.total_seconds():g} s"
                yield self.kill(slot, Failure(type="TimedOut", message=message))
            elif task + 1 < slot.stop and (full or self._must_share(slot, bundle, now - since, urgent)):
                yield self._shorten(slot, bundle, task + 1)
        for slot in self.slots:
            if slot.state is SlotState.STARTING and now - slot.seen >= self._policy.start:
                yield self.kill(slot, None)
        for slot in self.busy:
            at_none = slot.number not in running or slot.nonce not in held
            if at_none and now - slot.seen > self._policy.standstill:
                still = f"{now - slot.seen:.0f} s"
                message = f"its worker stood still for {still} before it began the task, or after its end"
                # What it was last seen at may be over.
                slot.task = None
                yield self.kill(slot, Failure(type="WorkerDied", message=message))

    def must_stop(self, held: Mapping[str, HeldBundle], *, full: bool) -> bool:
        """Return whether a worker has more tasks than it should begin: outcomes are full, or more urgent ones wait."""
        urgent = self._most_urgent(held)
        return (full or urgent is not None) and any(
            (slot.start if slot.task is None else slot.task) + 1 < slot.stop
            and slot.nonce in held
            and (full or held[slot.nonce].session.priority < (urgent or 0))
            for slot in self.busy
        )

    def _most_urgent(self, held: Mapping[str, HeldBundle]) -> int | None:
        """Return the highest priority of tasks that wait for a worker; None when there is none."""
        waiting = (bundle.session.priority for bundle in held.values() if bundle.todo.spans and bundle.loaded)
        return max(waiting, default=None)

    def _must_share(self, slot: WorkerSlot, bundle: HeldBundle, elapsed: float, urgent: int | None) -> bool:
        """Return whether others are to have what a worker has not begun.

        That is so while a task takes longer than was to be expected, and also when it is not, once nothing else waits:
        then others have nothing to do, or soon will not. As long as something does, whatever is handed over again
        would only keep workers waiting for it.
        """
        if urgent is not None and urgent > bundle.session.priority:
            return True
        expected = self._pace.seconds(bundle.session.handler)
        return elapsed > self._policy.spread and (urgent is None or expected is None or elapsed > 2 * expected)

    def kill(self, slot: WorkerSlot, blame: Failure | None) -> Command:
        """Return the command that ends a worker; its task is blamed only with ``blame``."""
        slot.state, slot.blame = SlotState.DYING, blame
        return KillWorker(worker=slot.number)

    def kill_all(self, nonce: str | None = None) -> Iterable[Command]:
        """Yield commands that end all busy workers, or those that work on one bundle; no task is to blame."""
        for slot in self.busy:
            if nonce is None or slot.nonce == nonce:
                yield self.kill(slot, None)

    def _shorten(self, slot: WorkerSlot, bundle: HeldBundle, stop: int) -> Command:
        # The worker may begin task ``stop`` while this is on its way. Then the task runs twice, and the first outcome
        # counts: cheaper than asking.
        bundle.take_back(slot.number, Ranges.of((stop, slot.stop)))
        slot.stop = stop
        return Shorten(worker=slot.number, run=slot.run, stop=stop)

    def _portion(self, bundle: HeldBundle, waiting: int) -> int:
        """Return how many tasks to hand over at once: a little time's worth, and never more than a fair share."""
        seconds = self._pace.seconds(bundle.session.handler)
        if seconds is None or bundle.suspect or bundle.unbegun:
            # After deaths before any task had begun, the guilty one is found by handing out one at a time.
            return 1
        # Of short tasks half of each share is kept for whoever is faster; long ones are taken back one by one.
        shares = len(self.slots) * (1 if seconds > self._policy.spread else 2)
        fair = -(-waiting // shares)
        portion = max(1, min(int(self._policy.portion / seconds), self._policy.portion_tasks, fair))
        # Not much more at once costs less than to hand over the rest by itself.
        first, last = bundle.todo.spans[0]
        whole = min(last - first, self._policy.portion_tasks)
        return whole if 2 * whole < 3 * portion else portion


def _taken(idle: list[WorkerSlot], script: str) -> WorkerSlot:
    """Take out a worker for a bundle: one that has imported its script, else one that has none, if there is any."""
    place = 0
    if script:
        liked = {script: 0, "": 1}
        place = min(range(len(idle)), key=lambda at: liked.get(idle[at].script, 2))
    return idle.pop(place)


def _must_wait(bundle: HeldBundle) -> bool:
    """Whether a suspect bundle has a task under way or uncommitted, so that the next may not start.

    Nor may the first while the others are given back: should it take the agent along before they are, they would all
    lapse together, time after time, and no lapse would tell whose fault it is.
    """
    unsettled = bundle.running or bundle.since is not None or bundle.committing or bundle.waiting or bundle.returning
    return bundle.suspect and bool(unsettled)
