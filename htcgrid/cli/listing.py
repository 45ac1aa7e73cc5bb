"""Sessions as a table for people, or as JSON for programs."""

from collections.abc import Iterable

import click

from htcgrid.model import SessionStatus

_WIDE = 10_000
_COUNTS = ("total", "pending", "running", "succeeded", "failed", "cancelled")


def show(found: Iterable[SessionStatus], *, as_json: bool) -> None:
    """Print sessions: a table, or one JSON object a line."""
    if as_json:
        for status in found:
            click.echo(_json(status))
    else:
        _table(found)


def _json(status: SessionStatus) -> bytes:
    import msgspec

    session = status.session
    facts = {"session": session.id, "handler": session.handler, "labels": session.labels, "created": session.created}
    counts = {name: getattr(status, name) for name in _COUNTS}
    return msgspec.json.encode(facts | {"state": status.state, "finished": status.finished} | counts)


def _table(found: Iterable[SessionStatus]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("session", "handler", "state"):
        table.add_column(name, overflow="fold", no_wrap=name != "handler")
    for name in _COUNTS:
        table.add_column(name, justify="right", no_wrap=True)
    for status in found:
        state = "FINISHED" if status.finished and not status.cancelled else str(status.state)
        handler = status.session.handler.rpartition("/")[2]
        table.add_row(status.session.id, handler, state, *(f"{getattr(status, name):,}" for name in _COUNTS))
    console = Console()
    if not console.is_terminal:
        # A pipe has no width: nothing is cut for it.
        console.width = _WIDE
    console.print(table)
