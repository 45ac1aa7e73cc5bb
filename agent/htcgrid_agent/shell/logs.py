"""Structured logs: one event a line, as JSON for machines or for people to read."""

import json
import logging
import os
import sys
import threading
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO, Any, TextIO, cast

from htcgrid.plain_text import plain, plain_lines
from htcgrid.secrets import Secrets

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


class JsonLog:
    """A log for machines: each event is one line of JSON, with its facts."""

    def __init__(self, file: StandardError, secrets: Secrets, *, verbose: bool, **bound: object) -> None:
        self._file = file
        self._secrets = secrets
        self._verbose = verbose
        self._bound = bound
        self._lock = threading.Lock()

    def debug(self, event: str, **facts: object) -> None:
        """Log what is of interest for each claim."""
        if self._verbose:
            self._write("debug", event, facts)

    def info(self, event: str, **facts: object) -> None:
        """Log what happened."""
        self._write("info", event, facts)

    def warning(self, event: str, **facts: object) -> None:
        """Log what somebody may have to see to."""
        self._write("warning", event, facts)

    def _write(self, level: str, event: str, facts: dict[str, object]) -> None:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        told = self._secrets.of({"event": event} | facts)
        line = json.dumps(self._bound | told | {"level": level, "timestamp": now}, default=self._repr)
        with self._lock:
            # JSON need not escape it, and all else beyond ASCII is escaped.
            self._file.write(line.replace("\x7f", "\\u007f") + "\n")
            self._file.flush()

    def _repr(self, value: object) -> str:
        return self._secrets.hidden(repr(value))


def open_log(style: str, *, agent: str, verbose: bool = False, secrets: Secrets | None = None) -> Log:
    """Return a logger that writes to stderr; each line has the agent's id, and none of the ``secrets``.

    ``style`` is ``json`` or ``console``; every single claim is logged only when ``verbose``.
    """
    secrets = Secrets({}) if secrets is None else secrets
    if style == "console":
        return _console_log(secrets, verbose=verbose).bind(agent=agent)
    return JsonLog(StandardError(), secrets, verbose=verbose, agent=agent)


def _plainly(_logger: object, _level: str, facts: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make all facts fit to be shown in a terminal; a traceback keeps its lines."""
    for name, value in facts.items():
        if name == "exception":
            facts[name] = "\n".join(plain_lines(str(value)))
        elif isinstance(value, str):
            # All else is shown by its repr, in which text is plain.
            facts[name] = plain(value)
    return facts


def _console_log(secrets: Secrets, *, verbose: bool) -> Log:
    """Return a logger for people. Imported here: it takes longer than all else that an agent begins with."""
    import structlog  # noqa: PLC0415

    renderer: Any = structlog.dev.ConsoleRenderer(
        colors=sys.stderr is not None and sys.stderr.isatty(),
        pad_event_to=0,
        # As they were said: what matters first.
        sort_keys=False,
    )
    return structlog.wrap_logger(
        structlog.PrintLogger(cast("TextIO", StandardError())),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            lambda _logger, _method, told: secrets.of(told),
            _plainly,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
    )
