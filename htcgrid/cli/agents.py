"""``htcgrid agents``: which agents there are, and what they do."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import click

from htcgrid.cli.facts import json_option, print_facts
from htcgrid.cli.leaving_out import leaving_out
from htcgrid.cli.options import config_option, required_config
from htcgrid.cli.say import say
from htcgrid.cli.table import Column, show_table
from htcgrid.errors import UnreadableError
from htcgrid.findings.phrasing import counted, span
from htcgrid.interfaces import BEGINNING, StateStore
from htcgrid.model import AgentStatus, check_name, defaults
from htcgrid.nearest import did_you_mean

_COLUMNS = (
    Column("agent"),
    Column("state"),
    Column("pool"),
    Column("host"),
    Column("pid", right=True),
    Column("htcgrid"),
    Column("python"),
    Column("busy", right=True),
    Column("holds", folds=True),
    Column("succeeded", right=True),
    Column("failed", right=True),
    Column("heard of"),
)
#: The states of agents that are there.
_THERE = ("READY", "DRAINING")


@click.command()
@config_option
@click.option("--pool", help="Only the agents of this pool.")
@click.option("--all", "everyone", is_flag=True, help="Also those that ended or were lost in the last day.")
@json_option
def command(config: Path | None, pool: str | None, *, everyone: bool, as_json: bool) -> None:
    """List the grid's agents, those heard of last first: what they run on, what they hold, what they have done.

    An agent is READY, DRAINING when it was told to stop, ENDED, or LOST when it has not been heard of for three times
    as long as it wanted to be. "busy" is how many of its workers are at work.
    """
    from htcgrid.findings.pool import code_findings

    if pool is not None:
        check_name("pool", pool)
    with leaving_out() as left_out, closing(required_config(config).open_state()) as state:
        known = list(_agents(state, pool, left_out))
        # Only who asks for agents of a pool that has none is told of other pools.
        pools = [] if known or pool is None else sorted({agent.report.pool for agent in _agents(state, None, left_out)})
        shown = [agent for agent in known if everyone or agent.state in _THERE]
        if as_json:
            for agent in shown:
                print_facts(facts_of(agent))
            return
        if shown:
            show_table(_COLUMNS, [_row(agent) for agent in shown], map(_lines, shown))
            for finding in code_findings(shown):
                say(f"{finding.message}: {finding.advice}")
        if note := _note(known, shown, pool, pools):
            say(note)


def _agents(state: StateStore, pool: str | None, left_out: Callable[[UnreadableError], None]) -> Iterator[AgentStatus]:
    cursor: str | None = BEGINNING
    while cursor is not None:
        page = state.agents(cursor, pool=pool)
        yield from page.agents
        for error in page.unreadable:
            left_out(error)
        cursor = page.cursor


def facts_of(agent: AgentStatus) -> dict[str, object]:
    """Return what there is to say about an agent."""
    report = agent.report
    names = ("pool", "host", "pid", "version", "python", "started", "workers", "busy", "succeeded", "failed")
    facts: dict[str, object] = {"agent": report.id, "state": agent.state}
    facts |= {name: getattr(report, name) for name in names}
    facts["handlers"] = report.handlers
    facts["code"] = report.code
    facts["edited"] = report.edited
    facts["holds"] = report.holds
    facts["heard"] = round(agent.silent.total_seconds(), 3)
    return facts


def _row(agent: AgentStatus) -> list[str]:
    report = agent.report
    return [
        report.id,
        agent.state,
        report.pool,
        report.host,
        str(report.pid),
        report.version,
        report.python,
        f"{report.busy}/{report.workers}",
        _holds(agent),
        f"{report.succeeded:,}",
        f"{report.failed:,}",
        f"{span(agent.silent)} ago",
    ]


def _lines(agent: AgentStatus) -> list[str]:
    report = agent.report
    ended = f"{report.succeeded:,} succeeded, {report.failed:,} failed"
    return [
        f"{report.id}  {agent.state}  heard of {span(agent.silent)} ago",
        f"  pool {report.pool}, pid {report.pid} on {report.host}, htcgrid {report.version}, Python {report.python}",
        f"  {report.busy} of {counted(report.workers, 'worker')} busy, holds {_holds(agent)}, {ended}",
    ]


def _holds(agent: AgentStatus) -> str:
    holds = agent.report.holds
    if not holds:
        return "nothing"
    tasks = counted(sum(held.tasks for held in holds), "task")
    return f"{tasks} of {holds[0].session if len(holds) == 1 else counted(len(holds), 'session')}"


def _note(known: Sequence[AgentStatus], shown: Sequence[AgentStatus], pool: str | None, pools: Sequence[str]) -> str:
    """Return what is to be said of the agents that are not shown."""
    hidden = len(known) - len(shown)
    if hidden:
        return f"{counted(hidden, 'agent')} ended or lost in the last day: --all shows them"
    if shown:
        return ""
    words = "" if pool in {None, defaults.POOL} else f" --pool {pool}"
    return (
        f"no agent{'' if pool is None else f' of pool {pool}'} has reported in the last day: "
        f"'htcgrid agent{words}' starts one{did_you_mean(pool or defaults.POOL, pools)}"
    )
