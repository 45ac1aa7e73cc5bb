"""``htcgrid status``: how far sessions are."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

import click

from htcgrid.cli.facts import json_option
from htcgrid.cli.leaving_out import leaving_out
from htcgrid.cli.listing import show
from htcgrid.cli.options import complete_sessions, config_option, required_config
from htcgrid.errors import UnreadableError
from htcgrid.interfaces import StateStore
from htcgrid.model import SessionId, SessionStatus


@click.command()
@click.argument("sessions", nargs=-1, shell_complete=complete_sessions)
@config_option
@json_option
def command(sessions: tuple[str, ...], config: Path | None, *, as_json: bool) -> None:
    """Show how far SESSIONS are; without any, the newest of the grid."""
    from htcgrid.connector.listing import SessionFilter, listed

    with leaving_out() as left_out, closing(required_config(config).open_state()) as state:
        if sessions:
            found: Iterable[SessionStatus] = _status(state, [SessionId(session) for session in sessions], left_out)
        else:
            found = islice(listed(state, SessionFilter(), left_out), 20)
        show(found, as_json=as_json)


def _status(
    state: StateStore, sessions: Sequence[SessionId], left_out: Callable[[UnreadableError], None]
) -> list[SessionStatus]:
    """Return how far sessions are; one by one when some cannot be read."""
    try:
        return state.status(sessions)
    except UnreadableError as error:
        if len(sessions) == 1:
            left_out(error)
            return []
    return [status for session in sessions for status in _status(state, [session], left_out)]
