"""A worker process that only pretends: it does in virtual time what the payloads say."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from htcgrid.errors import EncodingError, PayloadLostError, ProviderUnavailableError
from htcgrid.model import Block, Failure, Session, SessionId, parse_shared
from htcgrid_agent.core import commands, events
from htcgrid_agent.shell.shared import Fetch
from htcgrid_agent.workers.messages import Found
from tests.simulation.called import Called
from tests.simulation.faults import Fault
from tests.simulation.scheduler import Process
from tests.simulation.work import Work, read

if TYPE_CHECKING:
    from tests.simulation.agent import SimulatedAgent

#: A worker reports when this much time has passed since it did last: seconds.
_REPORT = 0.1
#: What a worker tells has come to its agent after so long, at most: seconds.
_ON_ITS_WAY = 1.0


class SimulatedWorker:
    """One life of one worker; its successor is another object."""

    def __init__(self, agent: "SimulatedAgent", number: int) -> None:
        self._agent = agent
        self._world = agent.world
        self.number = number
        self.process = Process(f"{agent.name}/{number}")
        #: The task that it is at, and since when by its agent's clock; None between tasks.
        self.look: tuple[int, float] | None = None
        self.stop = 0
        self._run: commands.Run | None = None
        #: When it was handed to it.
        self._handed = 0.0
        self._payloads: list[bytes] = []
        self._index = 0
        self._values: list[bytes | None] = []
        self._durations: list[int] = []
        self._failures: dict[int, Failure] = {}
        self._began = self._reported = 0.0
        #: The first task that its agent has not taken from its journal.
        self._untaken = 0
        #: What it waits for a shared input with.
        self._pending: tuple[Work, int] | None = None
        #: What the task that it is at calls, if that came pickled.
        self._called = Called()
        late = self._world.random.uniform(0.01, 0.3)
        if self._world.faults.happens(Fault.WORKER_NOT_STARTED):
            self._after(late, lambda: self.die("exited with status 1"))
        else:
            self._after(late, lambda: agent.post(events.WorkerReady(worker=number)))

    @property
    def session(self) -> SessionId | None:
        """The session whose tasks it was handed last."""
        return None if self._run is None else self._run.session.id

    def run(self, command: commands.Run, payloads: list[bytes]) -> None:
        """Take in tasks to run."""
        self._run, self._payloads = command, payloads
        self._handed = self._world.scheduler.now
        self._index, self.stop = command.start, command.stop
        self._untaken = command.start
        self._renew()
        if self._world.faults.happens(Fault.WORKER_DIED_UNBEGUN, 0.2):
            self._world.facts.tried(command.session.id, command.start, "WorkerDied")
            self.die("was killed by SIGKILL (out of memory?)")
            return
        if self._world.faults.happens(Fault.WORKER_HUNG_UNBEGUN, 0.05):
            # Should that go on, the first task is blamed.
            self._world.facts.tried(command.session.id, command.start, "WorkerDied")
            return
        self._enter()

    def shorten(self, run: int, stop: int) -> None:
        """Leave the tasks from ``stop`` on to others, unless it has begun them or is at another run."""
        if self._run is not None and self._run.run == run:
            self.stop = min(self.stop, stop)

    def found(self, found: Found) -> None:
        """Go on with the shared input that was waited for, or without."""
        if self._pending is None or not self.process.alive:
            return
        (work, tries), self._pending = self._pending, None
        if found.path is None:
            self._miss(work, found)
        elif self._called.took(found.path):
            self._act(work, tries)
        elif self._called.looks:
            self._ask(work, tries)
        else:
            self._finish(Failure(type=ProviderUnavailableError.__name__, message="it went before it was read"), work)

    def journal(self) -> events.WorkerReported | None:
        """Return the outcomes that are in its journal and were not taken from there, if there are any."""
        if self._run is None or self._untaken >= self._index or not self._values:
            return None
        skipped = max(0, self._untaken - (self._index - len(self._values)))
        self._untaken = self._index
        return self._told(skipped, done=False)

    def die(self, reason: str, *, torn: bool = False) -> None:
        """End; the agent learns of it a moment later, and of what is in its journal, unless that is ``torn``."""
        if not self.process.alive:
            return
        if not torn and (left := self.journal()):
            self._agent.post(left)
        task, since = self.look or (None, self._agent.host.monotonic())
        ran = timedelta(seconds=self._agent.host.monotonic() - since)
        self.process.die()
        self._agent.buried(events.WorkerDied(worker=self.number, task=task, reason=reason, ran=ran))

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        self._world.scheduler.at(self._world.scheduler.now + seconds, action, self.process)

    def _renew(self) -> None:
        self._values, self._durations, self._failures = [], [], {}
        self._began = self._agent.host.now().timestamp()
        self._reported = self._world.scheduler.now

    def _enter(self) -> None:
        run = self._run
        assert run is not None
        if self._index >= self.stop:
            self.look = None
            self._report(done=True)
            return
        self.look = (self._index, self._agent.host.monotonic())
        session = run.session
        told = self._world.facts.hopeless.get((run.lease.nonce, self._index))
        # A run that was shortened too late may tell of tasks that another worker has been handed by then.
        again = f"task {self._index} of {session.id} is tried again, which does not help"
        assert told is None or self._handed < told + _ON_ITS_WAY, again
        payload = self._payloads[self._index - run.start]
        work = self._read(payload, session)
        self._called.begin(payload, session)
        tries = run.tries.get(self._index, 0)
        if self._world.faults.happens(Fault.WORKER_DIED, 0.05):
            self._die_at_task()
        elif work.kills_agent:
            self._world.faults.counts[Fault.AGENT_KILLED_BY_TASK] += 1
            self._after(work.seconds, self._kill_agent)
        elif self._needs(work) is not None:
            self._ask(work, tries)
        else:
            self._act(work, tries)

    def _read(self, payload: bytes, session: Session) -> Work:
        try:
            return read(payload, session)
        except (EncodingError, msgspec.ValidationError) as error:
            raise AssertionError(f"task {self._index} of {session.id} was run altered") from error

    def _needs(self, work: Work) -> str | None:
        return self._called.missing or work.shared

    def _ask(self, work: Work, tries: int) -> None:
        ref = self._needs(work)
        assert ref is not None
        self._pending = (work, tries)
        self._agent.fetch(Fetch(worker=self.number, pid=id(self), ref=ref))

    def _miss(self, work: Work, found: Found) -> None:
        """Fail without a shared input, which must be lost if that is said."""
        shared = parse_shared(self._needs(work))
        assert not found.lost or self._world.may_lack(shared), f"{shared.ref} is said to be lost, and is there"
        assert found.error, f"nobody is told why {shared.ref} cannot be had"
        error = PayloadLostError if found.lost else ProviderUnavailableError
        self._finish(Failure(type=error.__name__, message=found.error, final=found.lost), work)

    def _act(self, work: Work, tries: int) -> None:
        counts = self._world.faults.counts
        if tries < work.hangs:
            counts[Fault.WORKER_HUNG] += 1
            return
        if tries < work.kills_worker:
            counts[Fault.WORKER_DIED] += 1
            self._after(work.seconds, self._die_at_task)
            return
        failure = None
        if tries < work.raises:
            counts[Fault.HANDLER_RAISED] += 1
            failure = Failure(type="Boom", message=f"try {tries + 1}", final=work.final)
        self._after(work.seconds, lambda: self._finish(failure, work))

    def _kill_agent(self) -> None:
        assert self._run is not None
        self._agent.taken_along((self._run.session.id, self._index))

    def _die_at_task(self) -> None:
        assert self._run is not None
        self._world.facts.tried(self._run.session.id, self._index, "WorkerDied")
        # What ends a worker may have written over its journal first. Not drawn: all else would happen otherwise, too.
        self.die("was killed by SIGSEGV", torn=self._index % 2 == 1)

    def _finish(self, failure: Failure | None, work: Work) -> None:
        assert self._run is not None
        if failure is not None:
            self._failures[self._index] = failure
            self._world.facts.tried(self._run.session.id, self._index, failure.type)
        self._values.append(self._called.raised(work, failure) if failure else self._called.result(work))
        self._durations.append(int(work.seconds * 1e6))
        self._index += 1
        if self._world.scheduler.now - self._reported > _REPORT:
            self._report(done=False)
            self._renew()
        self._enter()

    def _report(self, *, done: bool) -> None:
        event = self._told(0, done=done)
        self._agent.post(msgspec.structs.replace(event, worn=done and self._world.random.random() < self._agent.wear))

    def _told(self, skipped: int, *, done: bool) -> events.WorkerReported:
        """Return what its agent is told, without the first outcomes."""
        run = self._run
        assert run is not None
        start = self._index - len(self._values) + skipped
        block = Block(
            start=start,
            values=self._values[skipped:],
            began=self._began,
            durations=self._durations[skipped:],
            worker=self.process.name,
            failures={index: failure for index, failure in self._failures.items() if index >= start},
        )
        final = (index for index, failure in self._failures.items() if failure.final)
        for index in final:
            self._world.facts.hopeless.setdefault((run.lease.nonce, index), self._world.scheduler.now)
        return events.WorkerReported(
            worker=self.number,
            run=run.run,
            block=block if block.values else None,
            done=done,
            size=sum(len(value or b"") for value in block.values),
        )
