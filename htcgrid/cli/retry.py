"""``htcgrid retry``: submit a session's failed tasks again."""

from pathlib import Path

import click

from htcgrid.cli.facts import json_option, print_facts
from htcgrid.cli.options import complete_sessions, config_option, required_config, to_session
from htcgrid.cli.say import say


@click.command()
@click.argument("session", shell_complete=complete_sessions, callback=to_session)
@click.option("--failed", is_flag=True, expose_value=False, help="Its failed tasks, as it does anyway.")
@click.option("--id", "session_id", help="The new session's id; one that follows from SESSION's when left out.")
@config_option
@json_option
def command(session: str, session_id: str | None, config: Path | None, *, as_json: bool) -> None:
    """Submit the failed tasks of SESSION, which has finished, as a session of their own, and print its id.

    It has the same handler and options, and its tasks are the failed ones in their order. Asking again is one
    submission. With --json, the object has the id as "session", SESSION as "origin" and the number of tasks as "total".
    """
    from htcgrid.connector import Grid

    with Grid.open(required_config(config).file) as grid:
        again = grid.retry(session, id=session_id)
        if as_json:
            print_facts({"session": again.id, "origin": again.origin, "total": again.accepted})
        else:
            say(again.id)
