"""A session as its client holds it."""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from htcgrid.connector.collection import Collection, batches
from htcgrid.connector.duration import seconds_of
from htcgrid.connector.outcome import Outcome
from htcgrid.connector.progress import progress_bar
from htcgrid.connector.submitter import Submitter
from htcgrid.errors import EncodingError, ResultTimeoutError
from htcgrid.interfaces import Entries, PayloadStore, StateStore
from htcgrid.model import CancelCounts, Entry, Part, Session, SessionId, SessionStatus
from htcgrid.model.codec import codec_of

if TYPE_CHECKING:
    from rich.console import Console

#: How long one look at the log waits for news; a session whose total grew meanwhile is seen after it: seconds.
_WAIT = 1.0


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
        check: Callable[[], None],
    ) -> None:
        self._session = session
        self._state = state
        self._payloads = payloads
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
    def handler(self) -> str:
        """The name of the handler that its tasks are for."""
        return self._session.handler

    @property
    def accepted(self) -> int:
        """The tasks that are accepted so far: from then on each of them ends, whatever happens to this process."""
        if self._submitter is not None:
            return self._submitter.accepted
        return self.status().total if self._total is None else self._total

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
        self._check()
        return self._state.status([self.id])[0]

    def cancel(self) -> CancelCounts:
        """End the session: every task without an outcome is CANCELLED when this returns. Safe to repeat."""
        self._check()
        if self._submitter is not None:
            self._submitter.stop()
        return self._state.cancel([self.id])[0]

    def delete(self) -> None:
        """Delete the session: nothing finds or runs it again, and its id cannot be used again. Safe to repeat.

        Its records and payloads are collected later.
        """
        self._check()
        if self._submitter is not None:
            self._submitter.stop()
        self._state.delete(self.id)

    def outcomes(self, *, timeout: float | timedelta | None = None) -> Iterator[Outcome]:
        """Yield every task's outcome as it becomes known, once each, failed and cancelled tasks included.

        Args:
            timeout: the longest to wait in all, in seconds or as a timedelta; None to wait for ever.

        Raises:
            ResultTimeoutError: the time was up; what was yielded before stays valid.
            Exception: what broke the submission off, when this process submits the tasks from a generator.
        """
        collection = self._collection()
        for parts in self._looks(collection, timeout):
            for batch in batches(parts):
                data = self._packs([part for _, part in batch])
                for entry, part in batch:
                    yield from collection.outcomes(entry, part, data[part.pack.digest])
            if collection.closed:
                yield from collection.cancelled_outcomes()

    def results(self, *, timeout: float | timedelta | None = None, return_exceptions: bool = False) -> list[Any]:
        """Return the values of all tasks, in the order in which they were submitted.

        Args:
            timeout: the longest to wait, in seconds or as a timedelta; None to wait for ever.
            return_exceptions: put a :class:`TaskError` in the place of a task that did not succeed, and do not raise.

        Raises:
            TaskFailedError: a task failed; raised as soon as it is known.
            TaskCancelledError: the session was cancelled.
            ResultTimeoutError: the time was up.
        """
        values: dict[int, Any] = {}
        for outcome in self.outcomes(timeout=timeout):
            error = outcome.exception()
            if error is not None and not return_exceptions:
                raise error
            values[outcome.index] = outcome.value if error is None else error
        return [values[index] for index in range(len(values))]

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
        collection = self._collection()
        with progress_bar(self._session.handler.rpartition("/")[2], console) if progress else nullcontext() as bar:
            for _ in self._looks(collection, timeout):
                if collection.closed:
                    for _ in collection.cancelled_outcomes():
                        pass
                if bar is not None:
                    bar.show(ended=collection.ended, total=collection.total, failed=collection.failed)
        return self.status()

    def _collection(self) -> Collection:
        self._check()
        collection = Collection(self.id, codec_of(self._session.codec).decode)
        if self._total is not None:
            collection.expect(self._total)
        else:
            collection.know(self.status())
        return collection

    def _looks(self, collection: Collection, timeout: float | timedelta | None) -> Iterator[list[tuple[Entry, Part]]]:
        """Yield what each look at the log brings, until everything has been read."""
        seconds = seconds_of(timeout)
        deadline = None if seconds is None else time.monotonic() + seconds
        while not collection.finished:
            self._check()
            parts = collection.take(self._look(collection, deadline))
            if self._submitter is not None:
                # Before the tasks that a broken submission cancelled are told: what broke it off says more.
                self._submitter.check()
            if collection.closed or (not parts and collection.total is None):
                collection.know(self.status())
            yield parts
            if deadline is not None and time.monotonic() >= deadline and not collection.finished:
                known = collection.total if collection.total is not None else self.status().total
                raise ResultTimeoutError(
                    f"{collection.ended} of {known} tasks of session {self.id} had ended after {seconds:g} s; "
                    "the others go on"
                )
        if self._submitter is not None:
            self._submitter.wait()

    def _look(self, collection: Collection, deadline: float | None) -> Entries:
        wait = _WAIT
        if deadline is not None:
            wait = min(wait, max(0.0, deadline - time.monotonic()))
        return self._state.outcomes(self.id, collection.cursor, wait=timedelta(seconds=wait))

    def _packs(self, parts: list[Part]) -> dict[str, bytes]:
        """Return the bytes of each part's pack, by digest."""
        data = {part.pack.digest: part.pack.data for part in parts if part.pack.data is not None}
        keys = {part.pack.key: part.pack.digest for part in parts if part.pack.key is not None}
        found = self._payloads.get(keys) if keys else {}
        if missing := set(keys) - set(found):
            raise EncodingError(
                f"{len(missing)} packs of outcomes of session {self.id} are not in the payload store any more: "
                "was it emptied?"
            )
        return data | {keys[key]: blob for key, blob in found.items()}
