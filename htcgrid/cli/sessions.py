"""``htcgrid sessions``: look for sessions."""

from contextlib import closing
from datetime import timedelta
from itertools import islice
from pathlib import Path

import click

from htcgrid.cli.facts import json_option
from htcgrid.cli.leaving_out import leaving_out
from htcgrid.cli.listing import show
from htcgrid.cli.options import config_option, required_config, to_duration, to_labels
from htcgrid.model import utcnow


@click.command()
@config_option
@click.option(
    "--label", "labels", multiple=True, callback=to_labels, help="NAME=VALUE that it must have; may be repeated."
)
@click.option("--handler", help="A pattern of handlers, as 'pricing:*'.")
@click.option("--finished/--unfinished", default=None, help="Only those of which every task has ended, or the others.")
@click.option("--since", callback=to_duration, help="Only those made in this time up to now, as 30m, 2h or 7d.")
@click.option("--limit", type=click.IntRange(1, 10**9), default=20, show_default=True, help="Most sessions to show.")
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
    from htcgrid.connector.listing import SessionFilter, listed, since_of

    wanted = SessionFilter(labels=labels, handler=handler, finished=finished, since=since_of(since, utcnow()))
    with leaving_out() as left_out, closing(required_config(config).open_state()) as state:
        show(islice(listed(state, wanted, left_out), limit), as_json=as_json)
