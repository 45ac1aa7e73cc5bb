"""A user who submits tasks and collects how they ended."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from htcgrid import Grid
from htcgrid.connector.open_session import OpenSession
from htcgrid.connector.session import SessionHandle
from htcgrid.errors import ConflictError, HtcGridError, ResultTimeoutError
from htcgrid.model import SessionId, SessionState, TaskState
from tests.simulation.host import SimulatedHost
from tests.simulation.jobs.job import HANDLERS, ON_ERROR, Job, OnErrorName
from tests.simulation.work import Work

if TYPE_CHECKING:
    from tests.simulation.world import World


class Submission(Job):
    """Submits tasks in one of the ways that there are, and collects how they ended in one of those."""

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        random = self.random
        self._handler = random.choice(HANDLERS)
        self._options = self.options()
        self._works = self.tasks(self._options)
        for _ in range(world.deadly if random.random() < 0.1 * world.deadly else 0):
            # The later, the more neighbours it has in its bundle.
            position = max(random.randrange(len(self._works)) for _ in range(2))
            self._works[position] = Work(number=position, kills_agent=True, seconds=random.choice((0.0, 0.01, 1.0)))
        self._shared = random.random() < 0.15
        self._named = not self._shared and random.random() < 0.7
        self._style = random.choice((self._list, self._generator, self._open))
        self._collect = random.choice(
            (self._outcomes, self._outcomes, self._results, self._watch, self._handles, self._impatient, self._leave)
        )
        self._on_error: OnErrorName = None if self._named else random.choice(ON_ERROR)
        self._ahead = random.choice((5, 50, 1000))
        self.goes_on = self._named
        if self._named:
            self.session = SessionId(world.name("session"))
            self._mean(self.session)
        if random.random() < 0.1:
            self._options["keep_for"] = 20.0
            self._brief = True
            if self.session is not None:
                # It may be collected before it is read.
                world.facts.ended.add(self.session)
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
        ref = str(grid.put(["a curve", self.random.random()]))
        self._shared = False
        self._works = [Work(number=work.number, seconds=0.01, shared=ref) for work in self._works]
        if self.session is not None:
            self._mean(self.session)

    def _mean(self, session: SessionId) -> None:
        self.world.facts.meant[session] = dict(enumerate(self._works))

    def _begin(self, handle: SessionHandle) -> SessionHandle:
        self.session = handle.id
        if not self._named and self._style != self._list:
            # Under an id several clients may be at it.
            self.world.facts.ahead[handle.id] = self._ahead
        if self._brief:
            # It may be collected before it is read.
            self.world.facts.ended.add(handle.id)
        self._mean(handle.id)
        return handle

    def _accept(self, count: int) -> None:
        assert self.session is not None
        accepted = self.world.facts.accepted
        accepted[self.session] = max(accepted[self.session], count)
        record = self.world.state._sessions[self.session]
        recorded = record.tombstone or record.total >= count
        assert recorded, f"{count} tasks of {self.session} were accepted, and {record.total} are recorded"

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
