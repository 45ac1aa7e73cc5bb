"""One run: a grid is made, faults befall it, it is left alone, and judged."""

import gc
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random

import msgspec

from htcgrid import Grid
from htcgrid.connector.session import SessionHandle
from htcgrid.errors import SessionNotFoundError
from htcgrid.model import SHARED, SessionId, SessionState, SessionStatus, TaskState
from htcgrid.reaper import ReaperPolicy
from tests.simulation.faults import Fault, Site
from tests.simulation.host import SimulatedHost
from tests.simulation.jobs import KINDS, Job, attempt
from tests.simulation.judge import Judge
from tests.simulation.scheduler import Process
from tests.simulation.world import Parts, World

#: How long after the last fault everything must have ended: virtual seconds.
PATIENCE = 3600.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was like."""

    seed: int
    tasks: dict[TaskState, int]
    faults: dict[Fault, int]
    calls: dict[Site, int]
    faulted: dict[Site, int]
    #: How long it took in virtual time: seconds.
    seconds: float
    digest: str
    #: What was wrong, and what happened last; empty when nothing was.
    wrong: str = ""
    trace: tuple[str, ...] = ()


class Simulation:
    """Decides from a seed what befalls a world, and when."""

    def __init__(self, world: World, *, patience: float = PATIENCE) -> None:
        self.world = world
        self._patience = patience
        self.random = Random(world.random.getrandbits(64))
        self.chaos = self.random.choice((20.0, 60.0, 200.0))
        self.jobs: list[Job] = []
        self._agents = self.random.choice((1, 2, 3, 4))
        self._judge = Judge(world)
        #: Whether agents and reapers that end are not replaced any more.
        self._over = False

    def run(self) -> Counter[TaskState]:
        """Run everything; return how tasks ended.

        Raises:
            AssertionError: a promise was broken.
        """
        self._populate()
        self.world.scheduler.run(until=self.chaos)
        self._heal()
        self._wait("jobs", lambda: all(job.done for job in self.jobs))
        self._wait("sessions", self._all_ended)
        self._operate()
        self._judge.look()
        self._collect()
        self._judge.look_at_what_is_left()
        return self._judge.tasks

    def check(self) -> None:
        """Raise what ended a thread."""
        for process, thread, error in self.world.scheduler.crashes:
            raise AssertionError(f"thread {thread!r} of {process} ended: {type(error).__name__}: {error}") from error

    # Faults.

    def _populate(self) -> None:
        world, random = self.world, self.random
        for _ in range(self._agents):
            world.later(random.uniform(0, 5), self._keep_agent)
        for _ in range(2 if self._happens(Fault.SECOND_REAPER) else 1):
            self._keep_reaper(0.0)
        for _ in range(random.choice((2, 4, 6, 8))):
            job = random.choice(KINDS)(world)
            self.jobs.append(job)
            world.later(random.uniform(0, self.chaos / 2), partial(self._begin, job))
        if world.faults.may(Fault.OUTAGE):
            start = random.uniform(0, self.chaos)
            world.faults.outages.append((start, start + random.choice((1.0, 20.0, 100.0))))
        self._strike()

    def _happens(self, fault: Fault) -> bool:
        found = self.world.faults.may(fault) and self.random.random() < 0.5
        if found:
            self.world.faults.counts[fault] += 1
        return found

    def _keep_agent(self) -> None:
        """Start an agent, and another when it has ended."""
        if not self._over:
            agent = self.world.start_agent()
            agent.process.on_death.append(lambda: self.world.later(self.random.uniform(0.5, 20.0), self._keep_agent))

    def _keep_reaper(self, delay: float) -> None:
        def start() -> None:
            if self._over:
                return
            process = self.world.start_reaper()
            process.on_death.append(lambda: self._keep_reaper(30.0 if self._happens(Fault.NO_REAPER) else 2.0))

        self.world.later(delay, start)

    def _begin(self, job: Job) -> None:
        self._start(job)
        if job.goes_on and self._happens(Fault.SUBMITTED_TWICE):
            self._start(job)

    def _start(self, job: Job) -> None:
        def run(grid: Grid, host: SimulatedHost) -> None:
            attempt(job, grid, host)

        process = self.world.start_client(run)
        process.on_death.append(lambda: self._go_on(job))

    def _go_on(self, job: Job) -> None:
        """Go on with a job whose client is gone, if anybody would."""
        if job.done:
            return
        if job.goes_on:
            self.world.faults.counts[Fault.SUBMITTED_AGAIN] += 1
            self.world.later(self.random.uniform(0.1, 20.0), lambda: self._start(job))
        else:
            if job.session is not None:
                # Nobody knows how far it came.
                self.world.facts.ended.add(job.session)
            job.done = True

    def _strike(self) -> None:
        """Let one of the things happen that are nobody's call, and another one later."""
        world, random, faults = self.world, self.random, self.world.faults
        if not faults.on:
            return
        agents = [agent for agent in world.agents if agent.process.alive]
        clients = [process for process in world.clients if process.alive]
        reapers = [process for process in world.reapers if process.alive]
        if agents and faults.happens(Fault.AGENT_CRASH, 2.0):
            self._kill(random.choice(agents).process)
        if agents and faults.happens(Fault.AGENT_STOPPED, 4.0):
            agent = random.choice(agents)
            world.note("stop", agent.name)
            agent.stop()
            if random.random() < 0.3:
                world.later(random.uniform(0, 5), agent.stop)
        if clients and faults.happens(Fault.CLIENT_CRASH):
            self._kill(random.choice(clients))
        if reapers and faults.happens(Fault.REAPER_CRASH, 2.0):
            self._kill(random.choice(reapers))
        self._strike_time()
        world.later(random.uniform(0.5, 3.0), self._strike)

    def _strike_time(self) -> None:
        world, random, faults = self.world, self.random, self.world.faults
        agents = [agent for agent in world.agents if agent.process.alive]
        others = [process for process in (*world.clients, *world.reapers) if process.alive]
        everybody = [*(agent.process for agent in agents), *others]
        now, lease = world.scheduler.now, world.lease.total_seconds()
        for fault, longest in ((Fault.SHORT_PAUSE, lease / 3), (Fault.LONG_PAUSE, lease * 3)):
            if agents and faults.happens(fault, 2.0):
                agent = random.choice(agents)
                until = now + random.uniform(0.5, 1.0) * longest
                world.note("pause", agent.name, until)
                agent.pause(until, workers=random.random() < 0.5)
            if others and faults.happens(fault):
                process = random.choice(others)
                process.paused_until = now + random.uniform(0.5, 1.0) * longest
                world.note("pause", process.name, process.paused_until)
        if everybody and faults.happens(Fault.CLOCK_JUMPED):
            random.choice(everybody).skew += random.uniform(-300, 300)
        if faults.happens(Fault.STORE_CLOCK_JUMPED, 0.3):
            world.set_clock(random.uniform(-300, 300))

    def _kill(self, process: Process) -> None:
        self.world.note("kill", process.name)
        process.die()

    # After the faults.

    def _heal(self) -> None:
        self.world.faults.on = False
        self.world.note("heal")

    def _wait(self, what: str, done: Callable[[], bool]) -> None:
        """Let time pass until ``done``, which is asked once a second."""
        world = self.world
        end = world.scheduler.now + self._patience
        while not done():
            assert world.scheduler.now < end, f"{what} have not ended {self._patience:.0f} s after the last fault"
            world.scheduler.run(until=world.scheduler.now + 1.0)
            self.check()

    def _statuses(self) -> list[SessionStatus]:
        cursor: str | None = ""
        found: list[SessionStatus] = []
        while cursor is not None:
            page = self.world.state.sessions(cursor)
            found += page.sessions
            cursor = page.cursor
        return found

    def _all_ended(self) -> bool:
        return all(status.ended == status.total for status in self._statuses())

    def _operate(self) -> None:
        """Cancel what nobody goes on with, and look at every session as a client of a good day."""
        ended = list[SessionId]()

        def run(grid: Grid, host: SimulatedHost) -> None:
            for status in list(grid.sessions()):
                session = status.session.id
                try:
                    self._read(grid.session(session, pickle=True), status)
                except SessionNotFoundError:
                    # One that is kept for a moment only may be collected by now.
                    assert session in self.world.facts.ended, f"session {session} is gone"
                ended.append(session)

        self.world.start_client(run)
        # Shared inputs have sessions of their own, which no listing shows.
        wanted = {status.session.id for status in self._statuses() if status.session.handler != SHARED}
        self._wait("outcomes", lambda: wanted <= {*ended, *self._gone(wanted)})

    def _read(self, handle: SessionHandle, status: SessionStatus) -> None:
        if status.state is SessionState.OPEN:
            self.world.facts.left_open.add(handle.id)
            handle.cancel()
        if any(key.startswith(f"{handle.id}/") for key in self.world.facts.altered):
            return
        outcomes = list(handle.outcomes())
        for outcome in outcomes:
            self.world.facts.take(outcome)
        indexes = sorted(outcome.index for outcome in outcomes)
        assert indexes == list(range(handle.status().total)), f"{handle.id} tells of {len(indexes)} tasks"

    def _gone(self, sessions: set[SessionId]) -> set[SessionId]:
        return sessions - {status.session.id for status in self._statuses()}

    def _collect(self) -> None:
        """Stop everything, delete some sessions, let the others' time pass, and collect."""
        world = self.world
        self._over = True
        for agent in world.agents:
            if agent.process.alive:
                agent.stop()
        self._wait("agents", lambda: not any(agent.process.alive for agent in world.agents))
        for process in (*world.reapers, *world.clients):
            process.die()
        for status in self._statuses():
            if self.random.random() < 0.3:
                world.state.delete(status.session.id)
        world.scheduler.now += timedelta(days=8).total_seconds()
        reaper = world.start_reaper(ReaperPolicy(look=1800, retention=1800))
        world.scheduler.run(until=world.scheduler.now + timedelta(days=1.2).total_seconds())
        agent = world.start_agent()
        self._wait("hints", lambda: not world.queue._messages)
        agent.process.die()
        reaper.die()
        self.check()


def simulate(seed: int, *, parts: Parts | None = None, keep: int | None = 60, patience: float = PATIENCE) -> Report:
    """Run the simulation of a seed; return what came of it."""
    collects = gc.isenabled()
    # What the garbage collector ends, it ends at moments that no seed decides.
    gc.disable()
    world = World(seed, parts=parts, keep=keep)
    tasks, wrong = Counter[TaskState](), ""
    try:
        simulation = Simulation(world, patience=patience)
        try:
            tasks = simulation.run()
            simulation.check()
        except Exception as error:  # noqa: BLE001 - whatever ends a run is told with its seed
            wrong = f"{error}" if isinstance(error, AssertionError) else repr(error)
            world.trace.lines.extend(traceback.format_exception(error))
    finally:
        for agent in world.agents:
            # Its folder of shared inputs is a real one.
            agent.process.die()
        world.scheduler.end()
        if collects:
            gc.enable()
    return Report(
        seed=seed,
        tasks=dict(tasks),
        faults=dict(world.faults.counts),
        calls=dict(world.faults.calls),
        faulted=dict(world.faults.faulted),
        seconds=world.scheduler.now,
        digest=world.trace.digest,
        wrong=wrong,
        trace=tuple(world.trace.lines) if wrong or keep is None else (),
    )
