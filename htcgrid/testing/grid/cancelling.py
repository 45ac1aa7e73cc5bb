"""Clauses of cancel."""

import pytest

from htcgrid import Grid, TaskState
from htcgrid.errors import TaskCancelledError
from htcgrid.model import SessionState
from htcgrid.testing.grid.clauses import FOR_EVER, GridClauses


class Cancelling(GridClauses):
    """A cancel ends a session's tasks, and nobody else's."""

    def test_cancel_ends_what_runs_and_what_waits(self, grid: Grid) -> None:
        session = self.submit(grid, "sleep", [0.05] * self.many)
        self.first(session)
        counts = session.cancel()
        assert counts.succeeded > 0
        assert counts.cancelled > 0
        assert counts.succeeded + counts.cancelled == self.many
        status = session.status()
        assert (status.state, status.total, status.cancelled) == (SessionState.CANCELLED, self.many, counts.cancelled)
        assert status.finished
        states = [outcome.state for outcome in self.outcomes(session)]
        assert states.count(TaskState.SUCCEEDED) == counts.succeeded
        assert states.count(TaskState.CANCELLED) == counts.cancelled
        with pytest.raises(TaskCancelledError):
            self.results(session)

    def test_workers_whose_tasks_were_cancelled_run_others(self, grid: Grid) -> None:
        session = self.submit(grid, "sleep", [FOR_EVER] * self.many)
        self.until(lambda: session.status().running > 0)
        session.cancel()
        assert self.results(self.submit(grid, "echo", range(10))) == list(range(10))

    def test_repeating_a_cancel_changes_nothing(self, grid: Grid) -> None:
        session = self.submit(grid, "sleep", [0.1] * 40)
        session.cancel()
        before = session.status(), self.outcomes(session)
        session.cancel()
        assert (session.status(), self.outcomes(session)) == before

    def test_a_cancel_of_a_finished_session_changes_nothing(self, grid: Grid) -> None:
        session = self.submit(grid, "echo", range(10))
        self.results(session)
        assert session.cancel().cancelled == 0
        assert session.status().state is SessionState.SEALED
        assert self.results(session) == list(range(10))

    def test_a_cancel_leaves_other_sessions_alone(self, grid: Grid) -> None:
        kept = self.submit(grid, "sleep", [0.05] * 20)
        self.submit(grid, "sleep", [0.1] * 20).cancel()
        assert self.results(kept) == [0.05] * 20
