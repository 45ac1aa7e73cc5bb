"""A task as its client holds it."""

from datetime import datetime, timedelta
from typing import Any

from htcgrid.connector.duration import seconds_of
from htcgrid.connector.interrupts import briefly
from htcgrid.connector.outcome import Outcome
from htcgrid.connector.tracker import Tracker
from htcgrid.errors import EncodingError, TaskError
from htcgrid.model import Failure, SessionId, TaskState
from htcgrid.model.table import table
from htcgrid.plain_text import plain


class TaskHandle:
    """Watches one task. What it tells of a task that has ended is final; before, each question is a look at the grid.

    A look costs 1 request, and 1 more to tell a task that runs from one that waits; of a task that is known to have
    ended, nothing.
    """

    def __init__(self, session: SessionId, index: int, tracker: Tracker) -> None:
        #: The session that it is a task of.
        self.session = session
        #: Its position there, from 0.
        self.index = index
        self._tracker = tracker
        self._outcome: Outcome | None = None

    def __repr__(self) -> str:
        state = "" if self._outcome is None else f", {self._outcome.state}"
        return f"<task {self.index} of session {plain(self.session)}{state}>"

    def _repr_html_(self) -> str:
        if self._outcome is not None:
            return self._outcome._repr_html_()
        return table(f"task {self.index} of session {self.session}", {"seen": "not ended yet"})

    @property
    def state(self) -> TaskState:
        """Where it is: PENDING, RUNNING, or how it ended."""
        if outcome := self._look():
            return outcome.state
        bundle = self._tracker.bundle(self.index)
        if bundle is None:
            # It ended between the two questions, or is not accepted yet.
            ended = self._look()
            return ended.state if ended else TaskState.PENDING
        return TaskState.PENDING if bundle.agent is None else TaskState.RUNNING

    @property
    def tries(self) -> int:
        """How often the handler was run; before the task has ended, without the run that is under way."""
        if outcome := self._look():
            return outcome.tries
        bundle = self._tracker.bundle(self.index)
        return bundle.tries.get(self.index, 0) if bundle else 0

    @property
    def worker(self) -> str | None:
        """Which worker ran it, as ``agent/number``; before it has ended, the agent that holds it; None for nobody."""
        if outcome := self._look():
            return outcome.worker or None
        bundle = self._tracker.bundle(self.index)
        return bundle.agent if bundle else None

    @property
    def error(self) -> Failure | None:
        """Why it failed, with the traceback of the worker; None unless it has failed."""
        outcome = self._look()
        return outcome.error if outcome else None

    @property
    def started(self) -> datetime | None:
        """When its last try began, by the worker's clock; None before it has ended, and when it never began."""
        outcome = self._look()
        return outcome.started if outcome and outcome.began else None

    @property
    def duration(self) -> timedelta | None:
        """How long its last try took; None before it has ended."""
        outcome = self._look()
        return outcome.duration if outcome else None

    @property
    def stdout(self) -> str:
        """The end of what its handler printed, once it has ended, as far as the session keeps that."""
        outcome = self._look()
        return outcome.stdout if outcome else ""

    @property
    def stderr(self) -> str:
        """The end of what its handler wrote to stderr, once it has ended, as far as the session keeps that."""
        outcome = self._look()
        return outcome.stderr if outcome else ""

    def done(self) -> bool:
        """Return whether it has ended."""
        return self._look() is not None

    @briefly
    def outcome(self, *, timeout: float | timedelta | None = None) -> Outcome:
        """Return how it ended, once it has.

        Raises:
            ResultTimeoutError: the time was up.
        """
        if self._outcome is None:
            self._outcome = self._tracker.wait(self.index, seconds_of(timeout))
        return self._outcome

    @briefly
    def result(self, *, timeout: float | timedelta | None = None) -> Any:
        """Return its value, once it has ended.

        Raises:
            TaskFailedError: it failed.
            TaskCancelledError: it was cancelled.
            EncodingError: its result cannot be read here.
            ResultTimeoutError: the time was up.
        """
        return self.outcome(timeout=timeout).result()

    @briefly
    def exception(self, *, timeout: float | timedelta | None = None) -> TaskError | EncodingError | None:
        """Return the error that :meth:`result` raises, or None, once it has ended.

        Raises:
            ResultTimeoutError: the time was up.
        """
        return self.outcome(timeout=timeout).exception()

    def _look(self) -> Outcome | None:
        if self._outcome is None:
            self._outcome = self._tracker.look(self.index)
        return self._outcome
