"""What is found out about the agents of a pool: whether they are there, free, willing, and of the right version."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from htcgrid.findings.finding import Finding, FindingKind
from htcgrid.findings.phrasing import counted, listed, span, tasks_of
from htcgrid.model import AgentStatus, defaults, python_client
from htcgrid.model.call import PICKLED_CALL
from htcgrid.model.handlers import allows

if TYPE_CHECKING:
    from htcgrid.findings.sight import Sight

_FEW = 3


def pool_findings(sight: "Sight") -> Iterator[Finding]:
    """Yield why pending tasks are not claimed, as far as the agents of the session's pool tell."""
    waiting = [bundle for bundle in sight.bundles if bundle.agent is None and bundle.delay <= timedelta(0)]
    there = [agent for agent in sight.agents if agent.alive]
    if waiting:
        are = "is" if sum(bundle.open.count for bundle in waiting) == 1 else "are"
        yield Finding(kind=FindingKind.PENDING, message=f"{tasks_of(waiting)} {are} pending")
    if waiting or (not there and any(bundle.agent is None for bundle in sight.bundles)):
        yield from _claimers(sight, there)
    session = sight.status.session
    # Of a pickled function the agents' patterns say nothing.
    if session.handler != PICKLED_CALL and python_client(session.codec_options).function is None:
        yield from handler_findings(there, session.handler)


def _claimers(sight: "Sight", there: Sequence[AgentStatus]) -> Iterator[Finding]:
    pool = sight.status.session.pool
    ready = [agent for agent in there if not agent.report.draining]
    if not there:
        yield _nobody(sight)
    elif not ready:
        text = f"{_all(there, pool)} told to stop, and no other is there"
        yield Finding(kind=FindingKind.DRAINING, message=text, advice=starting(pool))
    elif all(agent.report.busy >= agent.report.workers for agent in ready):
        yield _busy(ready, sight)
    else:
        yield _idle(ready, pool)


def _nobody(sight: "Sight") -> Finding:
    pool = sight.status.session.pool
    last = sight.agents[0] if sight.agents else None
    if sight.embedded and pool == defaults.POOL:
        return _embedded(sight.embedded, last)
    text = f"no agent of pool {pool} has reported in the last day"
    if last:
        state = "ended" if last.report.ended else "was heard of"
        text = f"no agent of pool {pool} is there; the last, {last.report.id}, {state} {span(last.silent)} ago"
    pools = sorted({agent.report.pool for agent in sight.others if agent.alive} - {pool})
    if pools:
        text += f"; there are agents of {'pool' if len(pools) == 1 else 'pools'} {listed(pools)}"
    return Finding(kind=FindingKind.NO_AGENT, message=text, advice=starting(pool))


def _embedded(folder: str, last: AgentStatus | None) -> Finding:
    text = "the agent of this embedded grid has not reported yet"
    if last:
        text = (
            f"the agent of this embedded grid is gone, and another is started; it was heard of {span(last.silent)} ago"
        )
    return Finding(
        kind=FindingKind.NO_AGENT,
        message=text,
        advice=f"a busy machine takes some seconds to start one; its log is in {folder}/agents",
    )


def _idle(ready: Sequence[AgentStatus], pool: str) -> Finding:
    free = sum(agent.report.workers - agent.report.busy for agent in ready)
    workers = sum(agent.report.workers for agent in ready)
    late = max(agent.silent for agent in ready)
    often = max(agent.report.interval for agent in ready)
    text = (
        f"{free} of {counted(workers, 'worker')} of pool {pool} had nothing to do when last reported, {span(late)} ago"
    )
    again = f"ask again in {span(often)}, when its agents have reported; a lost hint is sent again within 10 minutes"
    return Finding(kind=FindingKind.IDLE, message=text, advice=again)


def _busy(ready: Sequence[AgentStatus], sight: "Sight") -> Finding:
    mine = sight.status.session.id
    workers = sum(agent.report.workers for agent in ready)
    others: dict[str, int] = {}
    for held in (held for agent in ready for held in agent.report.holds if held.session != mine):
        others[held.session] = others.get(held.session, 0) + held.tasks
    most = sorted(others.items(), key=lambda item: (-item[1], item[0]))
    who = "the only worker" if workers == 1 else f"all {workers} workers"
    text = f"{who} of pool {sight.status.session.pool} {'is' if workers == 1 else 'are'} busy"
    if most:
        named = [f"{session} ({counted(count, 'task')})" for session, count in most[:_FEW]]
        text += f", also with tasks of {listed(named, len(most[_FEW:]))}"
    advice = "start more agents, or wait"
    if sight.status.session.priority < defaults.PRIORITY_LIMIT and most:
        advice += "; a session that is submitted with a higher priority is run first"
    return Finding(kind=FindingKind.BUSY, message=text, advice=advice)


def handler_findings(agents: Iterable[AgentStatus], handler: str) -> Iterator[Finding]:
    """Yield which agents do not allow a handler, by the patterns that they have."""
    refusing: dict[tuple[str, ...], list[str]] = {}
    allowing = False
    for report in (agent.report for agent in agents):
        if allows(report.handlers, handler):
            allowing = True
        else:
            refusing.setdefault(report.handlers, []).append(report.id)
    for patterns, names in list(refusing.items())[:_FEW]:
        who = listed(names[:_FEW], len(names[_FEW:]))
        allowed = ", ".join(map(repr, patterns)) or "none"
        do = "does" if len(names) == 1 else "do"
        text = f"{who} {do} not allow the handler {handler!r} ('handlers' in [agent]: {allowed})"
        text += ", so that those of its tasks that come there fail" if allowing else ", so that its tasks fail"
        yield Finding(
            kind=FindingKind.NOT_ALLOWED,
            message=text,
            advice="add a pattern to 'handlers' of these agents' grid.toml, and start them again",
        )


def version_findings(agents: Iterable[AgentStatus], *, version: str, python: str) -> Iterator[Finding]:
    """Yield which agents run another htcgrid than this client, or another Python, patches aside."""
    there = [agent.report for agent in agents if agent.alive]
    for what, mine, own in (
        ("htcgrid", version, {report.id: report.version for report in there}),
        ("Python", _minor(python), {report.id: _minor(report.python) for report in there}),
    ):
        for other in sorted(set(own.values()) - {mine}):
            names = [name for name, theirs in own.items() if theirs == other]
            who = listed(names[:_FEW], len(names[_FEW:]))
            yield Finding(
                kind=FindingKind.VERSION,
                message=f"{who} {'runs' if len(names) == 1 else 'run'} {what} {other}, and this client {mine}",
                advice=f"use one version of {what}, or check that handlers and payloads do with both",
            )


def code_findings(agents: Iterable[AgentStatus], handler: str | None = None) -> Iterator[Finding]:
    """Yield which agents run code that was edited, and which handlers, or the one, have other code here and there."""
    there = [agent.report for agent in agents if agent.alive]
    for report in there:
        for file in report.edited[:_FEW]:
            yield Finding(
                kind=FindingKind.CODE,
                message=f"{file} was edited, and {report.id} runs it as it was when its workers imported it",
                advice="start that agent again, or set 'reload = true' in its [agent]",
            )
    handlers = sorted({name for report in there for name in report.code}) if handler is None else [handler]
    for name in handlers:
        agents_by_code: dict[str, list[str]] = {}
        for report in there:
            if code := report.code.get(name):
                agents_by_code.setdefault(code, []).append(report.id)
        if len(agents_by_code) > 1:
            shown = [f"{code} on {listed(ids[:_FEW], len(ids[_FEW:]))}" for code, ids in sorted(agents_by_code.items())]
            yield Finding(
                kind=FindingKind.CODE,
                message=f"the code of {name!r} is not the same everywhere: {'; '.join(shown[:_FEW])}",
                advice="bring the same files to all machines, and start their agents again",
            )


def starting(pool: str) -> str:
    """Return how to start an agent of a pool."""
    return f"start one: 'htcgrid agent{'' if pool == defaults.POOL else f' --pool {pool}'}'"


def _all(agents: Sequence[AgentStatus], pool: str) -> str:
    if len(agents) == 1:
        return f"agent {agents[0].report.id} of pool {pool} was"
    return f"all {len(agents)} agents of pool {pool} were"


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
