"""An agent on a simulated machine: its decisions, its store calls and its lanes are the real ones."""

import sys
from collections.abc import Callable
from datetime import timedelta
from queue import Empty
from typing import TYPE_CHECKING, Any

import msgspec

from htcgrid.model import AgentId, SessionId, defaults
from htcgrid_agent.core import AgentCore, AgentPolicy, commands, events
from htcgrid_agent.shell.inputs import Inputs
from htcgrid_agent.shell.lane import Lane, lanes_of
from htcgrid_agent.shell.shared import Fetch, Fetched, SharedFiles
from htcgrid_agent.shell.stores import StoreCalls
from tests.simulation.host import SimulatedHost, SimulatedQueue
from tests.simulation.scheduler import Process
from tests.simulation.worker import SimulatedWorker

if TYPE_CHECKING:
    from tests.simulation.world import World

#: Workers are looked at this often while events keep coming: seconds.
_TICK = 0.05
#: Of how many workers the journal is read at a look.
_TAKEN = 0.5
#: How long an order takes to reach a worker: seconds.
_ORDER = (0.0, 0.05)
#: An agent that wakes itself this often in a row, each time at once, would keep a core busy: seconds, and times.
_SPIN = 1e-3
_SPINS = 100


class Silence:
    """A log that nobody reads."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


class SimulatedAgent:
    """One process; it lives until it exits or is killed."""

    def __init__(self, world: "World", name: str, policy: dict[str, Any]) -> None:
        self.world = world
        self.name = name
        self.process = Process(name)
        self.process.boot = world.random.uniform(0, 1e6)
        self.host = SimulatedHost(world.scheduler, self.process)
        self.exited = False
        #: How often a worker that has ended a run wants to be replaced.
        self.wear = world.random.choice((0.0, 0.0, 0.02))
        self.policy = AgentPolicy(
            agent=AgentId(name),
            grace=10.0,
            target=defaults.TARGET.total_seconds(),
            handlers=("*",),
            pickle=True,
            python="{}.{}".format(*sys.version_info),
            **policy,
        )
        self._core = AgentCore(self.policy, world.random.random)
        self._events: SimulatedQueue[events.Event] = self.host.queue()
        self._stopping = self.host.flag()
        self._inputs = Inputs()
        self._workers: dict[int, SimulatedWorker] = {}
        self.process.on_death.append(self._end_workers)
        world.scheduler.spawn(self.process, self._run, "loop")

    def post(self, event: events.Event) -> None:
        """Hand an event to the loop."""
        self._events.put(event)

    def stop(self) -> None:
        """Tell the agent to stop, as SIGTERM does."""
        self.post(events.Stop())

    def fetch(self, command: Fetch) -> None:
        """Fetch a shared input for a worker."""
        self._fetches.send(command)

    def buried(self, event: events.WorkerDied) -> None:
        """Note that a worker has ended."""
        self._workers.pop(event.worker, None)
        self.post(event)

    def pause(self, until: float, *, workers: bool) -> None:
        """Stand still; without its ``workers``, these go on with what they have."""
        self.process.paused_until = max(self.process.paused_until, until)
        for worker in self._workers.values() if workers else ():
            worker.process.paused_until = max(worker.process.paused_until, until)

    def _run(self) -> None:
        world, host = self.world, self.host
        state, queue, payloads = world.stores(self.process)
        calls = StoreCalls(
            state=state,
            queue=queue,
            payloads=payloads,
            agent=self.policy.agent,
            pool=defaults.POOL,
            lease=timedelta(seconds=self.policy.lease),
            inputs=self._inputs,
            stopping=self._stopping,
            log=Silence(),
            host=host,
        )
        shared = SharedFiles(payloads, limit=10_000, stopping=self._stopping)
        self.process.on_death.append(shared.close)
        self._lanes = lanes_of(calls, self.post, self._crash, host=host)
        self._fetches = Lane("fetch", shared.fetch, self.post, self._crash, host=host)
        self._handle(events.Tick())
        ticked, spins = host.monotonic(), 0
        while not self.exited:
            now = host.monotonic()
            wait = self._core.wake_at(now) - now
            try:
                event = self._events.get(timeout=max(1e-4, wait))
            except Empty:
                event = None
            spins = spins + 1 if event is None and wait < _SPIN else 0
            assert spins < _SPINS, f"{self.name} looks for work over and over, and finds none"
            if isinstance(event, Fetched):
                self._fetched(event)
            elif event is not None:
                self._handle(event)
            if event is None or host.monotonic() - ticked > _TICK:
                ticked = host.monotonic()
                self._take_held_up()
                self._handle(events.Tick(running=self._looks()))
        for lane in (*self._lanes.values(), self._fetches):
            lane.close()
        self._judge_forgotten()
        self.process.die()

    def _crash(self, error: BaseException) -> None:
        self.world.scheduler.crashes.append((self.name, "lane", error))

    def _take_held_up(self) -> None:
        """Take outcomes from journals, of some workers: what has stood there for a moment depends on the moment."""
        for worker in list(self._workers.values()):
            if self.world.random.random() < _TAKEN and (held := worker.journal()):
                self._handle(msgspec.structs.replace(held, since=self.host.monotonic() - _TICK))

    def _looks(self) -> dict[int, tuple[int, float]]:
        return {number: worker.look for number, worker in self._workers.items() if worker.look is not None}

    def _handle(self, event: events.Event) -> None:
        if isinstance(event, events.Stop):
            self._stopping.set()
        for command in self._core.handle(event, self.host.monotonic()):
            self._do(command)

    def _do(self, command: commands.Command) -> None:
        match command:
            case commands.StartWorker(worker=number):
                self._workers[number] = SimulatedWorker(self, number)
            case commands.KillWorker(worker=number):
                if worker := self._workers.get(number):
                    self._kill(worker)
            case commands.Run(worker=number, lease=lease):
                self._judge_run(command)
                if worker := self._workers.get(number):
                    worker.run(command, self._inputs.cut(lease.nonce, command.start, command.stop))
            case commands.Shorten(worker=number, stop=stop):
                if worker := self._workers.get(number):
                    self._later(lambda: worker.shorten(command.run, stop))
            case commands.Forget(nonce=nonce):
                self._judge_forgotten(nonce)
                self._inputs.forget(nonce)
            case commands.Exit():
                self.exited = True
            case _:
                self._lanes[type(command)].send(command)

    def _later(self, action: Callable[[], object]) -> None:
        """Let an order take a moment to reach its worker, which goes on meanwhile."""
        scheduler = self.world.scheduler
        scheduler.at(scheduler.now + self.world.random.uniform(*_ORDER), action, self.process)

    def _kill(self, worker: SimulatedWorker) -> None:
        meant = worker.look

        def kill() -> None:
            if worker.process.alive and meant is not None and worker.look == meant and worker.session is not None:
                self.world.facts.tried(worker.session, meant[0], "TimedOut")
            worker.die("was ended by its agent")

        self._later(kill)

    def _judge_run(self, command: commands.Run) -> None:
        """Look whether tasks of a suspect bundle are run one by one: then it is known which one took an agent along."""
        record = self.world.state._sessions[command.session.id]
        bundle, held = record.bundles.get(command.lease.key), self._core._held[command.lease.nonce]
        if bundle is None or not held.suspect or not bundle.current(command.lease):
            return
        alone = (command.start, command.stop) == (bundle.open.first, bundle.open.first + 1)
        assert alone, f"{self.name} runs {command.start} of the suspect {command.lease.key}, and {bundle.open} is open"
        others = len(self._core.held) - 1
        assert others == 0, f"{self.name} runs the suspect {command.lease.key} beside {others} bundles"

    def _judge_forgotten(self, nonce: str = "") -> None:
        """Look whether a lease that is forgotten, or any when the agent exits, has ended: else its tasks must wait."""
        if self.world.troubles.excuse(self.process, 0.0):
            return
        records = [record for record in self.world.state._sessions.values() if record.live]
        bundles = [bundle for record in records for bundle in record.bundles.values() if bundle.running]
        held = [bundle.key for bundle in bundles if bundle.agent == self.name and nonce in {"", bundle.nonce}]
        assert not held, f"{self.name} is well, and has forgotten its lease of {held[0]}"

    def _fetched(self, event: Fetched) -> None:
        worker = self._workers.get(event.worker)
        if worker is not None and id(worker) == event.pid:
            worker.found(event.found)

    def taken_along(self, killer: tuple[SessionId, int]) -> None:
        """Die by a task; those that are held beside it, each alone in its bundle, may be taken for guilty."""
        for bundle in self._core.held:
            record = self.world.state._sessions[bundle.session.id].bundles.get(bundle.lease.key)
            if record is not None and record.current(bundle.lease) and record.open.count == 1:
                task = (bundle.session.id, record.open.first)
                self.world.facts.beside[task] += task != killer
                kept = bundle.suspect and not (bundle.idle or bundle.returning or task == killer)
                assert not kept, f"{self.name} kept the suspect {bundle.lease.key} beside a task that took it along"
        self.process.die()

    def _end_workers(self) -> None:
        for worker in self._workers.values():
            worker.process.die()
