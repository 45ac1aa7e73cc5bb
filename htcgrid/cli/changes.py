"""Sessions that are watched, told line by line to whoever has no terminal."""

import time
from collections.abc import Callable, Sequence

import click

from htcgrid.cli.facts import encoded_facts
from htcgrid.cli.listing import facts_of, state_of
from htcgrid.cli.watched import Glance
from htcgrid.findings.failed import FailedTask
from htcgrid.model import SessionId, SessionStatus
from htcgrid.plain_text import plain

#: At most one line of a session in this time: seconds.
_PAUSE = 1.0
_MESSAGE = 200


class Changes:
    """Prints a line for each session that has changed since its last line, not more often than a reader can follow."""

    def __init__(
        self,
        line: Callable[[Glance, Sequence[FailedTask]], str | bytes],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._line = line
        self._clock = clock
        self._printed: float | None = None
        self._known: dict[SessionId, SessionStatus] = {}
        self._told: dict[SessionId, tuple[FailedTask, ...]] = {}

    def show(self, glances: Sequence[Glance], last: bool) -> None:
        """Print what has changed, unless that comes too soon; what is kept back comes later, or with the ``last``."""
        now = self._clock()
        if not last and self._printed is not None and now - self._printed < _PAUSE:
            return
        for glance in glances:
            session = glance.status.session.id
            if self._known.get(session) == glance.status:
                continue
            self._known[session] = glance.status
            self._printed = now
            told = self._told.get(session, ())
            self._told[session] = glance.failures
            click.echo(self._line(glance, [task for task in glance.failures if task not in told]))


def as_facts(glance: Glance, failures: Sequence[FailedTask]) -> bytes:
    """Return a session as ``htcgrid status --json`` does, with its speed and its newest failures since the last."""
    speed = None if glance.speed is None else round(glance.speed, 1)
    return encoded_facts(facts_of(glance.status) | {"speed": speed, "failures": list(failures)})


def as_line(glance: Glance, failures: Sequence[FailedTask]) -> str:
    """Return a session in a line, with its newest failure since the last one."""
    status = glance.status
    words = [f"{status.ended:,} of {status.total:,} tasks ended", f"{status.running:,} running"]
    words += [f"{status.failed:,} failed"] if status.failed else []
    words += [f"{status.cancelled:,} cancelled"] if status.cancelled else []
    words += [speed_of(glance)] if glance.speed is not None else []
    line = plain(f"{status.session.id}  {state_of(status)}  {', '.join(words)}")
    return f"{line}; {reason_of(failures[0])}" if failures else line


def speed_of(glance: Glance) -> str:
    """Return the speed for people."""
    speed = glance.speed or 0.0
    return f"{speed:,.0f} tasks/s" if speed >= 10 else f"{speed:.1f} tasks/s"


def reason_of(task: FailedTask) -> str:
    """Return on one line why a task failed."""
    return plain(f"task {task.index} failed: {task.type}: {task.message}")[:_MESSAGE]
