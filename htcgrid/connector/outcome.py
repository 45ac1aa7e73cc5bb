"""How one task ended, as its client sees it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from htcgrid.connector.remote_traceback import RemoteTraceback
from htcgrid.errors import EncodingError, TaskCancelledError, TaskError, TaskFailedError
from htcgrid.model import Failure, Printed, SessionId, TaskState
from htcgrid.model.error_text import said
from htcgrid.model.table import table
from htcgrid.plain_text import plain


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """The end of one task, exactly as it was recorded."""

    #: The task's position in its session, from 0.
    index: int
    #: How it ended: SUCCEEDED, FAILED or CANCELLED.
    state: TaskState
    #: What the handler returned; None unless the task succeeded.
    value: Any
    #: Why it failed; None unless it did.
    error: Failure | None
    #: How often the handler was run.
    tries: int
    #: When the last try began: seconds since the epoch by the worker's clock.
    began: float
    #: How long it took: microseconds.
    microseconds: int
    #: Which worker ran it, as ``agent/number``.
    worker: str
    #: When the outcome was recorded; None for a task that a cancel ended.
    committed: datetime | None
    #: The session that it is a task of.
    session: SessionId
    #: What the handler printed; None when nothing was, or nothing is kept.
    printed: Printed | None = None
    #: The exception itself, pickled, of a task that failed with codec ``pickle``; None if it could not be carried.
    raised: bytes | None = None
    #: A digest of the handler's module as it ran, 12 hexadecimal digits of SHA-256; empty when the handler did not run.
    code: str = ""
    #: The bytes of a result that cannot be read here, as of a class that is not there: then the task has succeeded on
    #: the grid, and FAILED is what this reader is told, with an ``EncodingError`` in ``error``.
    unread: bytes | None = None

    def _repr_html_(self) -> str:
        rows = {
            "state": self.state,
            "value": _shown(self.value) if self.succeeded else None,
            "error": f"{self.error.type}: {self.error.message}" if self.error else None,
            "tries": self.tries,
            "seconds": self.microseconds / 1e6,
            "worker": self.worker,
            "stdout": self.stdout,
            "stderr": self.stderr,
        }
        return table(f"task {self.index} of session {self.session}", rows)

    @property
    def succeeded(self) -> bool:
        """Whether the task ended with a value."""
        return self.state is TaskState.SUCCEEDED

    @property
    def started(self) -> datetime:
        """When the last try began, by the worker's clock."""
        return datetime.fromtimestamp(self.began, UTC)

    @property
    def duration(self) -> timedelta:
        """How long the last try took."""
        return timedelta(microseconds=self.microseconds)

    @property
    def stdout(self) -> str:
        """The end of what the handler printed, if the session keeps it."""
        return self.printed.stdout if self.printed else ""

    @property
    def stderr(self) -> str:
        """The end of what it wrote to stderr; for a worker that died, of all that the worker printed."""
        return self.printed.stderr if self.printed else ""

    def exception(self) -> TaskError | EncodingError | None:
        """Return the error that stands for this outcome, or None for one that succeeded."""
        if self.state is TaskState.SUCCEEDED:
            return None
        if self.unread is not None and self.error is not None:
            return _unread(self.error)
        name = f"task {self.index} of session {self.session}"
        if self.state is TaskState.CANCELLED:
            return TaskCancelledError(f"{name} was cancelled before it ended")
        error = self.error or Failure(type="Unknown", message="no reason was recorded")
        tries = "try" if self.tries == 1 else "tries"
        # On one line, whatever the handler said; the traceback has it as it was.
        text = plain(f"{name} failed after {self.tries} {tries}: {error.type}: {error.message}")
        return TaskFailedError(f"{text}\n{error.traceback}" if error.traceback else text)

    def result(self) -> Any:
        """Return the value.

        Raises:
            TaskFailedError: the task failed.
            TaskCancelledError: it was cancelled.
            EncodingError: its result cannot be read here.
        """
        if error := self.exception():
            raise error
        return self.value


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - the user's class
        return f"(it cannot be shown: {said(error)})"


def _unread(failure: Failure) -> EncodingError:
    error = EncodingError(failure.message)
    if failure.traceback:
        error.__cause__ = RemoteTraceback(failure.traceback)
    return error
