"""Sessions that take tasks one by one until they are sealed."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import pytest

from htcgrid import Grid
from htcgrid.errors import (
    ConfigError,
    ConflictError,
    EncodingError,
    ProviderError,
    SessionNotFoundError,
    TaskCancelledError,
)
from htcgrid.model import Bundle, CancelCounts, SessionId, SessionState
from htcgrid.testing import MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue
from htcgrid.testing.race import at_once
from tests.connector.programs import until

ECHO = "htcgrid.testing.handlers:echo"


class MarketClosedError(Exception):
    """What goes wrong in a caller's block."""


@pytest.fixture
def state() -> MemoryStateStore:
    return MemoryStateStore()


@pytest.fixture
def idle(state: MemoryStateStore) -> Iterator[Grid]:
    """A grid without agents: its tasks are accepted, and none ends."""
    with Grid(state, MemoryTaskQueue(), MemoryPayloadStore()) as grid:
        yield grid


def test_what_comes_for_a_deleted_session_leaves_nothing_however_late_it_comes(state: MemoryStateStore) -> None:
    put = list[str]()

    class Noting(MemoryPayloadStore):
        def put(self, blobs: Mapping[str, bytes]) -> None:
            put.extend(blobs)
            super().put(blobs)

    payloads = Noting()
    with Grid(state, MemoryTaskQueue(), payloads) as idle:
        session = idle.open_session(ECHO)
        state.delete(session.id)
        assert state.collect(session.id, 10)
        session.add("x" * state.limits.inline)
        with pytest.raises(SessionNotFoundError):
            session.seal()
    assert len(put) == 1
    assert payloads.get(put) == {}


def test_tasks_run_while_their_session_is_open(grid: Grid) -> None:
    with grid.open_session(ECHO, labels={"desk": "fx"}) as session:
        assert session.add("first") == 0
        outcome = next(session.outcomes(timeout=20))
        assert (outcome.index, outcome.value) == (0, "first")
        assert session.status().state is SessionState.OPEN
        assert session.extend(["second", "third"]) == [1, 2]
    assert session.status().state is SessionState.SEALED
    assert session.results(timeout=20) == ["first", "second", "third"]
    assert session.status().session.labels == {"desk": "fx"}


def test_under_an_id_too_the_first_tasks_run_before_there_are_others(grid: Grid) -> None:
    with grid.open_session(ECHO, id="one-by-one") as session:
        for number in range(4):
            assert session.task(session.add(number)).result(timeout=30) == number


def test_an_index_is_that_of_the_result_whichever_thread_adds(grid: Grid) -> None:
    def add(first: int) -> list[tuple[int, int]]:
        return [(session.add(task), task) for task in range(first, first + 100)]

    with grid.open_session(ECHO) as session:
        added = at_once([partial(add, first) for first in range(0, 400, 100)])
        assert session.seal() == 400
    results = session.results(timeout=30)
    assert all(results[index] == task for part in added for index, task in part)
    assert sorted(index for part in added for index, _ in part) == list(range(400))


def test_an_open_session_is_there_before_its_first_task(idle: Grid) -> None:
    with idle.open_session(ECHO, id="s") as session:
        assert idle.session("s").status().total == 0
        assert session.accepted == 0
    assert session.results(timeout=20) == []


def test_a_sealed_session_takes_no_more(idle: Grid) -> None:
    session = idle.open_session(ECHO)
    session.add(1)
    assert session.seal() == 1
    assert session.seal() == 1
    with pytest.raises(ConflictError, match="the session takes no more tasks"):
        session.add(2)


def test_a_payload_that_cannot_be_carried_is_refused_and_the_session_goes_on(idle: Grid) -> None:
    with idle.open_session(ECHO) as session:
        session.add(1)
        with pytest.raises(EncodingError, match="task 1: a value of type object cannot be sent with codec 'typed'"):
            session.add(object())
        assert session.add(2) == 1
    assert session.status().total == 2


def test_an_error_in_the_block_cancels_the_session(idle: Grid) -> None:
    def left_early() -> None:
        with idle.open_session(ECHO, id="s", on_error="cancel") as session:
            session.extend(range(100))
            while not session.accepted:
                time.sleep(0.001)
            raise MarketClosedError

    with pytest.raises(MarketClosedError):
        left_early()
    with pytest.raises(TaskCancelledError):
        idle.session("s").results(timeout=20)
    assert idle.session("s").status().state is SessionState.CANCELLED


def test_under_an_id_an_error_leaves_it_open_and_adding_again_goes_on(idle: Grid) -> None:
    def left_early() -> None:
        with idle.open_session(ECHO, id="s") as session:
            session.extend(range(500))
            raise MarketClosedError

    with pytest.raises(MarketClosedError):
        left_early()
    assert idle.session("s").status().state is SessionState.OPEN
    with idle.open_session(ECHO, id="s") as session:
        session.extend(range(600))
    assert session.status().total == 600
    assert idle.submit(ECHO, range(600), id="s").accepted == 600


def test_other_tasks_under_one_id_are_a_conflict(idle: Grid) -> None:
    idle.submit(ECHO, [1, 2], id="s")
    session = idle.open_session(ECHO, id="s")
    session.extend([1, 3])
    with pytest.raises(ConflictError):
        session.seal()
    with pytest.raises(ConflictError):
        idle.open_session("other:handler", id="s")


class LateStateStore(MemoryStateStore):
    """Hears of a cancel only when what was under way has been written."""

    def cancel(self, session_ids: Sequence[SessionId]) -> list[CancelCounts]:
        for thread in threading.enumerate():
            if thread.name.startswith("submit "):
                thread.join(20)
        return super().cancel(session_ids)


def test_what_was_cancelled_is_not_finished_though_no_task_was_left() -> None:
    with Grid(LateStateStore(), MemoryTaskQueue(), MemoryPayloadStore()) as grid:
        session = grid.open_session(ECHO)
        session.cancel()
        assert session.status().state is SessionState.CANCELLED


def test_who_adds_is_told_what_broke_the_submission_off_and_so_is_who_reads() -> None:
    class Refusing(MemoryStateStore):
        def add(self, session_id: SessionId, bundles: Sequence[Bundle]) -> None:
            raise ProviderError("the disk is full")

    with Grid(Refusing(), MemoryTaskQueue(), MemoryPayloadStore()) as grid:
        session = grid.open_session(ECHO)
        with pytest.raises(ProviderError, match="the disk is full"):
            session.extend(range(1_000_000))
        # Without a task it was deleted; that says less than why.
        with pytest.raises(ProviderError, match="the disk is full"):
            session.results()


def test_a_cancel_ends_it_for_who_adds(idle: Grid) -> None:
    session = idle.open_session(ECHO)
    session.add(1)
    session.cancel()
    with pytest.raises(ConflictError, match="the session takes no more tasks"):
        session.add(2)


def test_a_session_that_is_left_open_is_sealed_when_its_grid_is_closed(state: MemoryStateStore) -> None:
    with Grid(state, MemoryTaskQueue(), MemoryPayloadStore()) as grid:
        session = grid.open_session(ECHO)
        session.extend(range(10))
    (status,) = state.status([session.id])
    assert (status.state, status.total) == (SessionState.SEALED, 10)
    with pytest.raises(ConfigError, match="this grid is closed"):
        session.add(1)


def test_options_are_checked_as_those_of_submit(idle: Grid) -> None:
    with pytest.raises(ConfigError, match="priority must be a whole number from 0 to 3"):
        idle.open_session(ECHO, priority=7)
    with pytest.raises(ConfigError, match="ahead must be a whole number of tasks"):
        idle.open_session(ECHO, ahead=-1)
    with pytest.raises(TypeError, match="unknown option 'colour'; there are codec, keep_for"):
        idle.open_session(ECHO, colour="red")  # type: ignore[call-arg]


def test_sessions_that_are_open_and_get_nothing_have_no_thread(grid: Grid) -> None:
    before = threading.active_count()
    sessions = [grid.open_session(ECHO) for _ in range(50)]
    assert threading.active_count() < before + 10
    for number, session in enumerate(sessions):
        session.add(number)
    until(lambda: threading.active_count() < before + 10)
    # Who rests is woken by what comes next, and by the end.
    for number, session in enumerate(sessions):
        session.extend([-number])
        session.seal()
    for number, session in enumerate(sessions):
        assert session.results(timeout=60) == [number, -number]
