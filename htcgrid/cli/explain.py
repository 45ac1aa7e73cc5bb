"""``htcgrid explain``: why a session or a task has not ended."""

from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import click

from htcgrid.cli.facts import json_option, print_facts
from htcgrid.cli.options import complete_sessions, config_option, required_config, to_session
from htcgrid.cli.say import say
from htcgrid.model import SessionId


@click.command()
@click.argument("session", shell_complete=complete_sessions, callback=to_session)
@click.argument("index", type=click.IntRange(0), required=False)
@config_option
@json_option
def command(session: str, index: int | None, config: Path | None, *, as_json: bool) -> None:
    """Say why SESSION has not ended, or its task INDEX: what it waits for, who holds it, and what went wrong.

    It looks once, at the store and at what agents last reported, which is a heartbeat old at most. That takes 40
    requests at most; for a task that has ended, also 1 per 100 entries of the session's log. With --json, each finding
    is an object with the session, a "finding" in one word, and the "message" and "advice" for people.
    """
    from htcgrid.cli.outcomes import outcome_of, reader_of
    from htcgrid.findings.phrasing import shortened
    from htcgrid.findings.session import findings
    from htcgrid.findings.sight import look

    grid = required_config(config)
    with ExitStack() as stack:
        state = stack.enter_context(closing(grid.open_state()))
        payloads = stack.enter_context(closing(grid.open_payloads()))
        lease = timedelta(seconds=grid.agent.lease)
        sight = look(
            state,
            payloads,
            SessionId(session),
            index,
            lease=lease,
            outcome_of=lambda of, number: outcome_of(reader_of(of, state, payloads), number),
        )
    asked: dict[str, object] = {"session": session} | ({} if index is None else {"index": index})
    if not as_json:
        of = sight.status.session
        say(f"{of.id}: {of.handler} on pool {of.pool}, made {of.created:%Y-%m-%d %H:%M:%S} UTC")
    for found in findings(sight):
        if as_json:
            print_facts(asked | {"finding": found.kind, "message": found.message, "advice": found.advice or None})
            continue
        say(f"- {shortened(found.message)}")
        if found.advice:
            say(f"  {found.advice}")
