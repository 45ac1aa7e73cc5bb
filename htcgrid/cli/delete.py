"""``htcgrid delete``: delete sessions."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from htcgrid.cli.facts import json_option, print_facts
from htcgrid.cli.options import complete_sessions, config_option, required_config
from htcgrid.cli.say import say, say_error
from htcgrid.errors import ConfigError, SessionNotFoundError

if TYPE_CHECKING:
    from htcgrid.connector import SessionHandle


@click.command()
@click.argument("sessions", nargs=-1, shell_complete=complete_sessions, required=True)
@config_option
@click.option("--force", is_flag=True, help="Also sessions with tasks that have not ended, which are not run any more.")
@json_option
def command(sessions: tuple[str, ...], config: Path | None, *, force: bool, as_json: bool) -> int:
    """Delete SESSIONS with their payloads and outcomes; their ids cannot be used again.

    Exits with 2 when one of them does not exist or has not finished; the others are deleted.
    """
    from htcgrid.connector import Grid

    status = 0
    with Grid.open(required_config(config).file) as grid:
        for session in sessions:
            try:
                _delete(grid.session(session), force=force)
            except (SessionNotFoundError, ConfigError) as error:
                say_error(error)
                status = 2
                continue
            if as_json:
                print_facts({"session": session, "deleted": True})
            else:
                say(f"{session}: deleted")
    return status


def _delete(session: "SessionHandle", *, force: bool) -> None:
    found = session.status()
    if not found.finished and not force:
        left = found.total - found.ended
        raise ConfigError(
            f"session {session.id} has not finished: {left:,} tasks have not ended; cancel it first, or use --force"
        )
    session.delete()
