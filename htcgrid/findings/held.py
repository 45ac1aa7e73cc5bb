"""What is found out about a session's bundles: who holds them, and what went wrong with their tasks."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from htcgrid.findings.finding import Finding, FindingKind
from htcgrid.findings.phrasing import counted, span, tasks, tasks_of
from htcgrid.model import AgentId, AgentStatus, BundleStatus, TaskFault, defaults

if TYPE_CHECKING:
    from htcgrid.findings.sight import Sight

#: Most findings of one kind that are told one by one.
_FEW = 3


def held_findings(sight: "Sight") -> Iterator[Finding]:
    """Yield who holds the session's bundles, the agents with most tasks first."""
    held: dict[AgentId, list[BundleStatus]] = {}
    for bundle in sight.bundles:
        if bundle.agent is not None:
            held.setdefault(bundle.agent, []).append(bundle)
    known = {agent.report.id: agent for agent in (*sight.agents, *sight.others)}
    most_first = sorted(held.items(), key=lambda item: (-_count(item[1]), item[0]))
    # Of those that are not heard of, each: that is what somebody is to see to.
    lost = [(name, bundles) for name, bundles in most_first if not _is_there(known.get(name))]
    there = [(name, bundles) for name, bundles in most_first if _is_there(known.get(name))]
    for name, bundles in lost[:_FEW]:
        yield _lost(name, known.get(name), bundles, sight)
    for name, bundles in there[:_FEW]:
        yield _running(known[name], bundles, sight)
    if rest := [*lost[_FEW:], *there[_FEW:]]:
        count = sum(_count(bundles) for _, bundles in rest)
        text = f"{counted(count, 'task')} {_are(count)} with {counted(len(rest), 'other agent')}"
        yield Finding(kind=FindingKind.RUNNING, message=text)


def _running(agent: AgentStatus, bundles: list[BundleStatus], sight: "Sight") -> Finding:
    report = agent.report
    count = _count(bundles)
    text = (
        f"{tasks_of(bundles)} {_are(count)} with agent {report.id} (pid {report.pid} on {report.host}), heard of "
        f"{span(agent.silent)} ago with {report.busy} of {counted(report.workers, 'worker')} busy"
    )
    if report.draining:
        text += "; it was told to stop, and gives back what it does not finish"
    endless = "" if sight.status.session.timeout else "a task that hangs is not ended: the session has no time-out"
    return Finding(kind=FindingKind.RUNNING, message=text, advice=endless)


def _lost(name: AgentId, agent: AgentStatus | None, bundles: list[BundleStatus], sight: "Sight") -> Finding:
    if agent is None:
        why = "of which there is no report"
    elif agent.report.ended:
        why = f"which ended {span(agent.silent)} ago"
    else:
        why = f"on {agent.report.host}, which has not been heard of for {span(agent.silent)}"
    text = (
        f"{tasks_of(bundles)} {_are(_count(bundles))} with agent {name}, {why}: pending again once its lease of "
        f"{span(sight.lease)} is over and a reaper has seen it"
    )
    reaped = any(found.alive for found in (*sight.agents, *sight.others))
    advice = "" if reaped else "no agent is there to do so: start one, or 'htcgrid reaper'"
    return Finding(kind=FindingKind.LOST, message=text, advice=advice)


def trouble_findings(sight: "Sight") -> Iterator[Finding]:
    """Yield tries that went wrong, of tasks that will be tried again."""
    tries = sight.status.session.retry.tries
    faults = _faults(sight)
    delayed = [bundle for bundle in sight.bundles if bundle.agent is None and bundle.delay > timedelta(0)]
    for bundle in sorted(delayed, key=lambda bundle: bundle.delay)[:_FEW]:
        mine = [faults.pop(index) for index in list(faults) if index in bundle.open]
        told = [_fault(fault, tries, sight.now) for fault in mine[:_FEW]] or _untold(bundle, tries)
        text = f"{tasks(bundle.open)} {_wait(bundle.open.count)} {span(bundle.delay)} more until tried again"
        yield Finding(kind=FindingKind.DELAYED, message="; ".join([text, *told]))
    if rest := sorted(delayed, key=lambda bundle: bundle.delay)[_FEW:]:
        text = (
            f"{counted(_count(rest), 'task')} more {_wait(_count(rest))} up to {span(rest[-1].delay)} to be tried again"
        )
        yield Finding(kind=FindingKind.DELAYED, message=text)
    for fault in list(faults.values())[:_FEW]:
        yield Finding(kind=FindingKind.WENT_WRONG, message=_fault(fault, tries, sight.now))


def lapse_findings(sight: "Sight") -> Iterator[Finding]:
    """Yield the bundles whose agents were lost."""
    lapsed = [bundle for bundle in sight.bundles if bundle.lapses or bundle.lapses_alone]
    worst_first = sorted(lapsed, key=lambda bundle: (-bundle.lapses_alone, -bundle.lapses))
    for bundle in worst_first[:_FEW]:
        yield _lapse(bundle)
    if rest := worst_first[_FEW:]:
        text = f"the agents that held {counted(_count(rest), 'more task')} were lost, too"
        yield Finding(kind=FindingKind.LAPSED, message=text)


def _lapse(bundle: BundleStatus) -> Finding:
    name = tasks(bundle.open)
    lapses = bundle.lapses + bundle.lapses_alone
    text = f"{counted(lapses, 'agent')} {'was' if lapses == 1 else 'were'} lost while holding {name}"
    if lapses >= defaults.LAPSES_SUSPECT:
        text += ", so that they run one at a time" if bundle.open.count > 1 else ""
    if not bundle.lapses_alone:
        return Finding(kind=FindingKind.LAPSED, message=text)
    text += f", {bundle.lapses_alone} of them with that task alone; after {defaults.LAPSES_ALONE} such it fails"
    return Finding(
        kind=FindingKind.LAPSED,
        message=text,
        advice="it probably takes its agent along: run the handler by hand on its payload, and watch its memory",
    )


def _faults(sight: "Sight") -> dict[int, TaskFault]:
    """Return the last fault of each task that has not ended, newest first."""
    session = sight.status.session.id
    mine = [fault for agent in sight.agents for fault in agent.report.faults if fault.session == session]
    latest: dict[int, TaskFault] = {}
    for fault in sorted(mine, key=lambda fault: -fault.at):
        is_asked_for = sight.index in {None, fault.index}
        if is_asked_for and any(fault.index in bundle.open for bundle in sight.bundles):
            latest.setdefault(fault.index, fault)
    return latest


def _fault(fault: TaskFault, tries: int, now: float) -> str:
    ago = span(timedelta(seconds=max(0.0, now - fault.at)))
    return f"try {fault.tries} of {tries} of task {fault.index} went wrong {ago} ago: {fault.type}: {fault.message}"


def _untold(bundle: BundleStatus, tries: int) -> list[str]:
    """Return what is known of tries that went wrong while no agent has told why."""
    most = max(bundle.tries.values(), default=0)
    return [f"{most} of {tries} tries went wrong; why will be in its agent's next report"] if most else []


def _is_there(agent: AgentStatus | None) -> bool:
    return agent is not None and agent.alive


def _count(bundles: Sequence[BundleStatus]) -> int:
    return sum(bundle.open.count for bundle in bundles)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _wait(count: int) -> str:
    return "waits" if count == 1 else "wait"
