"""What the clauses of all themes need: a grid, a second client of it, and short ways to say what happens there."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from htcgrid import Grid, Outcome, RetryPolicy, SessionHandle
from htcgrid.errors import SessionNotFoundError
from htcgrid.model import SessionId
from htcgrid.testing.contract import Contract

ONCE = RetryPolicy(tries=1)
SOON = RetryPolicy(tries=3, backoff=timedelta(milliseconds=20))
#: Longer than any clause lasts: a task that sleeps for this time is never waited for.
FOR_EVER = 600.0


class GridClauses(Contract):
    """Give a fixture ``grid``: an open grid whose agents may run the handlers ``htcgrid.testing.handlers:*``.

    One grid may serve all clauses, and other users, too; whoever makes it starts and ends its agents.
    """

    #: The longest that anything may take; what has not come by then never will.
    patience: ClassVar[timedelta] = timedelta(seconds=60)
    #: Within this time an outcome is seen, and an agent learns of a cancel.
    prompt: ClassVar[timedelta] = timedelta(seconds=1)
    #: Tasks that keep all workers busy for several times ``prompt``: 50 milliseconds each.
    many: ClassVar[int] = 400
    #: Bytes that no provider keeps inline.
    large: ClassVar[int] = 2 << 20

    @pytest.fixture
    def grid(self) -> Grid:
        """Return the grid under test."""
        raise NotImplementedError(f"{type(self).__name__} must have a fixture `grid` that returns an open Grid")

    @pytest.fixture
    def client(self, grid: Grid) -> Iterator[Grid]:
        """Return a second client of the grid, with connections of its own, as another process has them."""
        assert grid.config is not None, "override the fixture `client`: this grid does not say how it was opened"
        with ExitStack() as resources:
            state, queue, payloads = grid.config.open_state(), grid.config.open_queue(), grid.config.open_payloads()
            for store in (state, queue, payloads):
                resources.callback(store.close)
            with Grid(state, queue, payloads, config=grid.config, resources=resources.pop_all()) as client:
                yield client

    @pytest.fixture(autouse=True)
    def tidied(self, grid: Grid) -> Iterator[None]:
        """Cancel what a clause leaves running, so that it is in no other's way."""
        self._submitted: list[SessionId] = []
        yield
        for session_id in self._submitted:
            with suppress(SessionNotFoundError):
                grid.session(session_id).cancel()

    def submit(self, grid: Grid, handler: str, tasks: Iterable[Any], **options: Any) -> SessionHandle:
        """Submit tasks of one of the kit's handlers."""
        session = grid.submit(f"htcgrid.testing.handlers:{handler}", tasks, **options)
        self._submitted.append(session.id)
        return session

    def results(self, session: SessionHandle) -> list[Any]:
        """Return the values of all tasks, in order."""
        return session.results(timeout=self.patience.total_seconds())

    def outcomes(self, session: SessionHandle) -> list[Outcome]:
        """Return the outcomes of all tasks, by index, each of which must come just once."""
        found = list(session.outcomes(timeout=self.patience.total_seconds()))
        ordered = sorted(found, key=lambda outcome: outcome.index)
        assert [outcome.index for outcome in ordered] == list(range(len(found)))
        return ordered

    def first(self, session: SessionHandle) -> Outcome:
        """Return the first outcome there is."""
        return next(session.outcomes(timeout=self.patience.total_seconds()))

    def until(self, condition: Callable[[], bool]) -> None:
        """Return when ``condition`` holds, which it must after some time."""
        deadline = time.monotonic() + self.patience.total_seconds()
        while not condition():
            assert time.monotonic() < deadline, f"it was not so after {self.patience}"
            time.sleep(self.prompt.total_seconds() / 20)
