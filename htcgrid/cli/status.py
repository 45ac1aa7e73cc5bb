"""``htcgrid status``: how far sessions are."""

from pathlib import Path

import click

from htcgrid.cli.options import config_option, required_config
from htcgrid.interfaces import BEGINNING
from htcgrid.model import SessionId, SessionStatus

_WIDE = 10_000


@click.command()
@click.argument("sessions", nargs=-1)
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(sessions: tuple[str, ...], config: Path | None, *, as_json: bool) -> None:
    """Show how far SESSIONS are; without any, the newest of the grid."""
    state = required_config(config).open_state()
    try:
        if sessions:
            found = state.status([SessionId(session) for session in sessions])
        else:
            found = state.sessions(BEGINNING, limit=20).sessions
    finally:
        state.close()
    if as_json:
        for status in found:
            click.echo(_json(status))
    else:
        _table(found)


def _json(status: SessionStatus) -> bytes:
    import msgspec

    return msgspec.json.encode(
        {
            "session": status.session.id,
            "handler": status.session.handler,
            "state": status.state,
            "finished": status.finished,
            "total": status.total,
            "pending": status.pending,
            "running": status.running,
            "succeeded": status.succeeded,
            "failed": status.failed,
            "cancelled": status.cancelled,
        }
    )


def _table(found: list[SessionStatus]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("session", "handler", "state"):
        table.add_column(name, overflow="fold", no_wrap=name != "handler")
    counts = ("total", "pending", "running", "succeeded", "failed", "cancelled")
    for name in counts:
        table.add_column(name, justify="right", no_wrap=True)
    for status in found:
        state = "FINISHED" if status.finished and not status.cancelled else str(status.state)
        handler = status.session.handler.rpartition("/")[2]
        table.add_row(status.session.id, handler, state, *(f"{getattr(status, name):,}" for name in counts))
    console = Console()
    if not console.is_terminal:
        # A pipe has no width: nothing is cut for it.
        console.width = _WIDE
    console.print(table)
