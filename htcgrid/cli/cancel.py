"""``htcgrid cancel``: cancel sessions."""

from pathlib import Path

import click

from htcgrid.cli.options import config_option, required_config
from htcgrid.model import SessionId


@click.command()
@click.argument("sessions", nargs=-1, required=True)
@config_option
def command(sessions: tuple[str, ...], config: Path | None) -> None:
    """Cancel SESSIONS: tasks without an outcome are not run any more; those that ended keep their outcome."""
    state = required_config(config).open_state()
    try:
        for counts in state.cancel([SessionId(session) for session in sessions]):
            click.echo(
                f"{counts.session}: {counts.cancelled:,} tasks cancelled, "
                f"{counts.succeeded:,} had succeeded, {counts.failed:,} had failed"
            )
    finally:
        state.close()
