"""Structured logs: one event a line, as JSON for machines or for people to read."""

import logging
import sys
from typing import Any

import structlog

Log = Any


def open_log(style: str, *, agent: str, verbose: bool = False) -> Log:
    """Return a logger that writes to stderr; each line has the agent's id.

    ``style`` is ``json`` or ``console``; every single claim is logged only when ``verbose``.
    """
    renderer: Any = structlog.processors.JSONRenderer()
    if style == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    logger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
    )
    return logger.bind(agent=agent)
