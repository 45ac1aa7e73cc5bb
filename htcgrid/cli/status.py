"""``htcgrid status``: how far sessions are."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import click

from htcgrid.cli.facts import json_option
from htcgrid.cli.listing import show
from htcgrid.cli.options import complete_sessions, config_option, required_config
from htcgrid.model import SessionId, SessionStatus


@click.command()
@click.argument("sessions", nargs=-1, shell_complete=complete_sessions)
@config_option
@json_option
def command(sessions: tuple[str, ...], config: Path | None, *, as_json: bool) -> None:
    """Show how far SESSIONS are; without any, the newest of the grid."""
    from htcgrid.connector.listing import SessionFilter, listed

    state = required_config(config).open_state()
    try:
        if sessions:
            found: Sequence[SessionStatus] = state.status([SessionId(session) for session in sessions])
        else:
            found = list(islice(listed(state, SessionFilter()), 20))
    finally:
        state.close()
    show(found, as_json=as_json)
