"""htcgrid: a pluggable grid for huge numbers of short tasks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from htcgrid.connector import Grid, GridExecutor, OpenSession, Outcome, SessionHandle, TaskHandle, Watch
    from htcgrid.errors import TaskError
    from htcgrid.model import RetryPolicy, SessionStatus, TaskState
    from htcgrid.model.offered import handler

__version__ = "0.1.0.dev0"
__all__ = [
    "Grid",
    "GridExecutor",
    "OpenSession",
    "Outcome",
    "RetryPolicy",
    "SessionHandle",
    "SessionStatus",
    "TaskError",
    "TaskHandle",
    "TaskState",
    "Watch",
    "handler",
]

_HOMES = {
    "Grid": "htcgrid.connector",
    "GridExecutor": "htcgrid.connector",
    "OpenSession": "htcgrid.connector",
    "Outcome": "htcgrid.connector",
    "SessionHandle": "htcgrid.connector",
    "TaskHandle": "htcgrid.connector",
    "Watch": "htcgrid.connector",
    "TaskError": "htcgrid.errors",
    "RetryPolicy": "htcgrid.model",
    "SessionStatus": "htcgrid.model",
    "TaskState": "htcgrid.model",
    "handler": "htcgrid.model.offered",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use, so that a worker process does not pay for the connector."""
    if name in _HOMES:
        try:
            return getattr(import_module(_HOMES[name]), name)
        except KeyboardInterrupt as interrupt:
            # Where in our modules somebody has pressed Ctrl-C says nothing; see htcgrid.connector.interrupts.
            interrupt.__traceback__ = None
            raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
