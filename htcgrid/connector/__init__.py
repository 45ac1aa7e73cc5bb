"""The client library: submit tasks, watch them, collect their outcomes."""

from htcgrid.connector.executor import GridExecutor
from htcgrid.connector.grid import Grid
from htcgrid.connector.open_session import OpenSession
from htcgrid.connector.outcome import Outcome
from htcgrid.connector.session import SessionHandle
from htcgrid.connector.task import TaskHandle
from htcgrid.connector.watch import Watch

__all__ = ["Grid", "GridExecutor", "OpenSession", "Outcome", "SessionHandle", "TaskHandle", "Watch"]
