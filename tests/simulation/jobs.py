"""What users want of the grid, and the programs that they write for it."""

from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future
from contextlib import closing, suppress
from datetime import timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from htcgrid import Grid
from htcgrid.connector.open_session import OpenSession
from htcgrid.connector.session import SessionHandle
from htcgrid.errors import (
    ConflictError,
    EncodingError,
    HtcGridError,
    ResultTimeoutError,
    SessionNotFoundError,
    TaskError,
)
from htcgrid.model import RetryPolicy, SessionId, SessionState, TaskState
from tests.simulation.faults import Fault
from tests.simulation.host import SimulatedHost, SimulatedQueue
from tests.simulation.work import Work, works

if TYPE_CHECKING:
    from tests.simulation.world import World

HANDLER = "book:price"
#: Of others agents learn a pace of their own.
_HANDLERS = (HANDLER, "book:risk", "book:vega")
_SECOND = timedelta(seconds=1)
OnErrorName = Literal["cancel", "run", "leave"] | None
_ON_ERROR: tuple[OnErrorName, ...] = ("run", "cancel", "leave", None)


class Job:
    """One user's intent; :meth:`run` may be called again, in another process, until it returns."""

    #: Whether another client goes on when the first is gone.
    goes_on = False

    def __init__(self, world: "World") -> None:
        self.world = world
        self.random = Random(world.random.getrandbits(64))
        self.session: SessionId | None = None
        self.done = False

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """Do what the user wants.

        Raises:
            HtcGridError: the grid did not let it; the user tries again, or knows why.
        """
        raise NotImplementedError

    @property
    def ended(self) -> bool:
        """Whether somebody has ended the session, so that errors about that are right."""
        return self.session in self.world.facts.ended

    def options(self) -> dict[str, Any]:
        """Return options of a session."""
        random = self.random
        retry = RetryPolicy(tries=random.choice((1, 2, 3)), backoff=random.choice((0.0, 0.2, 1.0, 5.0)) * _SECOND)
        return {
            "retry": retry,
            "timeout": random.choice((None, 12.0)),
            "priority": random.choice((0, 1, 1, 3)),
            "labels": {"desk": random.choice(("fx", "rates"))},
        }

    def tasks(self, options: dict[str, Any], *, most: int = 300) -> list[Work]:
        """Return the tasks of a session."""
        count = self.random.choice((1, 3, 20, 60, most, most))
        faulty = self.random.choice((0.0, 0.0, 0.05, 0.3))
        return works(self.random, count, faulty=faulty, timeout=options["timeout"] is not None)


class Submission(Job):
    """Submits tasks in one of the ways that there are, and collects how they ended in one of those."""

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        random = self.random
        self._handler = random.choice(_HANDLERS)
        self._options = self.options()
        self._works = self.tasks(self._options)
        if random.random() < 0.1:
            # The later, the more neighbours it has in its bundle.
            position = max(random.randrange(len(self._works)) for _ in range(2))
            self._works[position] = Work(number=position, kills_agent=True, seconds=random.choice((0.0, 0.01, 1.0)))
        self._shared = random.random() < 0.15
        self._named = not self._shared and random.random() < 0.7
        self._style = random.choice((self._list, self._generator, self._open))
        self._collect = random.choice(
            (self._outcomes, self._outcomes, self._results, self._watch, self._handles, self._impatient, self._leave)
        )
        self._on_error: OnErrorName = None if self._named else random.choice(_ON_ERROR)
        self._ahead = random.choice((5, 50, 1000))
        self.goes_on = self._named
        if self._named:
            self.session = SessionId(world.name("session"))
            self._mean(self.session)
            if self._style != self._list:
                world.facts.ahead[self.session] = self._ahead
        if random.random() < 0.1:
            self._options["keep_for"] = 20.0
            self._brief = True
        else:
            self._brief = False

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """Submit, or attach to what was submitted, and collect."""
        facts = self.world.facts
        if self._shared:
            self._share(grid)
        if self.session is not None and facts.accepted[self.session] == len(self._works) and self.random.random() < 0.5:
            handle = grid.session(self.session)
        else:
            handle = self._style(grid, host)
        self._collect(handle, host)

    def _share(self, grid: Grid) -> None:
        ref = grid.put(["a curve", self.random.random()])
        self._shared = False
        self._works = [Work(number=work.number, seconds=0.01, shared=ref) for work in self._works]
        if self.session is not None:
            self._mean(self.session)

    def _mean(self, session: SessionId) -> None:
        self.world.facts.meant[session] = dict(enumerate(self._works))

    def _begin(self, handle: SessionHandle) -> SessionHandle:
        self.session = handle.id
        if self._brief:
            # It may be collected before it is read.
            self.world.facts.ended.add(handle.id)
        self._mean(handle.id)
        return handle

    def _accept(self, count: int) -> None:
        assert self.session is not None
        accepted = self.world.facts.accepted
        accepted[self.session] = max(accepted[self.session], count)

    def _list(self, grid: Grid, host: SimulatedHost) -> SessionHandle:
        events = [work.event for work in self._works]
        named = self.session if self._named else None
        handle = self._begin(grid.submit(self._handler, events, id=named, on_error=self._on_error, **self._options))
        self._accept(len(self._works))
        return handle

    def _generator(self, grid: Grid, host: SimulatedHost) -> SessionHandle:
        slow = self.random.choice((0.0, 0.5, 3.0))

        def events() -> Iterator[dict[str, Any]]:
            for work in self._works:
                if self.random.random() < 0.1:
                    host.sleep(self.random.uniform(0.0, slow))
                yield work.event

        named = self.session if self._named else None
        handle = grid.submit(
            self._handler, events(), id=named, on_error=self._on_error, ahead=self._ahead, **self._options
        )
        self._begin(handle)
        self._accept(handle.accepted)
        if self.random.random() < 0.5:
            self._accept(handle.submitted())
        return handle

    def _open(self, grid: Grid, host: SimulatedHost) -> SessionHandle:
        named = self.session if self._named else None
        # Whoever named it adds the same tasks in the same order each time.
        helpers = 1 if named or self.random.random() < 0.5 else 2
        with grid.open_session(
            self._handler, id=named, on_error=self._on_error, ahead=self._ahead, **self._options
        ) as handle:
            self._begin(handle)
            if helpers == 1:
                handle.extend(work.event for work in self._works)
            else:
                self._add_together(handle, host)
            self._accept(handle.accepted)
        self._accept(len(self._works))
        return handle

    def _add_together(self, handle: OpenSession, host: SimulatedHost) -> None:
        meant = self.world.facts.meant[handle.id]
        meant.clear()
        half = len(self._works) // 2
        errors: list[HtcGridError] = []

        def add(part: list[Work]) -> None:
            try:
                for work in part:
                    meant[handle.add(work.event)] = work
            except HtcGridError as error:
                errors.append(error)

        halves = (self._works[:half], self._works[half:])
        threads = [host.thread(partial(add, part), name="add") for part in halves]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    # How they ended.

    def _outcomes(self, handle: SessionHandle, host: SimulatedHost) -> None:
        seen = set()
        for outcome in handle.outcomes():
            assert outcome.index not in seen, f"task {outcome.index} of {handle.id} was told twice"
            seen.add(outcome.index)
            self.world.facts.take(outcome)
            if self.random.random() < 0.02:
                host.sleep(self.random.uniform(0, 3))
        assert self.ended or seen == set(range(len(self._works))), f"{handle.id}: {len(seen)} of {len(self._works)}"

    def _results(self, handle: SessionHandle, host: SimulatedHost) -> None:
        results = handle.results(return_exceptions=True)
        assert self.ended or len(results) == len(self._works)
        meant = self.world.facts.meant[handle.id]
        for index, result in enumerate(results):
            if not isinstance(result, Exception) and index in meant:
                assert result == meant[index].value, f"task {index} of {handle.id}: {result}"

    def _watch(self, handle: SessionHandle, host: SimulatedHost) -> None:
        seen: list[int] = []

        def take(outcome: Any) -> None:
            seen.append(outcome.index)
            self.world.facts.take(outcome)

        assert handle.on_outcome(take).wait() == len(seen)
        assert len(seen) == len(set(seen))
        assert self.ended or len(seen) == len(self._works)
        assert handle.status().ended == len(seen)

    def _handles(self, handle: SessionHandle, host: SimulatedHost) -> None:
        handle.submitted()
        for _ in range(3):
            task = handle.task(self.random.randrange(len(self._works)))
            assert task.state in TaskState
            assert task.tries >= 0
            self.world.facts.take(task.outcome())
        assert handle.wait().finished

    def _impatient(self, handle: SessionHandle, host: SimulatedHost) -> None:
        while True:
            try:
                results = handle.results(timeout=self.random.choice((0, 1, 10)), return_exceptions=True)
            except ResultTimeoutError:
                host.sleep(1.0)
                continue
            assert self.ended or len(results) == len(self._works)
            return

    def _leave(self, handle: SessionHandle, host: SimulatedHost) -> None:
        host.sleep(self.random.uniform(0, 3))
        alone = not self.ended
        self.world.facts.ended.add(handle.id)
        handle.cancel()
        try:
            handle.submitted()
        except ConflictError:
            if alone:
                raise AssertionError(f"who cancelled {handle.id} was told of a conflict") from None
        assert handle.status().state is not SessionState.OPEN


class BrokenSubmission(Job):
    """Submits tasks of which the last cannot be had, and leaves the session as it said."""

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """Submit, and be told so."""
        options = self.options()
        # Of many, some are written before the last is looked at.
        tasks = [work.event for work in self.tasks(options, most=400)]
        on_error = self.random.choice(_ON_ERROR[:2])

        def events() -> Iterator[Any]:
            for event in tasks:
                host.sleep(0.001)
                yield event
            raise ValueError("no more market data")

        if self.random.random() < 0.5:
            with suppress(EncodingError):
                grid.submit(HANDLER, [*tasks, object()], on_error=on_error, **options)
                raise AssertionError("an object was carried as JSON")
            return
        handle = grid.submit(HANDLER, events(), on_error=on_error, **options)
        self.session = handle.id
        # What was accepted may be cancelled.
        self.world.facts.ended.add(handle.id)
        if on_error == "cancel":
            self.world.facts.broken.add(handle.id)
        with suppress(ValueError):
            handle.results(return_exceptions=True)
            raise AssertionError("the generator's error was not told")


class Calls(Job):
    """Makes calls through an executor."""

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """Call, and get each call's own result."""
        options = self.options()
        tasks = self.tasks(options, most=100)
        ended: SimulatedQueue[tuple[Work, Future[Any]]] = host.queue()
        with grid.executor(self.random.choice((None, 3)), **options) as pool:
            for work in tasks:
                future: Future[Any] = pool.submit("book:price", work.event)  # type: ignore[arg-type]
                future.add_done_callback(partial(_put, ended, work))
                if self.random.random() < 0.05:
                    host.sleep(self.random.uniform(0, 2))
            for _ in tasks:
                work, future = ended.get()
                error = future.exception()
                if error is None:
                    assert future.result() == work.value
                elif not isinstance(error, TaskError):
                    raise error


def _put(ended: SimulatedQueue[tuple[Work, Future[Any]]], work: Work, future: Future[Any]) -> None:
    ended.put((work, future))


class Mapping(Job):
    """Maps a function over tasks, to the end or not."""

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """Map, and get the results in their order."""
        options = self.options()
        tasks = self.tasks(options, most=100)
        leave = self.random.choice((None, None, len(tasks) // 2))
        events = (work.event for work in tasks)
        ahead = self.random.choice((1, 20, 1000))
        results = grid.map("book:price", events, return_exceptions=True, ahead=ahead, **options)
        with closing(results):
            for place, result in enumerate(results):
                if place == leave:
                    return
                if not isinstance(result, TaskError):
                    assert not isinstance(result, Exception), result
                    assert result == tasks[place].value
                if self.random.random() < 0.02:
                    host.sleep(self.random.uniform(0, 3))


class Ending(Job):
    """Cancels or deletes somebody's session, or one that has ended."""

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """Choose one, and end it."""
        facts, faults = self.world.facts, self.world.faults
        if self.session is None:
            # Most are at work then.
            host.sleep(self.random.uniform(0.0, 10.0))
            if not facts.meant:
                return
            newest = next(reversed(facts.meant))
            self.session = self.random.choice((newest, *sorted(facts.meant)))
        session = self.session
        facts.ended.add(session)
        delete = self.random.random() < 0.4
        handle = grid.session(session)
        if delete:
            facts.deleted.add(session)
            handle.delete()
            faults.counts[Fault.DELETED] += 1
        else:
            counts = handle.cancel()
            faults.counts[Fault.CANCELLED] += 1
            assert counts.cancelled >= 0


class Looking(Job):
    """Looks at what there is."""

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """List sessions and agents, and look into some."""
        for _ in range(5):
            for status in grid.sessions(labels={"desk": "fx"}):
                assert status.ended + status.running <= status.total or status.session.id in self.world.facts.ended
            for agent in grid.agents():
                assert agent.report.busy <= agent.report.workers
            host.sleep(self.random.uniform(1, 20))


class Impostor(Job):
    """Submits other tasks under an id that is taken."""

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """Submit, and be refused."""
        facts = self.world.facts
        taken = sorted(session for session, count in facts.accepted.items() if count and session.startswith("session"))
        if not taken:
            return
        session = self.random.choice(taken)
        with suppress(ConflictError):
            grid.submit(HANDLER, [Work(number=1_000_000).event] * 3, id=session)
            raise AssertionError(f"other tasks were accepted under {session}")


#: Kinds of jobs, the frequent ones several times.
KINDS: tuple[Callable[["World"], Job], ...] = (
    *(Submission,) * 8,
    BrokenSubmission,
    BrokenSubmission,
    Calls,
    Calls,
    Mapping,
    Mapping,
    *(Ending,) * 4,
    Looking,
    Impostor,
)


def attempt(job: Job, grid: Grid, host: SimulatedHost) -> None:
    """Work at a job until it is done, as a patient user does."""
    facts = job.world.facts
    while not job.done:
        try:
            job.run(grid, host)
            job.done = True
        except (ConflictError, SessionNotFoundError, TaskError):
            # Right only when somebody ended the session.
            if not job.ended:
                raise
            job.done = True
        except EncodingError:
            prefix = "" if job.session is None else f"{job.session}/"
            altered = any(key.startswith(prefix) for key in facts.altered)
            misread = any(key.startswith(prefix) for key in facts.misread)
            assert altered or misread, f"a pack of {job.session} came altered, and nobody has altered one"
            job.done = altered
            host.sleep(1.0)
        except (HtcGridError, BrokenExecutor):
            host.sleep(job.random.uniform(0.1, 10.0))
