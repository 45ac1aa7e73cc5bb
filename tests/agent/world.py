"""A world of agents in virtual time: the real decisions, the memory store, and workers that only pretend to work."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import count
from random import Random

import msgspec

from htcgrid.model import (
    AgentId,
    Block,
    Bundle,
    BundleKey,
    Delivery,
    Failure,
    Pack,
    RetryPolicy,
    Session,
    SessionId,
    TaskState,
    outcome,
    pack_blocks,
    pack_payloads,
    unpack_blocks,
    utcnow,
)
from htcgrid.testing.clock import VirtualClock
from htcgrid.testing.memory import MemoryStateStore, MemoryTaskQueue
from htcgrid_agent.core import AgentCore, AgentPolicy, commands, events
from htcgrid_agent.core.seclusion import parted


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What running a task is like."""

    seconds: float = 0.01
    #: The handler raises this.
    error: Failure | None = None
    #: The worker, or the whole agent, dies instead.
    kills_worker: bool = False
    #: The worker dies when it is handed the task, before it begins it.
    kills_on_arrival: bool = False
    kills_agent: bool = False
    #: The worker never comes back; or it stands still when it is handed the task, before it begins it.
    hangs: bool = False
    stands_still: bool = False
    #: The worker stands still when the task is over, before it reports that.
    stands_still_after: bool = False
    #: Bytes of the outcome.
    size: int = 0
    #: How long it takes the worker to go on once it has reported the outcome.
    lingers: float = 0.0


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """The recorded end of a task."""

    state: TaskState
    tries: int
    failure: Failure | None
    agent: str


class World:
    """Stores, a queue, and any number of agents that live and die on one virtual clock."""

    def __init__(self, work: Callable[[int], Work] = lambda _: Work(), *, seed: int = 1) -> None:
        self.clock = VirtualClock(1000.0)
        self.random = Random(seed)
        self.state = MemoryStateStore(clock=self.clock, random=self.random)
        self.queue = MemoryTaskQueue(clock=self.clock)
        self.work = work
        self.agents: dict[str, SimulatedAgent] = {}
        #: So many starts of workers never come to an end.
        self.starts_that_hang = 0
        #: How often each task was begun, and by whom.
        self.begun: Counter[int] = Counter()
        self.log: list[tuple[float, str, int]] = []
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._reap_at(1.0)

    @property
    def now(self) -> float:
        """The virtual time."""
        return self.clock()

    def at(self, delay: float, action: Callable[[], None]) -> None:
        """Do something after ``delay`` seconds."""
        heapq.heappush(self._agenda, (self.now + delay, next(self._numbers), action))

    def start_agent(self, name: str, **policy: object) -> "SimulatedAgent":
        """Start an agent."""
        agent = SimulatedAgent(self, name, dict(policy))
        self.agents[name] = agent
        agent.wake()
        return agent

    def submit(
        self,
        bundles: Iterable[int],
        *,
        sealed: bool = True,
        hinted: bool = True,
        payload: bytes = b"",
        **fields: object,
    ) -> SessionId:
        """Submit a session with bundles of so many tasks each."""
        session = msgspec.structs.replace(
            Session(
                id=SessionId(f"s{next(self._numbers)}"),
                handler="m:f",
                created=utcnow(),
                retry=RetryPolicy(backoff=timedelta(0)),
            ),
            **fields,
        )
        made, start = [], 0
        for tasks in bundles:
            pack = Pack.of(pack_payloads([payload] * tasks))
            made.append(Bundle(key=BundleKey(session.id, start), stop=start + tasks, input=pack))
            start += tasks
        self.state.create(session, made, sealed=sealed)
        if hinted:
            self.hint()
        return session.id

    def hint(self) -> None:
        """Hint all that is pending."""
        self.queue.send(self.state.due(10_000, dry="default"))

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> float:
        """Let time pass; return how much did."""
        began = self.now
        while self._agenda and self._agenda[0][0] <= began + seconds and not until():
            at, _, action = heapq.heappop(self._agenda)
            self.clock.advance(timedelta(seconds=max(0.0, at - self.now)))
            action()
        return self.now - began

    def finish(self, session: SessionId, seconds: float = 1000.0) -> float:
        """Run until every task of a session has ended; fail when it takes longer than ``seconds``."""
        passed = self.run(seconds, lambda: self.state.status([session])[0].finished)
        status = self.state.status([session])[0]
        assert status.finished, f"not finished after {passed} s: {status}"
        return passed

    def ended(self, session: SessionId) -> dict[int, Ended]:
        """Return how the tasks ended, as the log tells."""
        found: dict[int, Ended] = {}
        for entry in self.state.outcomes(session, limit=100_000).entries:
            for part in entry.parts:
                assert part.pack.data is not None
                for block in unpack_blocks(part.pack.data):
                    for index in range(block.start, block.stop):
                        if index in part.succeeded or index in part.failed:
                            assert index not in found, f"task {index} ended twice"
                            found[index] = Ended(
                                state=TaskState.FAILED if index in part.failed else TaskState.SUCCEEDED,
                                tries=block.tries.get(index, 1),
                                failure=block.failures.get(index),
                                agent=block.worker.partition("/")[0],
                            )
        return found

    def _reap_at(self, interval: float) -> None:
        self.queue.send(self.state.due(10_000, dry=None if self.queue.depth("default") else "default"))
        self.at(interval, lambda: self._reap_at(interval))


class SimulatedAgent:
    """The real decisions with pretended I/O: store calls take a millisecond, workers take what their work says."""

    CALL = 0.001

    def __init__(self, world: World, name: str, policy: dict[str, object]) -> None:
        self.world = world
        self.name = name
        defaults: dict[str, object] = {
            "workers": 2,
            "lease": 30.0,
            "heartbeat": 5.0,
            "grace": 25.0,
            "target": 2.0,
            "flush": 0.2,
            "handlers": ("*",),
        }
        self.policy = msgspec.convert({"agent": AgentId(name), **defaults, **policy}, AgentPolicy, strict=False)
        self.core = AgentCore(self.policy, world.random.random)
        self.alive = True
        self.exited_at: float | None = None
        #: Store calls fail while this is set.
        self.cut_off = False
        #: Commits with a part of these sessions fail, for good unless they are only unavailable.
        self.refused: set[SessionId] = set()
        self.refused_for_good = True
        #: How much longer a commit takes than other calls.
        self.commit_takes = 0.0
        self.sent: list[commands.Command] = []
        self.looks: dict[int, tuple[int, float]] = {}
        self._stops: dict[int, int] = {}
        self._lives: Counter[int] = Counter()
        self._tick = 0

    def die(self) -> None:
        """Vanish without a word."""
        self.alive = False

    def stop(self) -> None:
        """Be told to stop."""
        self.handle(events.Stop())

    def wake(self) -> None:
        """Let time pass for the decisions."""
        self.handle(events.Tick(running=dict(self.looks)))

    def handle(self, event: events.Event) -> None:
        """Give an event to the decisions, and carry out what they say."""
        if not self.alive or self.exited_at is not None:
            return
        for command in self.core.handle(event, self.world.now):
            self.sent.append(command)
            self._do(command)
        self._tick += 1
        tick = self._tick
        delay = self.core.wake_at(self.world.now) - self.world.now
        self.world.at(max(delay, 1e-6), lambda: self.wake() if tick == self._tick else None)

    def count(self, kind: type[commands.Command]) -> int:
        """Return how many commands of this kind were given."""
        return sum(isinstance(command, kind) for command in self.sent)

    def _do(self, command: commands.Command) -> None:
        match command:
            case commands.StartWorker(worker=worker):
                self._lives[worker] += 1
                if self.world.starts_that_hang:
                    self.world.starts_that_hang -= 1
                else:
                    self.world.at(0.05, lambda: self.handle(events.WorkerReady(worker=worker)))
            case commands.KillWorker(worker=worker):
                self._worker_dies(worker, "was killed by SIGKILL")
            case commands.Run():
                self._stops[command.worker] = command.stop
                self._run(command, command.start, self._lives[command.worker], [])
            case commands.Shorten(worker=worker, stop=stop):
                self._stops[worker] = stop
            case commands.Exit():
                self.exited_at = self.world.now
            case commands.Forget():
                pass
            case _:
                more = self.commit_takes if isinstance(command, commands.Commit) else 0.0
                self.world.at(self.CALL + more, lambda: self._call(command))

    def _call(self, command: commands.Command) -> None:
        if not self.alive:
            return
        if self.cut_off:
            self.handle(events.CallFailed(command=command, error="cut off"))
            return
        world, sent = self.world, self.world.now - self.CALL
        match command:
            case commands.Acquire() | commands.AcquireUrgent():
                self._acquire(command, command.wait.total_seconds())
            case commands.Commit():
                self._commit(command, sent)
            case commands.Ack(deliveries=deliveries, left=left):
                world.queue.send([delivery.hint for delivery in left])
                world.queue.ack(deliveries + left)
            case commands.Renew(leases=leases):
                self.handle(events.Renewed(sent=sent, renewal=world.state.renew(leases)))
            case commands.Register():
                self.handle(events.Registered())
            case commands.GiveBack(lease=lease, remainders=remainders):
                given = world.state.give_back(lease, remainders)
                if given is not None:
                    world.queue.send(given.hints)
                self.handle(events.GiveBackAnswered(key=lease.key, nonce=lease.nonce, given=given))

    def _commit(self, command: commands.Commit, sent: float) -> None:
        if any(part.lease.key.session in self.refused for part in command.parts):
            self.handle(events.CallFailed(command=command, error="refused", final=self.refused_for_good))
            return
        commits = [
            outcome.Commit(
                lease=part.lease,
                flush=part.flush,
                succeeded=part.succeeded,
                failed=part.failed,
                pack=Pack.of(pack_blocks(list(part.blocks))),
            )
            for part in command.parts
        ]
        answers = self.world.state.commit(commits)
        self.handle(events.CommitAnswered(sent=sent, parts=command.parts, answers=answers))

    def _acquire(self, command: commands.Acquire | commands.AcquireUrgent, wait: float) -> None:
        if not self.alive:
            return
        world = self.world
        if isinstance(command, commands.Acquire) and command.alone is not None:
            self._claim([command.alone], [], alone=True)
            return
        above = command.above if isinstance(command, commands.AcquireUrgent) else None
        deliveries = world.queue.receive(command.limit, wait=timedelta(0), pool="default", above=above)
        if not deliveries and wait > 0 and not self.core.stopping:
            world.at(0.01, lambda: self._acquire(command, wait - 0.01))
            return
        self._claim(*parted(deliveries), urgent=above is not None)

    def _claim(
        self, wanted: list[Delivery], left: list[Delivery], *, urgent: bool = False, alone: bool = False
    ) -> None:
        world = self.world
        keys = [delivery.hint.key for delivery in wanted]
        claims = world.state.claim(keys, agent=AgentId(self.name), lease=timedelta(seconds=self.policy.lease))
        acquired = events.Acquired(sent=world.now, claims=claims, deliveries=tuple(wanted), left=tuple(left))
        self.handle(msgspec.structs.replace(acquired, urgent=urgent, alone=alone))

    def _run(self, command: commands.Run, index: int, life: int, done: list[int]) -> None:
        """Begin a task of a run, or end the run."""
        worker = command.worker
        if not self.alive or life != self._lives[worker]:
            return
        if index >= self._stops[worker]:
            self.looks.pop(worker, None)
            self.handle(events.WorkerReported(worker=worker, run=command.run, block=None, done=True))
            return
        work = self.world.work(index)
        arrives = range(index, command.stop) if index == command.start else ()
        if any(self.world.work(one).kills_on_arrival for one in arrives):
            self._worker_dies(worker, "was killed by SIGKILL (out of memory?)")
            return
        if work.stands_still and index == command.start:
            return
        self.looks[worker] = (index, self.world.now)
        self.world.begun[index] += 1
        self.world.log.append((self.world.now, self.name, index))
        if work.hangs:
            return
        self.world.at(work.seconds, lambda: self._end(command, index, work, life, done))

    def _end(self, command: commands.Run, index: int, work: Work, life: int, done: list[int]) -> None:
        worker = command.worker
        if not self.alive or life != self._lives[worker]:
            return
        if work.kills_agent:
            self.die()
        elif work.stands_still_after:
            self.looks.pop(worker, None)
        elif work.kills_worker:
            self._worker_dies(worker, "exited with status 1")
        else:
            value = None if work.error else b"%d" % index
            failures = {index: work.error} if work.error else {}
            block = Block(index, [value], self.world.now, [int(work.seconds * 1e6)], f"{self.name}/{worker}", failures)
            self.handle(events.WorkerReported(worker=worker, run=command.run, block=block, done=False, size=work.size))
            if work.lingers:
                self.world.at(work.lingers, lambda: self._run(command, index + 1, life, done))
            else:
                self._run(command, index + 1, life, done)

    def _worker_dies(self, worker: int, reason: str) -> None:
        self._lives[worker] += 1
        look = self.looks.pop(worker, None)
        task = look[0] if look else None
        self.world.at(0.001, lambda: self.handle(events.WorkerDied(worker=worker, task=task, reason=reason)))
