"""Every error that htcgrid raises, as one tree: the type says whether to try again.

HtcGridError
├── ConfigError                 grid.toml or an argument is wrong: change it
├── ConflictError               the id is taken by other content, or the session takes no more
├── SessionNotFoundError        no session of that id: check the id and the grid
├── AgentNotFoundError          the compute backend has started no agent of that id
├── EncodingError               a payload or a result cannot be carried: change the data
├── UnreadableError             bytes of a store, a queue or a file are damaged, or another version's: see to them
├── PayloadLostError            data that was stored is there no more: put it again
├── ProviderError               a service answered with an error: look at the cause
│   ├── AgentNotStartedError    an embedded grid's agents end before they are ready: see to what the last one said
│   ├── ProviderNotFoundError   no such provider, or its SDK is not installed
│   └── ProviderUnavailableError    the service cannot be reached now: try again
│       └── ThrottledError      the service was asked too fast: try again, slower
└── TaskError                   a task did not end with a value
    ├── TaskFailedError         the handler raised, timed out or took its worker along
    ├── TaskCancelledError      the session was cancelled before the task ended
    └── ResultTimeoutError      the caller's time was up before the task ended
"""

from typing import Any, Self

from htcgrid.plain_text import plain_lines


class HtcGridError(Exception):
    """The root of all errors of this project.

    Its text is fit to be shown, also by Python itself when nobody catches the error: nothing in it is left that a
    terminal would obey, whatever a task, a store or another user said. ``args`` has that as it was.
    """

    def __str__(self) -> str:
        return "\n".join(plain_lines(super().__str__()))


class ConfigError(HtcGridError):
    """The configuration or an argument is wrong; trying again without a change will not help."""


class ConflictError(HtcGridError):
    """The store holds other content under this id, or the session takes no more tasks."""


class SessionNotFoundError(HtcGridError):
    """The grid knows no session of this id."""


class AgentNotFoundError(HtcGridError):
    """The compute backend knows no agent of this id: it did not start it, or has forgotten it."""


class EncodingError(HtcGridError):
    """A payload or a result cannot be encoded, decoded or carried."""


class UnreadableError(HtcGridError):
    """Bytes that a store, a queue, a process or a file has are none that this version of htcgrid writes."""

    def __init__(self, what: str, where: str, why: str) -> None:
        super().__init__(f"{what}{f' {where}' if where else ''} cannot be read: {why}")
        #: What they were to be, as ``hint``.
        self.what = what
        #: The key, row or file that they are of.
        self.where = where
        #: What is wrong with them.
        self.why = why

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, str]]:
        return type(self), (self.what, self.where, self.why)


class PayloadLostError(HtcGridError):
    """Data that was stored is not there any more, or was altered; trying again will not help."""


class ProviderError(HtcGridError):
    """A service answered with an error; the cause says which."""


class AgentNotStartedError(ProviderError):
    """The agents of an embedded grid end before they are ready, time after time, so no task of it runs.

    The message has the last lines of the last one. More are started, ever more slowly; what waits after one has become
    ready does not get this error.
    """


class ProviderNotFoundError(ProviderError):
    """No provider of this name is installed, or its SDK is missing."""


class ProviderUnavailableError(ProviderError):
    """The service cannot be reached now; the same call may succeed later."""


class ThrottledError(ProviderUnavailableError):
    """The service was asked too fast; the same call may succeed when repeated more slowly."""


class TaskError(HtcGridError):
    """A task did not end with a value."""

    #: Whether a handler that raises this fails its task at once, however many tries are left.
    final = False

    @classmethod
    def no_retry(cls, message: str) -> Self:
        """Return an error for a handler to raise when another try would end the same way.

        Used as ``raise TaskError.no_retry("the trade has no maturity")``, also with ``from``.
        """
        error = cls(message)
        error.final = True
        return error


class TaskFailedError(TaskError):
    """The handler raised, timed out or took its worker along, and no try was left."""


class TaskCancelledError(TaskError):
    """The session was cancelled before the task ended."""


class ResultTimeoutError(TaskError, TimeoutError):
    """The caller's time was up before all tasks had ended; they go on."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        #: What :meth:`SessionHandle.results` had by then, by task.
        self.results: dict[int, Any] = {}
