"""A session as its client holds it."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from htcgrid.connector.duration import seconds_of
from htcgrid.connector.interrupts import brief, briefly
from htcgrid.connector.outcome import Outcome
from htcgrid.connector.progress import progress_bar
from htcgrid.connector.reader import Reader
from htcgrid.connector.submitter import Submitter
from htcgrid.connector.task import TaskHandle
from htcgrid.connector.tracker import Tracker
from htcgrid.connector.use import Use
from htcgrid.connector.watch import Watch
from htcgrid.errors import ConfigError, ResultTimeoutError, TaskCancelledError
from htcgrid.host import Host
from htcgrid.interfaces import PayloadStore, StateStore
from htcgrid.model import CancelCounts, Session, SessionId, SessionStatus

if TYPE_CHECKING:
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
    ) -> None:
        self._session = session
        self._state = state
        self._reader = Reader(
            session, state, payloads, total=total, submitter=submitter, decode=decode, host=host, check=check
        )
        self._tracker = Tracker(self._reader)
        #: The number of tasks, when it is known to be final.
        self._total = total
        #: What goes on submitting to it, if this process does.
        self._submitter = submitter
        self._check = check

    def __repr__(self) -> str:
        return f"<session {self.id} of {self._session.handler}>"

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
        return self.accepted if self._submitter is None else self._submitter.wait(seconds_of(timeout))

    def status(self) -> SessionStatus:
        """Return how many tasks there are, and how many have ended in which way."""
        return self._reader.status()

    def cancel(self) -> CancelCounts:
        """End the session: every task without an outcome is CANCELLED when this returns. Safe to repeat."""
        self._check()
        if self._submitter is not None:
            self._submitter.stop(seal=False)
        return self._state.cancel([self.id])[0]

    def delete(self) -> None:
        """Delete the session: nothing finds or runs it again, and its id cannot be used again. Safe to repeat.

        Its records and payloads are collected later.
        """
        self._check()
        if self._submitter is not None:
            self._submitter.stop(seal=False)
        self._state.delete(self.id)

    def outcomes(self, *, timeout: float | timedelta | None = None) -> Iterator[Outcome]:
        """Yield every task's outcome as it becomes known, once each, failed and cancelled tasks included.

        Args:
            timeout: the longest to wait in all, in seconds or as a timedelta; None to wait for ever.

        Raises:
            ResultTimeoutError: the time was up; what was yielded before stays valid.
            EncodingError: a result cannot be read here, as of a class that is not there; the message has its task.
            Exception: what broke the submission off, when this process submits the tasks from a generator.
        """
        return brief(self._reader.outcomes(timeout))

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
    def results(self, *, timeout: float | timedelta | None = None, return_exceptions: bool = False) -> list[Any]:
        """Return the values of all tasks, in the order in which they were submitted.

        Args:
            timeout: the longest to wait, in seconds or as a timedelta; None to wait for ever.
            return_exceptions: put a :class:`TaskError` in the place of a task that did not succeed, and do not raise.

        Raises:
            TaskFailedError: a task failed; raised as soon as it is known.
            TaskCancelledError: the session was cancelled, before its tasks had ended or all of them were submitted.
            ResultTimeoutError: the time was up; its ``results`` holds what was there, by task.
            EncodingError: a result cannot be read here, as of a class that is not there; the message has its task.
        """
        values: dict[int, Any] = {}
        collection = self._reader.collection()
        try:
            for outcome in self._reader.outcomes(timeout, collection):
                error = outcome.exception()
                if error is not None and not return_exceptions:
                    raise error
                values[outcome.index] = outcome.value if error is None else error
        except ResultTimeoutError as error:
            error.results = values
            raise
        if collection.was_cancelled and not collection.cancelled and not return_exceptions:
            raise TaskCancelledError(
                f"session {self.id} was cancelled before it was sealed: it has {len(values)} tasks, which have ended, "
                "and more may have been meant; outcomes() yields theirs"
            )
        return [values[index] for index in range(len(values))]

    @briefly
    def wait(
        self, *, timeout: float | timedelta | None = None, progress: bool = False, console: "Console | None" = None
    ) -> SessionStatus:
        """Return the status once every task has ended; nothing is raised for failed tasks.

        Args:
            timeout: the longest to wait, in seconds or as a timedelta; None to wait for ever.
            progress: show a bar on stderr, or on ``console``, meanwhile.
            console: where the bar is shown.

        Raises:
            ResultTimeoutError: the time was up.
        """
        collection = self._reader.collection()
        with progress_bar(self._session.handler.rpartition("/")[2], console) if progress else nullcontext() as bar:
            for _ in self._reader.looks(collection, timeout):
                if collection.closed:
                    for _ in collection.cancelled_outcomes():
                        pass
                if bar is not None:
                    bar.show(ended=collection.ended, total=collection.total, failed=collection.failed)
        return self.status()
