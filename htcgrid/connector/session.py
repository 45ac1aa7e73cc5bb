"""A session as its client holds it."""

from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from msgspec import structs

from htcgrid.connector.awaited import outcomes_awaited, values_awaited
from htcgrid.connector.duration import seconds_of
from htcgrid.connector.frame import frame_of
from htcgrid.connector.interrupts import brief, briefly
from htcgrid.connector.notices import Notices
from htcgrid.connector.outcome import Outcome
from htcgrid.connector.reader import Reader
from htcgrid.connector.seen import Seen
from htcgrid.connector.submitter import Submitter
from htcgrid.connector.task import TaskHandle
from htcgrid.connector.tracker import Tracker
from htcgrid.connector.use import Use
from htcgrid.connector.values import Values
from htcgrid.connector.watch import Watch
from htcgrid.errors import AgentNotStartedError, ConfigError, ResultTimeoutError
from htcgrid.host import Host
from htcgrid.interfaces import PayloadStore, StateStore
from htcgrid.model import CancelCounts, Session, SessionId, SessionState, SessionStatus
from htcgrid.model.table import table
from htcgrid.plain_text import plain

if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.console import Console


class SessionHandle:
    """Watches and collects one session. Any number of handles, in any process, may do so at once."""

    def __init__(
        self,
        session: Session,
        state: StateStore,
        payloads: PayloadStore,
        *,
        total: int | None = None,
        submitter: Submitter | None = None,
        decode: Callable[[bytes], Any] | None = None,
        host: Host,
        check: Use,
        notices: Notices | None = None,
    ) -> None:
        self._session = session
        self._state = state
        self._reader = Reader(
            session,
            state,
            payloads,
            total=total,
            submitter=submitter,
            decode=decode,
            host=host,
            check=check,
            notices=notices,
        )
        self._tracker = Tracker(self._reader)
        #: The number of tasks, when it is known to be final.
        self._total = total
        #: What goes on submitting to it, if this process does.
        self._submitter = submitter
        self._check = check

    def __repr__(self) -> str:
        known = f": {seen}" if (seen := str(self._seen)) else ""
        return f"<session {plain(self.id)} of {plain(self._session.handler)}{known}>"

    def _repr_html_(self) -> str:
        rows = {"handler": self._session.handler, "labels": self._session.labels or None, "tasks": self._seen}
        return table(f"session {self.id}", rows)

    @property
    def _seen(self) -> Seen:
        """What this process knows without a request."""
        seen = self._reader.seen
        return seen if self._submitter is None else structs.replace(seen, total=self._submitter.accepted)

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        """Return the number of tasks; 1 request, unless this process knows it.

        Raises:
            TypeError: more may come; :attr:`accepted` counts those that there are.
        """
        if self._total is None:
            status = self.status()
            if status.state is SessionState.OPEN:
                raise TypeError(
                    f"session {self.id} is open, so that the number of its tasks is not known: accepted counts them so "
                    "far, and submitted() waits for the last"
                )
            self._total = status.total
        return self._total

    def __aiter__(self) -> AsyncGenerator[Outcome, None]:
        """Yield outcomes as :meth:`outcomes` does, to ``async for``: the loop goes on meanwhile."""
        return outcomes_awaited(self._reader)

    def __await__(self) -> Generator[Any, None, list[Any]]:
        """Return what :meth:`results` does, to ``await``: the loop goes on meanwhile.

        When the one that waits is cancelled, the session goes on.
        """
        return values_awaited(self._reader).__await__()

    @property
    def id(self) -> SessionId:
        """The session's id, under which :meth:`Grid.session` finds it from anywhere."""
        return self._session.id

    @property
    def origin(self) -> SessionId | None:
        """The session whose failed tasks these are, in their order; None for tasks of its own."""
        return self._session.origin

    @property
    def codec(self) -> str:
        """The name of the codec of its payloads and results."""
        return self._session.codec

    @property
    def handler(self) -> str:
        """The name of the handler that its tasks are for."""
        return self._session.handler

    @property
    def accepted(self) -> int:
        """The tasks that are accepted so far: from then on each of them ends, whatever happens to this process."""
        if self._submitter is not None:
            return self._submitter.accepted
        return self.status().total if self._total is None else self._total

    @briefly
    def submitted(self, *, timeout: float | timedelta | None = None) -> int:
        """Return the number of tasks once all are accepted, for a session that this process submits from a generator.

        Args:
            timeout: the longest to wait, in seconds or as a timedelta; None to wait for ever.

        Raises:
            ResultTimeoutError: the time was up; the submission goes on.
            Exception: what the generator raised, or what else broke the submission off.
        """
        self._check()
        return (
            self.accepted if self._submitter is None else self._reader.submitted(self._submitter, seconds_of(timeout))
        )

    def status(self) -> SessionStatus:
        """Return how many tasks there are, and how many have ended in which way."""
        return self._reader.status()

    def cancel(self) -> CancelCounts:
        """End the session: every task without an outcome is CANCELLED when this returns. Safe to repeat."""
        self._check_usable()
        if self._submitter is not None:
            self._submitter.stop(seal=False)
        return self._state.cancel([self.id])[0]

    def delete(self) -> None:
        """Delete the session: nothing finds or runs it again, and its id cannot be used again. Safe to repeat.

        Its records and payloads are collected later.
        """
        self._check_usable()
        if self._submitter is not None:
            self._submitter.stop(seal=False)
        self._state.delete(self.id)

    def _check_usable(self) -> None:
        # What waits for nothing needs no agents.
        with suppress(AgentNotStartedError):
            self._check()

    def outcomes(self, *, timeout: float | timedelta | None = None, progress: bool | None = False) -> Iterator[Outcome]:
        """Yield every task's outcome as it becomes known, once each, failed and cancelled tasks included.

        A result that cannot be read here, as of a class that is not there, is that outcome's error.

        Args:
            timeout: the longest to wait in all, in seconds or as a timedelta; None to wait for ever.
            progress: as in :meth:`results`; no bar when left out, for whoever iterates may print.

        Raises:
            ResultTimeoutError: the time was up; what was yielded before stays valid.
            Exception: what broke the submission off, when this process submits the tasks from a generator.
        """
        return brief(self._reader.outcomes(timeout, bar=self._reader.bar(progress)))

    def task(self, index: int) -> TaskHandle:
        """Return a handle to one task, by its position from 0. Costs nothing; its questions do.

        Raises:
            ConfigError: it is no position of a task.
        """
        self._check()
        total = self._total
        if isinstance(index, bool) or not isinstance(index, int) or index < 0 or (total is not None and index >= total):
            tasks = "" if total is None else f" of {total} tasks"
            raise ConfigError(f"a task is named by its position from 0 on in the session{tasks}, not {index!r}")
        return TaskHandle(self.id, index, self._tracker)

    def tasks(self) -> Iterator[TaskHandle]:
        """Yield a handle to each task that is accepted so far, in order."""
        return (self.task(index) for index in range(self.accepted))

    def on_outcome(self, callback: Callable[[Outcome], object]) -> Watch:
        """Call ``callback`` with each task's outcome as it becomes known, in a thread of its own.

        Outcomes of tasks that have ended before are among them. A callback that raises is logged, and gets the next
        outcome all the same; :meth:`Watch.wait` raises its first error.
        """
        self._check()
        if not callable(callback):
            raise ConfigError(f"a callback must be a function of one outcome, not {callback!r}")
        return Watch(self._reader, callback)

    @briefly
    def results(
        self,
        *,
        timeout: float | timedelta | None = None,
        return_exceptions: bool = False,
        progress: bool | None = None,
    ) -> list[Any]:
        """Return the values of all tasks, in the order in which they were submitted.

        Args:
            timeout: the longest to wait, in seconds or as a timedelta; None to wait for ever.
            return_exceptions: put the error in the place of a task without a value, and do not raise.
            progress: show a bar meanwhile, or do not; when left out, there is one after 2 s if stderr is a terminal or
                this is a notebook, unless the grid was opened as ``quiet``.

        Raises:
            TaskFailedError: a task failed; raised as soon as it is known.
            TaskCancelledError: the session was cancelled, before its tasks had ended or all of them were submitted.
            ResultTimeoutError: the time was up; its ``results`` holds what was there, by task.
            EncodingError: a result cannot be read here, as of a class that is not there; the message has its task.
        """
        values = Values(return_exceptions=return_exceptions)
        collection = self._reader.collection()
        try:
            values.take(self._reader.outcomes(timeout, collection, self._reader.bar(progress)))
        except ResultTimeoutError as error:
            error.results = values.by_task
            raise
        return values.in_order(self.id, collection)

    def to_pandas(self, *, timeout: float | timedelta | None = None, progress: bool | None = None) -> "DataFrame":
        """Return a frame with one row per task, in their order, once every task has ended; nothing is raised for them.

        Its index is the task's position; its columns are ``state``, ``value``, ``error`` (the type), ``message``,
        ``tries``, ``started``, ``seconds`` (of the last try) and ``worker``. The values are a column of numbers if all
        of them are of one type, with gaps for tasks that failed; otherwise each stands there as it is.

        Args:
            timeout: the longest to wait, in seconds or as a timedelta; None to wait for ever.
            progress: as in :meth:`results`.

        Raises:
            ConfigError: pandas is not installed here.
            ResultTimeoutError: the time was up.
        """
        return frame_of(self.outcomes(timeout=timeout, progress=progress))

    @briefly
    def wait(
        self,
        *,
        timeout: float | timedelta | None = None,
        progress: bool | None = None,
        console: "Console | None" = None,
    ) -> SessionStatus:
        """Return the status once every task has ended; nothing is raised for failed tasks.

        Args:
            timeout: the longest to wait, in seconds or as a timedelta; None to wait for ever.
            progress: as in :meth:`results`.
            console: where the bar is shown; stderr, or a notebook's cell, when left out.

        Raises:
            ResultTimeoutError: the time was up.
        """
        collection = self._reader.collection()
        for _ in self._reader.looks(collection, timeout, self._reader.bar(progress, console)):
            if collection.closed:
                for _ in collection.cancelled_outcomes():
                    pass
        return self.status()
