"""Why a session, or a task of it, has not ended: what a look at the grid showed, as sentences for people.

Pure: a function of a :class:`Sight`, which is all that was seen.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from htcgrid.errors import UnreadableError
from htcgrid.findings.failures import Failures
from htcgrid.findings.finding import Finding, FindingKind
from htcgrid.findings.held import held_findings, lapse_findings, trouble_findings
from htcgrid.findings.phrasing import counted, span, tasks
from htcgrid.findings.pool import code_findings, pool_findings, version_findings
from htcgrid.model import Ranges, SessionState, TaskState

if TYPE_CHECKING:
    from htcgrid.connector import Outcome
    from htcgrid.findings.sight import Sight

#: Most ways of failing that are told.
_GROUPS = 5


def findings(sight: "Sight") -> Iterator[Finding]:
    """Yield what was found out, the gist first."""
    if sight.outcome is not None:
        yield _outcome(sight.outcome)
        yield from code_findings(sight.agents, sight.status.session.handler)
        return
    yield from _session(sight) if sight.index is None else _task(sight, sight.index)
    if sight.status.finished:
        yield from code_findings(sight.agents, sight.status.session.handler)
        return
    yield from map(_unreadable, sight.unreadable)
    yield from held_findings(sight)
    yield from pool_findings(sight)
    yield from trouble_findings(sight)
    yield from lapse_findings(sight)
    yield from version_findings(sight.agents, version=sight.version, python=sight.python)
    yield from code_findings(sight.agents, sight.status.session.handler)
    if sight.more:
        text = f"it has more bundles than the {len(sight.bundles):,} that were looked at, for which all this holds"
        yield Finding(kind=FindingKind.PARTIAL, message=text)


def _session(sight: "Sight") -> Iterator[Finding]:
    status = sight.status
    ended = f"{status.succeeded:,} succeeded, {status.failed:,} failed"
    if status.state is SessionState.CANCELLED:
        text = f"it was cancelled, which ended {counted(status.cancelled, 'task')}; of the others, {ended}"
        yield Finding(kind=FindingKind.CANCELLED, message=text)
    elif status.finished:
        text = f"every task has ended: {ended}" if status.total else "it has finished, and never had a task"
        yield Finding(kind=FindingKind.FINISHED, message=text)
    elif status.ended < status.total:
        text = f"{status.ended:,} of {status.total:,} tasks have ended: {ended}"
        yield Finding(kind=FindingKind.UNFINISHED, message=text)
    if status.state is SessionState.OPEN:
        yield _open(sight)
    groups = Failures(sight.failures).groups()[:_GROUPS]
    for group in groups:
        yield Finding(
            kind=FindingKind.FAILED,
            message=str(group),
            advice=f"'htcgrid logs {status.session.id} {group.first.index}' shows its traceback and what it printed",
        )
    if groups and (left := status.failed - sum(group.count for group in groups)) > 0:
        yield Finding(kind=FindingKind.FAILED, message=f"{counted(left, 'more task')} failed")


def _unreadable(error: UnreadableError) -> Finding:
    return Finding(
        kind=FindingKind.UNREADABLE,
        message=f"{error}; so its tasks do not run",
        advice="put it right from a copy of the store, or cancel and delete the session, and submit it again",
    )


def _open(sight: "Sight") -> Finding:
    status = sight.status
    accepted = "no task has been accepted yet"
    if status.total:
        so_far = counted(status.total, "task") + (" was" if status.total == 1 else " were")
        accepted = f"{so_far} accepted so far" + (", and all have ended" if status.ended == status.total else "")
    if sight.mine:
        return Finding(
            kind=FindingKind.OPEN,
            message=f"it is open for more tasks; {accepted}",
            advice="seal() ends it, and so does the end of its 'with' block",
        )
    return Finding(
        kind=FindingKind.OPEN,
        message=f"it is open: its client has not said that no more tasks will come; {accepted}",
        advice=f"if that client is gone, 'htcgrid cancel {status.session.id}' ends it, or submit again under the id, "
        "if it was chosen",
    )


def _outcome(outcome: "Outcome") -> Finding:
    name = f"task {outcome.index}"
    if outcome.state is TaskState.CANCELLED:
        return Finding(kind=FindingKind.CANCELLED, message=f"{name} was cancelled before it ended")
    where = f"on {outcome.worker}, in {span(outcome.duration)}" if outcome.began else f"by {outcome.worker}"
    tries = counted(outcome.tries, "try", "tries")
    if outcome.error is None:
        text = f"{name} succeeded after {tries}, {where}"
        return Finding(kind=FindingKind.SUCCEEDED, message=text)
    return Finding(
        kind=FindingKind.FAILED,
        message=f"{name} failed after {tries}, {where}: {outcome.error.type}: {outcome.error.message}",
        advice=f"'htcgrid logs {outcome.session} {outcome.index}' shows its traceback and what it printed",
    )


def _task(sight: "Sight", index: int) -> Iterator[Finding]:
    text = f"task {index} has not ended"
    for bundle in sight.bundles:
        tried = bundle.tries.get(index, 0)
        if others := bundle.open - Ranges.single(index):
            text += f"; it is in one bundle with {counted(others.count, 'other task')}, of {tasks(bundle.open)}"
        text += f"; {counted(tried, 'try', 'tries')} of it went wrong" if tried else ""
    yield Finding(kind=FindingKind.UNFINISHED, message=text)
