"""Clauses of many who use a grid at once, and of those who come back to it."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from htcgrid import Grid
from htcgrid.errors import ConfigError, ConflictError, SessionNotFoundError
from htcgrid.model import SessionState
from htcgrid.testing.grid.clauses import FOR_EVER, GridClauses
from htcgrid.testing.race import at_once
from htcgrid.testing.samples import new_id


class Sharing(GridClauses):
    """Sessions, threads and clients share a grid, and none is in another's way."""

    def test_an_urgent_session_overtakes_a_long_one(self, grid: Grid) -> None:
        long = self.submit(grid, "sleep", [0.05] * self.many, priority=0)
        self.first(long)
        assert self.results(self.submit(grid, "echo", [1], priority=3)) == [1]
        overtaken = long.status()
        long.cancel()
        assert overtaken.ended < overtaken.total / 2

    def test_a_session_is_found_by_its_id(self, grid: Grid, client: Grid) -> None:
        session = self.submit(grid, "echo", [1, 2], labels={"desk": "rates"})
        found = client.session(session.id)
        assert self.results(found) == [1, 2]
        assert found.status().session.labels == {"desk": "rates"}

    def test_an_open_session_takes_tasks_while_others_run_until_it_is_sealed(self, grid: Grid) -> None:
        with grid.open_session("htcgrid.testing.handlers:echo") as session:
            self._submitted.append(session.id)
            session.add("first")
            assert self.first(session).value == "first"
            assert session.extend(["second", "third"]) == [1, 2]
        assert self.results(session) == ["first", "second", "third"]
        with pytest.raises(ConflictError):
            session.add("fourth")

    def test_a_session_is_found_by_its_labels(self, grid: Grid) -> None:
        name = new_id()
        session = self.submit(grid, "echo", [1], labels={"desk": name, "run": "eod"})
        self.submit(grid, "echo", [1], labels={"run": "eod"})
        assert [found.session.id for found in grid.sessions(labels={"desk": name})] == [session.id]

    def test_a_session_that_was_deleted_is_found_by_nobody(self, grid: Grid) -> None:
        session = self.submit(grid, "echo", [1])
        self.results(session)
        session.delete()
        with pytest.raises(SessionNotFoundError):
            grid.session(session.id)

    def test_workers_whose_session_was_deleted_run_others(self, grid: Grid) -> None:
        session = self.submit(grid, "sleep", [FOR_EVER] * self.many)
        self.until(lambda: session.status().running > 0)
        session.delete()
        assert self.results(self.submit(grid, "echo", range(10))) == list(range(10))

    def test_an_id_that_no_session_has_is_said_to_be_unknown(self, grid: Grid) -> None:
        unknown = new_id()
        with pytest.raises(SessionNotFoundError, match=unknown):
            grid.session(unknown)

    def test_a_repeated_submission_under_an_id_is_one(self, grid: Grid, client: Grid) -> None:
        session_id = new_id()
        sessions = [self.submit(each, "echo", range(100), id=session_id) for each in (grid, client)]
        assert [self.results(session) for session in sessions] == [list(range(100))] * 2
        again = self.submit(client, "echo", range(100), id=session_id)
        assert (again.status().total, again.status().succeeded) == (100, 100)

    def test_submissions_at_once_under_an_id_are_one(self, grid: Grid, client: Grid) -> None:
        session_id = new_id()
        submits = [partial(self.submit, each, "echo", range(500), id=session_id) for each in (grid, client) * 3]
        sessions = at_once(submits)
        assert self.results(sessions[0]) == list(range(500))
        assert sessions[0].status().total == 500

    def test_other_content_under_an_id_is_a_conflict(self, grid: Grid) -> None:
        session_id = new_id()
        session = self.submit(grid, "echo", range(100), id=session_id)
        others: list[Callable[[], object]] = [
            partial(self.submit, grid, "echo", range(5, 105), id=session_id),
            partial(self.submit, grid, "echo", range(99), id=session_id),
            partial(self.submit, grid, "echo", range(101), id=session_id),
            partial(self.submit, grid, "sleep", range(100), id=session_id),
        ]
        for other in others:
            with pytest.raises(ConflictError):
                other()
        assert self.results(session) == list(range(100))

    def test_a_submission_that_broke_off_goes_on_under_its_id(self, grid: Grid, client: Grid) -> None:
        # Long texts, so that much of them is written before the last one comes.
        tasks = [str(index % 10) * 200_000 for index in range(60)]
        session_id = new_id()
        with pytest.raises(_BreakOffError):
            self.submit(grid, "length", _broken_off(tasks[:55]), id=session_id).submitted()
        status = grid.session(session_id).status()
        assert status.state is SessionState.OPEN
        assert 0 < status.total <= 55
        assert self.results(self.submit(client, "length", tasks, id=session_id)) == [200_000] * 60

    def test_many_threads_and_clients_share_a_grid(self, grid: Grid, client: Grid) -> None:
        def work(number: int, each: Grid) -> list[int]:
            return self.results(self.submit(each, "echo", [number] * 50))

        found = at_once([partial(work, number, (grid, client)[number % 2]) for number in range(8)])
        assert found == [[number] * 50 for number in range(8)]

    def test_a_client_that_closes_leaves_its_sessions_to_run(self, grid: Grid, client: Grid) -> None:
        session = self.submit(client, "sleep", [0.1] * 4)
        client.close()
        client.close()
        for call in (session.status, session.results, session.cancel, partial(self.submit, client, "echo", [1])):
            with pytest.raises(ConfigError, match="closed"):
                call()
        assert self.results(grid.session(session.id)) == [0.1] * 4


class _BreakOffError(Exception):
    """Stands for whatever ends a client in the middle of a submission."""


def _broken_off(tasks: list[str]) -> Iterator[str]:
    yield from tasks
    raise _BreakOffError
