"""The agent's decisions, tied together: each event is taken in, then all that follows from it is decided."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from htcgrid.model import Block, Failure, KeepOutput, LossCause, Printed, Ranges, Remainder, defaults
from htcgrid_agent.core import commands, events
from htcgrid_agent.core.acquirer import Acquirer
from htcgrid_agent.core.blocks import lone_failure
from htcgrid_agent.core.committer import Committer
from htcgrid_agent.core.crew import Crew
from htcgrid_agent.core.held import HeldBundle
from htcgrid_agent.core.objection import objection
from htcgrid_agent.core.pace import Pace
from htcgrid_agent.core.policy import AgentPolicy
from htcgrid_agent.core.renewer import Renewer
from htcgrid_agent.core.reporter import Reporter
from htcgrid_agent.core.returner import Returner, give_back
from htcgrid_agent.core.seclusion import Seclusion
from htcgrid_agent.core.slot import SlotState, WorkerSlot

#: Workers that may die over a bundle before they begin one of its tasks, until the first task is blamed.
_UNBEGUN = 2
#: Leases for which payloads may be fetched, until somebody else is to try.
_LOADING = 10


class AgentCore:
    """A state machine: :meth:`handle` takes an event and the time, and returns commands.

    It does so in two steps, :meth:`take` and :meth:`follow`, so that workers need not wait for their tasks until all
    else is decided, too.

    Nothing here knows a thread, a clock or a service, so the same object runs in the agent and in a simulator. At most
    one Acquire, one Commit, one Renew, and one GiveBack and one Load per bundle are under way at any time. An event
    costs O(workers + bundles held), both of which are small.
    """

    def __init__(self, policy: AgentPolicy, jitter: Callable[[], float]) -> None:
        self._policy = policy
        self._jitter = jitter
        self._pace = Pace()
        self._crew = Crew(policy, self._pace)
        self._acquirer = Acquirer(policy, self._pace, self._crew, jitter)
        self._committer = Committer(policy, jitter)
        self._renewer = Renewer(policy, jitter)
        self._returner = Returner(policy, self._pace, self._crew)
        self._reporter = Reporter(policy, self._crew)
        #: By nonce, the most urgent first.
        self._held: dict[str, HeldBundle] = {}
        self._claims = 0
        #: Calls that failed, and when to make them again.
        self._again: list[tuple[float, commands.GiveBack | commands.Load]] = []
        self._seclusion = Seclusion(policy)
        #: The end of the grace, once the agent was told to stop.
        self._stop_at: float | None = None
        self._exited = False
        self._out: list[commands.Command] = []
        self._handlers: dict[type, Callable[[Any, float], None]] = {
            events.Tick: self._tick,
            events.Acquired: self._acquired,
            events.Acked: lambda _event, _now: None,
            events.Loaded: self._loaded,
            events.WorkerReady: self._worker_ready,
            events.WorkerReported: self._worker_reported,
            events.WorkerDied: self._worker_died,
            events.CommitAnswered: self._commit_answered,
            events.Renewed: self._renewed,
            events.GiveBackAnswered: self._give_back_answered,
            events.Registered: self._registered,
            events.CallFailed: self._call_failed,
            events.Stop: self._stop,
        }

    @property
    def stopping(self) -> bool:
        """Whether the agent was told to stop."""
        return self._stop_at is not None

    @property
    def held(self) -> list[HeldBundle]:
        """The bundles that it holds, the most urgent first."""
        return list(self._held.values())

    def handle(self, event: events.Event, now: float) -> list[commands.Command]:
        """Take in an event; return what is to be done, in order."""
        return [*self.take(event, now), *self.follow(now)]

    def take(self, event: events.Event, now: float) -> list[commands.Command]:
        """Take in an event; return what it calls for at once, and tasks for workers. :meth:`follow` is next."""
        self._handlers[type(event)](event, now)
        if not self._exited:
            self._assign(now)
        return self._taken()

    def follow(self, now: float) -> list[commands.Command]:
        """Return what else follows from the event that was taken in at this time."""
        if not self._exited:
            self._decide(now)
        return self._taken()

    def _taken(self) -> list[commands.Command]:
        out, self._out = self._out, []
        return out

    def wake_at(self, now: float) -> float:
        """Return the time at which a Tick is due, should nothing happen before."""
        times = [now + self._policy.wait, *self._committer.wake_at(self._held.values()), *self._reporter.wake_at()]
        times += self._crew.wake_at(now, starting=not self.stopping)
        if self._held:
            times += self._renewer.wake_at()
        for bundle in self._held.values():
            times.append(bundle.deadline)
            if not bundle.loaded and bundle.is_loading:
                times.append(bundle.load_by)
            if bundle.waiting:
                times.append(bundle.waiting[0][0])
        times.extend(at for at, _ in self._again)
        times.extend(self._seclusion.wake_at())
        if not self.stopping:
            times.extend(self._acquirer.wake_at(now))
            if self._crew.must_stop(self._held, full=self._is_full()):
                times.append(now + self._policy.glance)
        if self._stop_at is not None and self._stop_at > now:
            times.append(self._stop_at)
        return max(now, min(times))

    def _is_full(self) -> bool:
        """Whether outcomes come faster than they are committed, so that workers have to wait."""
        waiting = sum(bundle.size for bundle in self._held.values()) + self._committer.size
        return waiting > self._policy.outcome_bytes

    # What happened.

    def _tick(self, event: events.Tick, now: float) -> None:
        self._out.extend(self._crew.look(self._held, event.running, now, full=self._is_full()))

    def _acquired(self, event: events.Acquired, now: float) -> None:
        self._acquirer.answered(event.claims, urgent=event.urgent)
        left = event.left if self.stopping else self._seclusion.offered(event.left, now, claims=len(event.claims))
        if event.deliveries or left:
            self._out.append(commands.Ack(deliveries=event.deliveries, left=left))
        for claim in event.claims:
            self._claims += 1
            nonce = claim.lease.nonce
            bundle = HeldBundle(claim, deadline=event.sent + self._policy.lease, order=self._claims)
            bundle.load_by = now + _LOADING * self._policy.lease
            self._held[nonce] = bundle
            if failure := event.unreadable.get(nonce) or objection(self._policy, claim):
                self._fail_all(bundle, failure, now)
                continue
            if bundle.suspect and any(other.running for other in self._held.values()):
                # What runs here may take the agent along, and this with it. Its hint did not say yet what it is.
                self._leave_to_others(bundle)
                continue
            if not bundle.loaded:
                self._out.append(
                    commands.Load(lease=claim.lease, input=claim.input, first=claim.first, stop=claim.open.stop)
                )
            if claim.lapses + claim.lapses_alone > defaults.LAPSES_SUSPECT and claim.open.count > 1:
                self._isolate(bundle)
        if event.claims:
            self._held = dict(sorted(self._held.items(), key=lambda item: item[1].rank))

    def _loaded(self, event: events.Loaded, now: float) -> None:
        bundle = self._held.get(event.command.lease.nonce)
        if bundle is None:
            self._out.append(commands.Forget(nonce=event.command.lease.nonce))
        elif event.failure is not None:
            self._fail_all(bundle, event.failure, now)
        elif not event.unavailable:
            bundle.loaded = True
        elif bundle.returning:
            self._again.append((now + self._policy.target, event.command))
        elif bundle.todo:
            self._leave_to_others(bundle)

    def _leave_to_others(self, bundle: HeldBundle) -> None:
        """Give back a bundle that cannot be run here now, to whoever comes later."""
        later = timedelta(seconds=self._policy.target)
        self._out.append(give_back(bundle, [Remainder(ranges=bundle.todo, delay=later)]))

    def _worker_ready(self, event: events.WorkerReady, now: float) -> None:
        slot = self._crew.slots[event.worker]
        if slot.state is SlotState.DYING:
            # It took too long, and is being ended: a task that it was handed now would be blamed for that.
            return
        slot.rest()
        slot.false_starts = 0

    def _worker_reported(self, event: events.WorkerReported, now: float) -> None:
        slot = self._crew.slots[event.worker]
        if event.run != slot.run or slot.state not in {SlotState.BUSY, SlotState.DYING}:
            return
        bundle = self._held.get(slot.nonce)
        block = None if event.block is None else slot.news(event.block)
        if bundle is not None and block is not None:
            self._pace.learn(bundle.session.handler, len(block.values), sum(block.durations) / 1e6)
            # What it repeats was counted before.
            size = event.size * len(block.values) // max(1, len(event.block.values)) if event.block else 0
            came = now if event.since is None else min(now, max(event.since, slot.handed))
            self._take_tries(bundle, event.worker, block, now, size=size, came=came)
            if block.code:
                self._reporter.ran(bundle.session.handler, block.code)
        if event.done and slot.state is SlotState.BUSY:
            if bundle is not None:
                bundle.todo |= bundle.release(event.worker)
            slot.rest()
            slot.edited = event.edited
            if event.worn:
                self._out.append(self._crew.kill(slot, None))

    def _worker_died(self, event: events.WorkerDied, now: float) -> None:
        slot = self._crew.slots[event.worker]
        bundle = self._held.get(slot.nonce)
        killed_by_grid = slot.state is SlotState.DYING
        if bundle is not None:
            left = bundle.release(event.worker)
            bundle.todo |= left
            blame = slot.blame if killed_by_grid else Failure(type="WorkerDied", message=f"the worker {event.reason}")
            if blame is not None and not bundle.session.retry.retries([blame.type]):
                blame = msgspec.structs.replace(blame, final=True)
            task = self._guilty(bundle, left, slot, event)
            if blame is not None and task is not None:
                name = f"{self._policy.agent}/{event.worker}"
                keep = event.printed and bundle.session.output is not KeepOutput.NONE
                printed = Printed(stderr=event.printed) if keep else None
                block = lone_failure(task, blame, name, began=event.began, ran=event.ran, printed=printed)
                self._take_tries(bundle, event.worker, block, now)
        if slot.state is SlotState.STARTING:
            slot.false_starts += 1
            slot.start_at = now + min(10.0, 0.1 * 2.0 ** min(slot.false_starts, 10))
        slot.rest()
        slot.state, slot.blame = SlotState.ABSENT, None
        slot.edited = slot.script = ""

    def _guilty(self, bundle: HeldBundle, left: Ranges, slot: WorkerSlot, event: events.WorkerDied) -> int | None:
        """Return the task that a worker's death is blamed on, if any; ``left`` is what it had not reported."""
        if slot.state is SlotState.DYING and event.task != slot.task:
            # The task that was to be ended has ended by itself, and the next one is not to blame for it.
            return None
        if event.task is None and left and (slot.state is SlotState.BUSY or slot.blame is not None):
            # It died, or stood still, before it began a task. Whatever does that again and again, as a payload that the
            # machine has no memory for, must come to an end.
            bundle.unbegun += 1
            return left.first if bundle.unbegun > _UNBEGUN else None
        return event.task if event.task is not None and event.task in left else None

    def _commit_answered(self, event: events.CommitAnswered, now: float) -> None:
        self._committer.answered()
        for part, answer in zip(event.parts, event.answers, strict=True):
            self._reporter.succeeded += (part.succeeded & answer.accepted).count
            self._reporter.failed += (part.failed & answer.accepted).count
            bundle = self._held.get(part.lease.nonce)
            if bundle is None:
                continue
            bundle.committing = False
            if answer.lease is not None:
                bundle.lease = answer.lease
                bundle.deadline = max(bundle.deadline, event.sent + self._policy.lease)
            elif answer.cancelled or not bundle.settled:
                self._lose(bundle)

    def _renewed(self, event: events.Renewed, now: float) -> None:
        self._renewer.answered()
        for lease in event.renewal.kept:
            if kept := self._held.get(lease.nonce):
                kept.lease = lease
                kept.deadline = event.sent + self._policy.lease
        for lost in event.renewal.lost:
            bundle = self._held.get(lost.nonce)
            if bundle is None:
                continue
            # A commit or a give-back on its way may have ended the lease by itself; then its own answer tells.
            if lost.cause is LossCause.CANCELLED or not (bundle.committing or bundle.returning):
                self._lose(bundle)

    def _give_back_answered(self, event: events.GiveBackAnswered, now: float) -> None:
        bundle = self._held.get(event.nonce)
        if bundle is None:
            return
        bundle.returning = False
        if event.given is not None and event.given.lease is not None:
            bundle.lease = event.given.lease
        elif event.given is None or not bundle.settled:
            self._lose(bundle)

    def _call_failed(self, event: events.CallFailed, now: float) -> None:
        match event.command:
            case commands.Acquire(alone=delivery):
                self._acquirer.failed(now, urgent=False)
                if delivery is not None:
                    self._out.append(commands.Ack(deliveries=(), left=(delivery,)))
            case commands.AcquireUrgent():
                self._acquirer.failed(now, urgent=True)
            case commands.Renew():
                self._renewer.failed(now)
            case commands.Commit() as commit:
                refused = self._committer.failed(commit, now, final=event.final)
                if refused is not None and (bundle := self._held.get(refused.lease.nonce)):
                    # Somebody else may have more luck; else the lapses end its tasks.
                    self._lose(bundle)
            case commands.Register():
                self._reporter.answered(arrived=False)
            case commands.GiveBack() as returned if not event.final:
                self._again.append((now + self._policy.heartbeat / 5, returned))
            case commands.GiveBack(lease=lease) if bundle := self._held.get(lease.nonce):
                self._lose(bundle)

    def _registered(self, event: events.Registered, now: float) -> None:
        self._reporter.answered()

    def _stop(self, event: events.Stop, now: float) -> None:
        self._stop_at = now + (self._policy.grace if self._stop_at is None else 0.0)
        if self._acquirer.under_way:
            self._out.append(commands.Ack(deliveries=(), wake=True))

    # What follows.

    def _assign(self, now: float) -> None:
        for bundle in self.held:
            if bundle.waiting:
                bundle.wake(now)
            if now >= bundle.deadline:
                self._lose(bundle)
            elif not bundle.loaded and bundle.is_loading and now >= bundle.load_by:
                # A call that never ends must not hold tasks for ever.
                self._leave_to_others(bundle)
        suspect = self._suspect()
        self._seclusion.look(now, suspect=suspect is not None)
        if self._stop_at is None:
            self._out.extend(self._crew.start(now))
            alone = len(self._held) == 1 and not self._acquirer.under_way
            if (suspect is None or alone) and not self._is_full():
                self._out.extend(self._crew.assign(self._held, now))
        elif now >= self._stop_at:
            self._out.extend(self._crew.kill_all())

    def _decide(self, now: float) -> None:
        full, suspect = self._is_full(), self._suspect()
        self._return(now, suspect)
        self._commit(now, full=full)
        self._out.extend(self._renewer.next(self._held.values(), now))
        for bundle in [bundle for bundle in self._held.values() if bundle.settled]:
            self._forget(bundle)
        if report := self._reporter.next(self._held.values(), now, draining=self.stopping):
            self._out.append(report)
        self._acquire_or_exit(now, full=full or suspect is not None)

    def _suspect(self) -> HeldBundle | None:
        """Return the suspect bundle that is to have this agent to itself, if it holds any.

        Whoever runs or waits beside a task that takes its agent along lapses with it, and would be blamed with it. So
        the others are given back, and what runs is waited for.
        """
        suspects = (bundle for bundle in self._held.values() if bundle.suspect and not bundle.settled)
        return min(suspects, key=lambda bundle: (not bundle.begun, bundle.rank), default=None)

    def _return(self, now: float, suspect: HeldBundle | None) -> None:
        again = [command for at, command in self._again if at <= now]
        self._again = [(at, command) for at, command in self._again if at > now]
        self._out.extend(command for command in again if command.lease.nonce in self._held)
        if self.stopping:
            self._out.extend(self._returner.plan_all(self._held.values(), now))
        else:
            if suspect is not None:
                others = [bundle for bundle in self._held.values() if bundle is not suspect]
                self._out.extend(self._returner.plan_all(others, now))
            self._out.extend(self._returner.plan_waiting(self._held.values(), now))
            self._out.extend(self._returner.plan(self._held.values(), now))

    def _commit(self, now: float, *, full: bool) -> None:
        waits = any(bundle.todo.spans and bundle.loaded for bundle in self._held.values())
        at_once = self.stopping or full or not waits
        if commit := self._committer.next(self._held, now, at_once=at_once):
            self._out.append(commit)

    def _acquire_or_exit(self, now: float, *, full: bool) -> None:
        if left := self._seclusion.give_up(now, stopping=self.stopping):
            self._out.append(commands.Ack(deliveries=(), left=left))
        if self._stop_at is None:
            free = not self._held and not self._acquirer.under_way
            if (delivery := self._seclusion.next(free=free)) is not None:
                self._out.append(self._acquirer.alone(delivery))
            elif not full and not self._seclusion.waiting:
                self._out.extend(self._acquirer.next(self._held.values(), now))
        elif not self._held and not self._acquirer.under_way and not self._committer.busy:
            self._exited = True
            self._out.append(self._reporter.last())
            self._out.append(commands.Exit())

    def _take_tries(
        self, bundle: HeldBundle, worker: int, block: Block, now: float, *, size: int = 0, came: float | None = None
    ) -> None:
        """Take in one try of each task of the block: outcomes are kept, what failed may be tried again.

        They wait for their commit since they ``came``, which is now unless it is said.
        """
        reported = Ranges.of((block.start, block.stop))
        fresh = reported - bundle.done
        bundle.report(worker, reported)
        failed, again = [], []
        policy = bundle.session.retry
        for index, failure in block.failures.items():
            tries = bundle.tries.get(index, 0) + 1
            if index not in fresh:
                continue
            self._reporter.note(bundle, index, tries, failure, block.began)
            if failure.final or tries >= policy.tries:
                failed.append(index)
            else:
                again.append((index, tries))
        lost = Ranges.of_indexes(failed)
        succeeded = fresh - lost - Ranges.of_indexes(index for index, _ in again)
        bundle.record(block, succeeded, lost, now if came is None else came, size=size)
        for index, tries in again:
            bundle.tries[index] = tries
            bundle.retry(index, now + policy.wait(tries, self._jitter()).total_seconds())

    def _fail_all(self, bundle: HeldBundle, failure: Failure, now: float) -> None:
        for start, stop in bundle.todo.spans:
            block = Block(
                start=start,
                values=[None] * (stop - start),
                began=0.0,
                durations=[0] * (stop - start),
                worker=self._policy.agent,
                failures=dict.fromkeys(range(start, stop), failure),
            )
            bundle.record(block, Ranges(), Ranges.of((start, stop)), now)
        bundle.todo = Ranges()

    def _isolate(self, bundle: HeldBundle) -> None:
        """Keep the first task and give back the rest, suspect as they were before this lapse.

        The first task without an outcome is the one that ran when the suspect bundle lapsed: its neighbours must not
        pay for it.
        """
        first, rest = bundle.todo.take(1)
        bundle.todo = first | rest
        self._out.append(give_back(bundle, [Remainder(ranges=rest, lapses=defaults.LAPSES_SUSPECT)]))

    def _lose(self, bundle: HeldBundle) -> None:
        """Stop the work on a bundle that is another's now, or nobody's."""
        self._out.extend(self._crew.kill_all(bundle.claim.lease.nonce))
        self._forget(bundle)

    def _forget(self, bundle: HeldBundle) -> None:
        nonce = bundle.claim.lease.nonce
        if self._held.pop(nonce, None) is not None:
            self._out.append(commands.Forget(nonce=nonce))
