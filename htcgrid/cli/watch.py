"""``htcgrid watch``: look at sessions until they have ended."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from htcgrid.cli.exits import Exit
from htcgrid.cli.facts import json_option
from htcgrid.cli.options import complete_sessions, config_option, required_config
from htcgrid.errors import ResultTimeoutError
from htcgrid.model import SessionId
from htcgrid.pause import pause as pause_for

if TYPE_CHECKING:
    from htcgrid.cli.stalled import Stalled
    from htcgrid.cli.watched import Glance, Watched

    #: Shows what was seen; ``last`` when nothing will be shown after it.
    Show = Callable[[Sequence[Glance], bool], object]

#: The first pause between two looks, for sessions that end at once, and the longest: seconds.
_FIRST = 0.1
_PAUSE = 1.0


@click.command()
@click.argument("sessions", nargs=-1, shell_complete=complete_sessions, required=True)
@config_option
@json_option
@click.option("--timeout", type=float, help="Seconds to watch at most; for ever when left out.")
def command(sessions: tuple[str, ...], config: Path | None, timeout: float | None, *, as_json: bool) -> int:
    """Watch SESSIONS until every task of them has ended: counts, speed and the newest failures.

    In a terminal it is a live view. Elsewhere it is a line for each session that changed, at most one a second, and
    with --json an object. When nothing of a session goes on, a line on stderr says why. Ctrl-C ends the watching and
    leaves the sessions alone. Exits with 1 when a task failed or was cancelled.
    """
    from htcgrid.cli.stalled import Stalled
    from htcgrid.cli.watched import Watched
    from htcgrid.connector.duration import seconds_of

    limit = seconds_of(timeout)
    grid = required_config(config)
    with ExitStack() as stack:
        state = stack.enter_context(closing(grid.open_state()))
        payloads = stack.enter_context(closing(grid.open_payloads()))
        watched = Watched(state, payloads, map(SessionId, sessions))
        watched.look()
        stalled = Stalled(state, lease=timedelta(seconds=grid.agent.lease))
        last = _follow(watched, stalled, stack.enter_context(_shown(as_json=as_json)), limit)
    ended_well = all(glance.status.succeeded == glance.status.total for glance in last)
    return Exit.DONE if ended_well else Exit.TASKS_FAILED


def _follow(watched: "Watched", stalled: "Stalled", show: "Show", limit: float | None) -> "list[Glance]":
    deadline = None if limit is None else time.monotonic() + limit
    pause = _FIRST
    looked = time.monotonic()
    while True:
        glances = watched.look()
        before, looked = looked, time.monotonic()
        late = deadline is not None and time.monotonic() >= deadline
        show(glances, late or watched.finished)
        if watched.finished:
            return glances
        stalled.look(glances, looked - before)
        if late:
            raise _time_out(glances, limit, stalled)
        pause_for(pause if deadline is None else max(0.0, min(pause, deadline - time.monotonic())))
        pause = min(pause * 1.5, _PAUSE)


def _time_out(glances: "Sequence[Glance]", limit: float | None, stalled: "Stalled") -> ResultTimeoutError:
    statuses = [glance.status for glance in glances]
    ended, total = sum(status.ended for status in statuses), sum(status.total for status in statuses)
    names = "session" if len(statuses) == 1 else "sessions"
    return ResultTimeoutError(
        f"{ended} of {total} tasks of {names} {', '.join(status.session.id for status in statuses)} had ended after "
        f"{limit:g} s; the others go on{stalled.why(limit or 0.0)}"
    )


@contextmanager
def _shown(*, as_json: bool) -> "Iterator[Show]":
    """What shows glances until the block ends."""
    from htcgrid.cli.changes import Changes, as_facts, as_line

    if as_json:
        yield Changes(as_facts).show
        return
    from htcgrid.cli.console import Screen

    screen = Screen()
    if not screen.is_terminal or screen.is_dumb_terminal:
        yield Changes(as_line).show
        return
    from htcgrid.cli.live import live_view

    with live_view(screen) as show:
        yield show
