"""A simulated grid: stores, agents, reapers and clients on one virtual clock, and what befalls them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random

from htcgrid import Grid
from htcgrid.model import Hint, SharedInput, StateLimits, defaults
from htcgrid.reaper import Reaper, ReaperPolicy
from htcgrid.testing.memory import MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue
from tests.simulation.agent import SimulatedAgent
from tests.simulation.facts import Facts
from tests.simulation.faults import Fault, Faults
from tests.simulation.host import SimulatedHost
from tests.simulation.scheduler import Process, Scheduler, Waiting
from tests.simulation.stores import Line, SimulatedPayloadStore, SimulatedStateStore, SimulatedTaskQueue
from tests.simulation.trace import Trace
from tests.simulation.troubles import Troubles

#: Virtual time begins here: a store's clock that is set back is still after the epoch.
BEGINNING = 1_000_000.0


class StoreClock:
    """The store's own clock, which may be set forward and back."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.skew = 0.0

    def __call__(self) -> float:
        return BEGINNING + self._scheduler.now + self.skew


class Parts:
    """What a world is made of; tests put defective parts in their place."""

    state: type[MemoryStateStore] = MemoryStateStore
    queue: type[MemoryTaskQueue] = MemoryTaskQueue
    payloads: type[MemoryPayloadStore] = MemoryPayloadStore
    agent: type[SimulatedAgent] = SimulatedAgent
    reaper: type[Reaper] = Reaper


class World:
    """Everything of one run."""

    def __init__(self, seed: int, *, parts: Parts | None = None, keep: int | None = 60) -> None:
        self.random = Random(seed)
        self.parts = parts or Parts()
        self.scheduler = Scheduler(Random(self.random.getrandbits(64)))
        self.trace = Trace(keep=keep)
        self.faults = Faults(Random(self.random.getrandbits(64)))
        self.facts = Facts()
        self.troubles = Troubles(self.scheduler)
        self.clock = StoreClock(self.scheduler)
        logs = self.random.choice((1, 1, 4))
        self.state = self.parts.state(clock=self.clock, random=Random(self.random.getrandbits(64)), logs=logs)
        self.queue = self.parts.queue(clock=self.clock)
        self.payloads = self.parts.payloads()
        self.limits = StateLimits(
            inline=self.random.choice((0, 64, 1 << 16)),
            bundle_tasks=self.random.choice((1, 4, 64, 4096)),
            durable=False,
        )
        #: Rung when there may be outcomes, and hints.
        self.committed = Waiting()
        self.hinted = Waiting()
        #: Hints that were sent some time.
        self.hints: list[Hint] = []
        self.agents: list[SimulatedAgent] = []
        self.reapers: list[Process] = []
        self.clients: list[Process] = []
        lease = self.random.choice((4.0, 10.0, 30.0))
        self.policy = {
            "workers": self.random.choice((1, 2, 4)),
            "lease": lease,
            "heartbeat": lease / 6,
            "flush": self.random.choice((0.0, 0.2, 1.0)),
            "report": 15.0,
        }
        #: How many tasks that take their agents along a session has that has any: in some runs they meet each other.
        self.deadly = self.random.choices((1, 6), (95, 5))[0]
        self._numbers = 0

    def name(self, kind: str) -> str:
        """Return a name that nothing else has."""
        self._numbers += 1
        return f"{kind}-{self._numbers}"

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something after so many seconds."""
        self.scheduler.at(self.scheduler.now + seconds, action)

    def note(self, *words: object) -> None:
        """Add a line to the trace."""
        self.trace.note(self.scheduler.now, *words)

    def stores(self, process: Process) -> tuple[SimulatedStateStore, SimulatedTaskQueue, SimulatedPayloadStore]:
        """Return the stores as a process sees them."""
        line = Line(self, process)
        return SimulatedStateStore(line), SimulatedTaskQueue(line), SimulatedPayloadStore(line)

    def start_agent(self) -> SimulatedAgent:
        """Start an agent."""
        agent = self.parts.agent(self, self.name("agent"), self.policy)
        self._unsettle(agent.process)
        self.note("start", agent.name)
        self.agents.append(agent)
        return agent

    def start_reaper(self, policy: ReaperPolicy | None = None) -> Process:
        """Start a reaper as a program of its own."""
        process = self._process("reaper")
        reaper = self.parts.reaper(
            *self.stores(process),
            pools=[defaults.POOL],
            seed=self.random.getrandbits(32),
            policy=policy or ReaperPolicy(retention=self.random.choice((5.0, 60.0))),
            host=SimulatedHost(self.scheduler, process),
        )
        self.scheduler.spawn(process, reaper.run, "reaper")
        self.reapers.append(process)
        return process

    def start_client(self, run: Callable[[Grid, SimulatedHost], object]) -> Process:
        """Start a program that uses the grid."""
        process = self._process("client")
        host = SimulatedHost(self.scheduler, process)

        def main() -> None:
            run(Grid(*self.stores(process), host=host, quiet=True), host)

        self.scheduler.spawn(process, main, "main")
        self.clients.append(process)
        return process

    def set_clock(self, seconds: float) -> None:
        """Set the store's clock forward, or back."""
        self.clock.skew += seconds
        self.troubles.clock_set(self.clock.skew)
        self.note("store clock", self.clock.skew)

    def may_lack(self, shared: SharedInput) -> bool:
        """Return whether somebody may not have got a shared input: its session is gone, or a fault befell it."""
        record = self.state._sessions.get(shared.session)
        gone = record is None or record.tombstone
        return gone or shared.key in self.facts.altered or self.facts.misread[shared.key] > 0

    @contextmanager
    def lapses(self) -> Iterator[None]:
        """Look at the leases that a call ends: an agent that is well loses none."""
        bundles = [bundle for record in self.state._sessions.values() for bundle in record.bundles.values()]
        running = [(bundle, bundle.agent, bundle.lapses + bundle.lapses_alone) for bundle in bundles if bundle.running]
        yield
        for bundle, name, lapses in running:
            if bundle.lapses + bundle.lapses_alone > lapses:
                if bundle.open.count == 1:
                    self.facts.lapsed[bundle.key.session, bundle.open.first].append(name)
                heard = self.troubles.told_at(bundle.heard - BEGINNING)
                agent = next(agent for agent in self.agents if agent.name == name)
                killed = not agent.process.alive and not agent.exited
                excuse = killed or self.troubles.excuse(agent.process, heard - bundle.lease)
                assert excuse, f"{bundle.key} lapsed, and {name} was well"

    def _process(self, kind: str) -> Process:
        process = Process(self.name(kind))
        process.boot = self.random.uniform(0, 1e6)
        self._unsettle(process)
        self.note("start", process.name)
        return process

    def _unsettle(self, process: Process) -> None:
        if self.faults.happens(Fault.CLOCK_OFF, 3.0):
            process.skew = self.random.uniform(-300, 300)

    @property
    def lease(self) -> timedelta:
        """How long leases are."""
        return timedelta(seconds=self.policy["lease"])
