"""Sessions as a table for people, or as JSON for programs."""

from collections.abc import Iterable

import click

from htcgrid.cli.facts import print_facts
from htcgrid.model import SessionState, SessionStatus

_COUNTS = ("total", "pending", "running", "succeeded", "failed", "cancelled")


def show(found: Iterable[SessionStatus], *, as_json: bool) -> None:
    """Print sessions: a table, or one JSON object a line."""
    if as_json:
        for status in found:
            print_facts(facts_of(status))
    else:
        _table(found)


def state_of(status: SessionStatus) -> str:
    """Return the state in a word: OPEN, SEALED, FINISHED, which is sealed with no task left to end, or CANCELLED."""
    return "FINISHED" if status.finished and status.state is SessionState.SEALED else str(status.state)


def facts_of(status: SessionStatus) -> dict[str, object]:
    """Return what there is to say about a session."""
    session = status.session
    facts = {"session": session.id, "handler": session.handler, "labels": session.labels, "created": session.created}
    counts = {name: getattr(status, name) for name in _COUNTS}
    return facts | {"state": state_of(status), "finished": status.finished} | counts


def _handler(status: SessionStatus) -> str:
    from htcgrid.cli.console import plain

    return plain(status.session.handler.rpartition("/")[2])


def _table(found: Iterable[SessionStatus]) -> None:
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    from htcgrid.cli.console import Screen

    table = Table(box=None, header_style="bold")
    for name in ("session", "handler", "state"):
        table.add_column(name, overflow="fold", no_wrap=name != "handler")
    for name in _COUNTS:
        table.add_column(name, justify="right", no_wrap=True)
    listed = list(found)
    for status in listed:
        # As text: a file's name may hold what rich takes for its own markup.
        handler = Text(_handler(status))
        table.add_row(status.session.id, handler, state_of(status), *(f"{getattr(status, name):,}" for name in _COUNTS))
    screen = Screen()
    if Measurement.get(screen, screen.options.update(max_width=1000), table).minimum <= screen.width:
        screen.print(table)
        return
    for status in listed:
        counts = ", ".join(f"{getattr(status, name):,} {name}" for name in _COUNTS)
        click.echo(f"{status.session.id}  {state_of(status)}\n  {_handler(status)}\n  {counts}")
