"""The values of a session's tasks, in their order."""

from typing import Any

from htcgrid.connector.collection import Collection
from htcgrid.connector.outcome import Outcome
from htcgrid.errors import TaskCancelledError
from htcgrid.model import SessionId


class Values:
    """Takes outcomes as they come; raises the first error, or keeps errors in the places of their tasks."""

    def __init__(self, *, return_exceptions: bool) -> None:
        self._return_exceptions = return_exceptions
        #: By task, those that have been taken in.
        self.by_task: dict[int, Any] = {}

    def take(self, outcome: Outcome) -> None:
        """Take in how a task ended.

        Raises:
            TaskError: it has no value, and errors are to be raised.
            EncodingError: its value cannot be read here, and errors are to be raised.
        """
        error = outcome.exception()
        if error is not None and not self._return_exceptions:
            raise error
        self.by_task[outcome.index] = outcome.value if error is None else error

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
