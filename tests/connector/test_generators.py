"""Generators are submitted beside their caller: their first tasks run while they make the later ones."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from htcgrid import Grid, SessionHandle, TaskState
from htcgrid.errors import (
    ConfigError,
    ConflictError,
    EncodingError,
    ProviderUnavailableError,
    ResultTimeoutError,
    SessionNotFoundError,
    TaskCancelledError,
)
from htcgrid.interfaces import BEGINNING, Entries
from htcgrid.model import Bundle, CancelCounts, SessionId, SessionState, defaults
from htcgrid.testing import MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue

ECHO = "htcgrid.testing.handlers:echo"


class OutOfTradesError(Exception):
    """What a user's generator raises."""


class Stores(MemoryStateStore):
    """A store that notes how many bundles it was handed, and can go away."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0
        self.away_after: int | None = None
        self.when_away: Callable[[], object] = lambda: None
        self.when_cancelling: Callable[[], object] = lambda: None
        self.longest_wait = timedelta(seconds=20)

    def outcomes(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, wait: timedelta = timedelta(0)
    ) -> Entries:
        return super().outcomes(session_id, cursor, limit=limit, wait=min(wait, self.longest_wait))

    def cancel(self, session_ids: Sequence[SessionId]) -> list[CancelCounts]:
        self.when_cancelling()
        return super().cancel(session_ids)

    def add(self, session_id: SessionId, bundles: Sequence[Bundle]) -> None:
        if self.away_after is not None and self.written >= self.away_after:
            self.when_away()
            raise ProviderUnavailableError("the store is away")
        super().add(session_id, bundles)
        self.written += len(bundles)


@pytest.fixture
def state() -> Stores:
    return Stores()


@pytest.fixture
def idle(state: Stores) -> Iterator[Grid]:
    """A grid without agents: its tasks are accepted, and none ends."""
    with Grid(state, MemoryTaskQueue(), MemoryPayloadStore()) as grid:
        yield grid
        # Else the grid would wait for generators that are held up.
        state.cancel([status.session.id for status in grid.sessions(finished=False)])


def until(true: Any) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.002)


def broken_off(tasks: Sequence[Any]) -> Iterator[Any]:
    """Yield tasks, and then no more, for an error."""
    yield from tasks
    raise OutOfTradesError("the book is closed")


def slow(tasks: Sequence[Any], go_on: threading.Event) -> Iterator[Any]:
    """Yield all tasks but the last, and that one when it is told to go on."""
    yield from tasks[:-1]
    assert go_on.wait(20)
    yield tasks[-1]


def test_the_tasks_of_a_slow_generator_run_at_once(grid: Grid) -> None:
    go_on = threading.Event()
    session = grid.submit(ECHO, slow(list(range(100)), go_on))
    early = list(islice(session.outcomes(timeout=20), 99))
    assert sorted(outcome.value for outcome in early) == list(range(99))
    assert session.accepted == 99
    assert session.status().state is SessionState.OPEN
    go_on.set()
    assert session.submitted(timeout=20) == 100
    assert session.results(timeout=20) == list(range(100))


def test_a_list_is_accepted_when_submit_returns_and_a_generator_when_it_has_ended(idle: Grid, state: Stores) -> None:
    assert idle.submit(ECHO, range(1000)).accepted == 1000
    go_on = threading.Event()
    session = idle.submit(ECHO, slow([1, 2, 3], go_on))
    until(lambda: session.accepted == 2)
    with pytest.raises(ResultTimeoutError, match=r"2 tasks of session .* were accepted after 0.01 s; it goes on"):
        session.submitted(timeout=0.01)
    go_on.set()
    assert session.submitted(timeout=20) == 3
    assert session.status().state is SessionState.SEALED


def test_a_session_of_another_process_counts_what_the_store_has(idle: Grid) -> None:
    session = idle.submit(ECHO, (number for number in range(50)), id="s")
    session.submitted(timeout=20)
    assert idle.session("s").accepted == 50
    assert idle.session("s").submitted() == 50


def test_a_fast_generator_is_cut_into_large_bundles(idle: Grid, state: Stores) -> None:
    session = idle.submit(ECHO, (number for number in range(200_000)))
    assert session.submitted(timeout=60) == 200_000
    assert state.written < 600
    assert session.status().total == 200_000


def test_an_empty_generator_is_a_finished_session(idle: Grid) -> None:
    session = idle.submit(ECHO, iter([]))
    assert session.results(timeout=20) == []
    assert session.status().finished


@pytest.mark.parametrize("pauses", [0, 3])
def test_under_an_id_the_cut_depends_on_the_tasks_alone(idle: Grid, pauses: int) -> None:
    def trades() -> Iterator[int]:
        for number in range(3000):
            if pauses and number % 1000 == 999:
                time.sleep(0.03)
            yield number

    idle.submit(ECHO, trades(), id="s").submitted(timeout=20)
    assert idle.submit(ECHO, range(3000), id="s").accepted == 3000
    with pytest.raises(ConflictError):
        idle.submit(ECHO, range(1, 3001), id="s")
    other = idle.submit(ECHO, (number + 1 for number in range(3000)), id="s")
    with pytest.raises(ConflictError):
        other.submitted(timeout=20)


def test_a_session_whose_generator_raises_is_cancelled(grid: Grid) -> None:
    session = grid.submit(ECHO, broken_off(range(100)))
    with pytest.raises(OutOfTradesError, match="the book is closed"):
        session.results(timeout=20)
    with pytest.raises(OutOfTradesError):
        session.wait(timeout=20)
    assert session.status().state is SessionState.CANCELLED


def test_whoever_is_told_that_a_generator_raised_finds_its_session_cancelled(idle: Grid, state: Stores) -> None:
    asked = threading.Event()

    def slowly() -> None:
        asked.set()
        time.sleep(0.2)

    state.when_cancelling = slowly
    state.longest_wait = timedelta(0)
    session = idle.submit(ECHO, broken_off(range(100)))
    assert asked.wait(20)
    with pytest.raises(OutOfTradesError):
        session.results(timeout=20)
    assert session.status().state is SessionState.CANCELLED


def test_what_was_accepted_before_a_generator_raised_runs_when_the_caller_wants_it(grid: Grid) -> None:
    session = grid.submit(ECHO, broken_off(range(100)), on_error="run")
    outcomes = session.outcomes(timeout=20)
    assert sorted(outcome.value for outcome in islice(outcomes, 100)) == list(range(100))
    with pytest.raises(OutOfTradesError):
        next(outcomes)
    status = session.status()
    assert (status.state, status.succeeded) == (SessionState.SEALED, 100)


def test_a_session_with_an_id_stays_open_for_the_rest_when_its_generator_raises(grid: Grid) -> None:
    session = grid.submit(ECHO, broken_off(range(100)), id="goes-on")
    with pytest.raises(OutOfTradesError):
        session.results(timeout=20)
    assert session.status().state is SessionState.OPEN
    assert grid.submit(ECHO, iter(range(120)), id="goes-on").results(timeout=20) == list(range(120))


@pytest.mark.parametrize(("on_error", "left"), [("run", "SEALED"), ("cancel", "CANCELLED"), ("leave", "OPEN")])
def test_a_list_that_cannot_be_submitted_whole_is_left_as_its_caller_asks(idle: Grid, on_error: Any, left: str) -> None:
    class Trades:
        """What can be gone through twice, so that it is no generator."""

        def __iter__(self) -> Iterator[int]:
            return broken_off(range(20_000))

    with pytest.raises(OutOfTradesError):
        idle.submit(ECHO, Trades(), id="s", on_error=on_error)
    status = idle.session("s").status()
    assert status.state == left
    assert 0 < status.total <= 20_000


def test_a_payload_that_cannot_be_carried_is_named(idle: Grid) -> None:
    session = idle.submit(ECHO, iter([1, 2, object()]))
    with pytest.raises(EncodingError, match="task 2: a value of type object cannot be sent with codec 'typed'"):
        session.submitted(timeout=20)


def test_a_session_that_broke_off_before_its_first_task_leaves_nothing(idle: Grid) -> None:
    session = idle.submit(ECHO, broken_off([]))
    with pytest.raises(OutOfTradesError):
        session.submitted(timeout=20)
    assert list(idle.sessions()) == []
    with pytest.raises(SessionNotFoundError):
        session.status()


def test_a_submission_that_is_repeated_and_breaks_off_takes_no_results_along(grid: Grid) -> None:
    grid.submit(ECHO, [1, 2, 3], id="valuable").results(timeout=20)
    again = grid.submit(ECHO, broken_off([]), id="valuable", on_error="cancel")
    with pytest.raises(OutOfTradesError):
        again.submitted(timeout=20)
    assert grid.session("valuable").results(timeout=20) == [1, 2, 3]


def test_a_store_that_stays_away_ends_the_submission_with_its_error(
    idle: Grid, state: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(defaults, "PATIENCE", timedelta(milliseconds=100))
    state.away_after = 1
    session = idle.submit(ECHO, (number for number in count()))
    with pytest.raises(ProviderUnavailableError, match="the store is away"):
        session.submitted(timeout=20)
    assert session.status().state is SessionState.CANCELLED


def test_a_store_that_comes_back_costs_a_submission_nothing(idle: Grid, state: Stores) -> None:
    state.away_after = 0
    asked = threading.Event()
    state.when_away = asked.set
    session = idle.submit(ECHO, iter(range(100)))
    assert asked.wait(20)
    state.away_after = None
    assert session.submitted(timeout=20) == 100
    assert session.status().total == 100


def test_a_generator_is_held_up_while_too_many_tasks_have_not_ended(idle: Grid, state: Stores) -> None:
    drawn = []

    def trades() -> Iterator[int]:
        for number in range(1000):
            drawn.append(number)
            yield number

    session = idle.submit(ECHO, trades(), ahead=50)
    until(lambda: session.accepted > 0)
    time.sleep(0.3)
    assert session.accepted <= 50
    # Beside those that are accepted as many wait to be, as many behind them, and the one that found no room.
    assert len(drawn) <= 3 * 50 + 1
    session.cancel()
    with pytest.raises(TaskCancelledError):
        session.results(timeout=20)


def test_an_endless_generator_is_worked_off_until_it_is_cancelled(grid: Grid) -> None:
    session = grid.submit(ECHO, count(), ahead=2000)
    outcomes = list(islice(session.outcomes(timeout=30), 10_000))
    assert len({outcome.index for outcome in outcomes}) == 10_000
    assert all(outcome.value == outcome.index for outcome in outcomes)
    counts = session.cancel()
    assert counts.succeeded >= 10_000
    left = [outcome.state for outcome in session.outcomes(timeout=20)]
    assert left.count(TaskState.SUCCEEDED) == counts.succeeded


def test_a_cancel_ends_the_submission_without_an_error(idle: Grid) -> None:
    session = idle.submit(ECHO, count())
    until(lambda: session.accepted > 100)
    session.cancel()
    assert session.submitted(timeout=20) == session.status().total


def test_the_end_of_the_grid_waits_for_the_end_of_the_generator(state: Stores) -> None:
    go_on = threading.Event()
    with Grid(state, MemoryTaskQueue(), MemoryPayloadStore()) as grid:
        session = grid.submit(ECHO, slow(list(range(10)), go_on))
        threading.Timer(0.1, go_on.set).start()
    (status,) = state.status([session.id])
    assert (status.state, status.total) == (SessionState.SEALED, 10)
    with pytest.raises(ConfigError, match="this grid is closed"):
        session.submitted()


def test_an_error_in_the_caller_breaks_its_generators_off(state: Stores) -> None:
    def left_early() -> SessionHandle:
        with Grid(state, MemoryTaskQueue(), MemoryPayloadStore()) as grid:
            session = grid.submit(ECHO, count())
            until(lambda: session.accepted > 0)
            sessions.append(session)
            raise KeyboardInterrupt

    sessions: list[SessionHandle] = []
    with pytest.raises(KeyboardInterrupt):
        left_early()
    assert state.status([sessions[0].id])[0].state is SessionState.CANCELLED


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_error": "ignore"}, "on_error must be 'cancel', 'run' or 'leave', not 'ignore'"),
        ({"on_error": 1}, "on_error must be 'cancel', 'run' or 'leave', not 1"),
        ({"ahead": 0}, "ahead must be a whole number of tasks of at least 1, not 0"),
        ({"ahead": True}, "ahead must be a whole number of tasks of at least 1, not True"),
        ({"ahead": 1.5}, "ahead must be a whole number of tasks of at least 1, not 1.5"),
    ],
    ids=str,
)
def test_options_that_are_not_right_are_refused(idle: Grid, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        idle.submit(ECHO, iter([1]), **options)
    assert list(idle.sessions()) == []


_MILLION = """
import re
from pathlib import Path
from htcgrid import Grid

if __name__ == "__main__":
    with Grid.open(folder="grid", workers=2) as grid:
        session = grid.submit("operator:neg", iter(range(1_000_000)))
        assert sum(1 for _ in session.outcomes()) == 1_000_000
    print(re.findall(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[0])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read as Linux tells it")
def test_a_client_submits_and_reads_a_million_tasks_within_250_megabytes(tmp_path: Path) -> None:
    (tmp_path / "million.py").write_text(_MILLION)
    command = [sys.executable, "million.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert int(ended.stdout) < 250_000


def test_results_do_not_pass_for_all_of_a_session_that_was_cancelled_while_it_was_open(grid: Grid) -> None:
    held = threading.Event()

    def drawn() -> Iterator[int]:
        yield from range(5)
        held.wait(30)

    session = grid.submit(ECHO, drawn())
    assert sorted(outcome.index for outcome in islice(session.outcomes(timeout=20), 5)) == list(range(5))
    session.cancel()
    held.set()
    for handle in (session, grid.session(session.id)):
        with pytest.raises(TaskCancelledError, match="was cancelled before it was sealed: it has 5 tasks"):
            handle.results(timeout=20)
        assert handle.results(timeout=20, return_exceptions=True) == list(range(5))
        assert len(list(handle.outcomes(timeout=20))) == 5
