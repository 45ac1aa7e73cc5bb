"""``htcgrid logs``: what handlers printed, and what agents log."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from htcgrid.cli.facts import json_option, print_facts
from htcgrid.cli.options import complete_agents, complete_sessions, config_option, required_config, to_session
from htcgrid.cli.say import say
from htcgrid.config import Config
from htcgrid.model import AgentId, KeepOutput, SessionId, SessionStatus

if TYPE_CHECKING:
    from htcgrid.connector import Outcome
    from htcgrid.connector.reader import Reader

_TAIL = 100


@click.command()
@click.argument("session", shell_complete=complete_sessions, callback=to_session, required=False)
@click.argument("index", type=click.IntRange(0), required=False)
@click.option(
    "--agent",
    shell_complete=complete_agents,
    help="The log of this agent instead, which the grid's compute backend started.",
)
@click.option("--tail", type=click.IntRange(0), help=f"Lines of an agent's log; {_TAIL} when left out.")
@click.option("--follow", is_flag=True, help="Go on until every task, or the agent, has ended.")
@config_option
@json_option
def command(
    session: str | None,
    index: int | None,
    agent: str | None,
    tail: int | None,
    config: Path | None,
    *,
    follow: bool,
    as_json: bool,
) -> None:
    """Print what the handlers of SESSION printed, or that of its task INDEX; of failed tasks also the error.

    It is known of tasks that have ended, as far as the session keeps it: of failed ones, unless it was submitted with
    --output all. Each line begins with the task's index. With --agent, print an agent's own log.
    """
    if (session is None) == (agent is None):
        raise click.UsageError("name either a SESSION or an agent, with --agent")
    if tail is not None and agent is None:
        raise click.UsageError("--tail goes with --agent")
    grid = required_config(config)
    if agent is not None:
        _agent_log(grid, AgentId(agent), _TAIL if tail is None else tail, follow=follow, as_json=as_json)
    elif session is not None:
        _session_log(grid, SessionId(session), index, follow=follow, as_json=as_json)


def _agent_log(grid: Config, agent: AgentId, tail: int, *, follow: bool, as_json: bool) -> None:
    with closing(grid.open_compute()) as compute:
        for line in compute.logs(agent, tail=tail, follow=follow):
            if as_json:
                print_facts({"agent": agent, "line": line})
            else:
                say(line)


def _session_log(grid: Config, session: SessionId, index: int | None, *, follow: bool, as_json: bool) -> None:
    from htcgrid.cli.outcomes import reader_of

    with ExitStack() as stack:
        state = stack.enter_context(closing(grid.open_state()))
        payloads = stack.enter_context(closing(grid.open_payloads()))
        (status,) = state.status([session])
        found = _outcomes(reader_of(status.session, state, payloads), index, follow=follow)
        if not _show(found, as_json=as_json) and not as_json:
            say(_nothing(state.status([session])[0], index), err=True)


def _outcomes(reader: "Reader", index: int | None, *, follow: bool) -> "Iterator[Outcome]":
    from htcgrid.cli.outcomes import known_outcomes, outcome_of

    if index is None:
        yield from reader.outcomes() if follow else known_outcomes(reader)
    elif outcome := outcome_of(reader, index, wait=follow):
        yield outcome


def _show(outcomes: "Iterable[Outcome]", *, as_json: bool) -> bool:
    """Print what tasks left behind; return whether any left something."""
    from htcgrid.cli.printed import printed_facts, printed_lines

    shown = False
    for outcome in outcomes:
        if as_json and (outcome.printed or outcome.error):
            print_facts(printed_facts(outcome))
        for line in () if as_json else printed_lines(outcome):
            say(line)
            shown = True
    return shown


def _nothing(status: SessionStatus, index: int | None) -> str:
    """Return why nothing was printed."""
    name = f"session {status.session.id}" if index is None else f"task {index} of session {status.session.id}"
    so_far = "" if status.finished else " so far"
    kept = {
        KeepOutput.FAILED: "it is kept of failed tasks only, unless the session is submitted with --output all",
        KeepOutput.ALL: "it is kept of every task when it ends",
        KeepOutput.NONE: "the session was submitted with --output none",
    }[status.session.output]
    return f"nothing is known of what {name} printed{so_far}: {kept}"
