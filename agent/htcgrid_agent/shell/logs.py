"""Structured logs: one event a line, as JSON for machines or for people to read."""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, TextIO, cast

import structlog

Log = Any


class StandardError:
    """Standard error as a log's file: lines that it does not take are dropped, for no log is worth an agent."""

    def write(self, text: str) -> int:
        """Write text, if that is possible now."""
        self._do(lambda file: file.write(text))
        return len(text)

    def flush(self) -> None:
        """Hand on what was written, if that is possible now."""
        self._do(lambda file: file.flush())

    def _do(self, action: Callable[[IO[str]], object]) -> None:
        # Python has none when the process was started with it closed.
        if sys.stderr is None:
            return
        try:
            action(sys.stderr)
        except BrokenPipeError:
            # Whoever read it is gone for good. What is still to be written goes nowhere, also at the end.
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
        except (OSError, ValueError):
            # The disk is full, or somebody closed it.
            return


def open_log(style: str, *, agent: str, verbose: bool = False) -> Log:
    """Return a logger that writes to stderr; each line has the agent's id.

    ``style`` is ``json`` or ``console``; every single claim is logged only when ``verbose``.
    """
    renderer: Any = structlog.processors.JSONRenderer()
    if style == "console":
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr is not None and sys.stderr.isatty(),
            pad_event_to=0,
            # As they were said: what matters first.
            sort_keys=False,
        )
    logger = structlog.wrap_logger(
        structlog.PrintLogger(cast("TextIO", StandardError())),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
    )
    return logger.bind(agent=agent)
