"""The values of a session's tasks, in their order."""

from collections.abc import Iterable
from typing import Any

from htcgrid.connector.collection import Collection
from htcgrid.connector.outcome import Outcome
from htcgrid.errors import TaskCancelledError
from htcgrid.model import SessionId, TaskState


class Values:
    """Takes outcomes as they come; raises the first error, or keeps errors in the places of their tasks."""

    def __init__(self, *, return_exceptions: bool) -> None:
        self._return_exceptions = return_exceptions
        #: By task, those that have been taken in.
        self.by_task: dict[int, Any] = {}

    def take(self, outcomes: Iterable[Outcome]) -> None:
        """Take in how tasks ended, one after the other.

        Raises:
            TaskError: one has no value, and errors are to be raised.
            EncodingError: a value cannot be read here, and errors are to be raised.
        """
        by_task, succeeded = self.by_task, TaskState.SUCCEEDED
        for outcome in outcomes:
            if outcome.state is succeeded:
                by_task[outcome.index] = outcome.value
                continue
            error = outcome.exception()
            if error is not None and not self._return_exceptions:
                raise error
            by_task[outcome.index] = error

    def in_order(self, session: SessionId, collection: Collection) -> list[Any]:
        """Return the values, once all are there.

        Raises:
            TaskCancelledError: more tasks may have been meant, and errors are to be raised.
        """
        if collection.was_cancelled and not collection.cancelled and not self._return_exceptions:
            raise TaskCancelledError(
                f"session {session} was cancelled before it was sealed: it has {len(self.by_task)} tasks, which have "
                "ended, and more may have been meant; outcomes() yields theirs"
            )
        return [self.by_task[index] for index in range(len(self.by_task))]
