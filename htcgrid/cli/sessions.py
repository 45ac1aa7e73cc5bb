"""``htcgrid sessions``: look for sessions."""

from datetime import timedelta
from itertools import islice
from pathlib import Path

import click

from htcgrid.cli.facts import json_option
from htcgrid.cli.listing import show
from htcgrid.cli.options import config_option, required_config, to_duration, to_labels


@click.command()
@config_option
@click.option(
    "--label", "labels", multiple=True, callback=to_labels, help="NAME=VALUE that it must have; may be repeated."
)
@click.option("--handler", help="A pattern of handlers, as 'pricing:*'.")
@click.option("--finished/--unfinished", default=None, help="Only those of which every task has ended, or the others.")
@click.option("--since", callback=to_duration, help="Only those made in this time up to now, as 30m, 2h or 7d.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Most sessions to show.")
@json_option
def command(
    config: Path | None,
    labels: dict[str, str],
    handler: str | None,
    since: timedelta | None,
    limit: int,
    *,
    finished: bool | None,
    as_json: bool,
) -> None:
    """List the grid's sessions, newest first, whoever submitted them."""
    from htcgrid.connector import Grid

    with Grid.open(required_config(config).file) as grid:
        found = grid.sessions(labels=labels, handler=handler, finished=finished, since=since)
        show(islice(found, limit), as_json=as_json)
