"""``htcgrid cancel``: cancel sessions."""

from contextlib import closing
from pathlib import Path

import click

from htcgrid.cli.facts import json_option, print_facts
from htcgrid.cli.options import complete_sessions, config_option, required_config
from htcgrid.cli.say import say, say_error
from htcgrid.errors import SessionNotFoundError
from htcgrid.findings.phrasing import counted
from htcgrid.model import CancelCounts, SessionId


@click.command()
@click.argument("sessions", nargs=-1, shell_complete=complete_sessions, required=True)
@config_option
@json_option
def command(sessions: tuple[str, ...], config: Path | None, *, as_json: bool) -> int:
    """Cancel SESSIONS: tasks without an outcome are not run any more; those that ended keep their outcome.

    Exits with 2 when one of them does not exist; the others are cancelled.
    """
    status = 0
    with closing(required_config(config).open_state()) as state:
        for session in sessions:
            try:
                (counts,) = state.cancel([SessionId(session)])
            except SessionNotFoundError as error:
                say_error(error)
                status = 2
                continue
            _show(counts, as_json=as_json)
    return status


def _show(counts: CancelCounts, *, as_json: bool) -> None:
    if as_json:
        names = ("session", "cancelled", "succeeded", "failed")
        print_facts({name: getattr(counts, name) for name in names})
        return
    say(
        f"{counts.session}: {counted(counts.cancelled, 'task')} cancelled, "
        f"{counts.succeeded:,} had succeeded, {counts.failed:,} had failed"
    )
