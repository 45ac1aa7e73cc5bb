"""The logger that handlers are given."""

import logging
import sys
from typing import TYPE_CHECKING

from htcgrid_agent.runtimes.python.logging_settings import TASK_LOGGER

if TYPE_CHECKING:
    from htcgrid_agent.runtimes.python.context import Context


def task_logger(context: "Context") -> logging.Logger:
    """Return a logger whose lines name the task that runs, on stderr, where they are kept as all that tasks print.

    It is set up anew: what another session's tasks have made of it is gone.
    """
    logger = logging.getLogger(TASK_LOGGER)
    logger.setLevel(logging.INFO)
    # A handler's own logging is its own affair.
    logger.propagate = logger.disabled = False
    logger.handlers, logger.filters = [_Stderr(context)], []
    return logger


class _Stderr(logging.Handler):
    """Writes to what stderr is at that time."""

    def __init__(self, context: "Context") -> None:
        super().__init__()
        self._context = context
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(task)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        context = self._context
        record.task = f"{context.session_id}/{context.index} try {context.try_number}:"
        try:
            sys.stderr.write(f"{self.format(record)}\n")
        except Exception:  # noqa: BLE001 - as all handlers of the standard library do
            self.handleError(record)
