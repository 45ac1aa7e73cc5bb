"""Why nothing of a session goes on that somebody waits for: the gist of what ``explain`` finds, in one line."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from htcgrid.findings.finding import Finding, FindingKind
from htcgrid.findings.session import findings
from htcgrid.findings.sight import Sight
from htcgrid.interfaces import StateStore
from htcgrid.model import AgentStatus, BundleStatus, SessionState, SessionStatus, defaults
from htcgrid.plain_text import plain

#: What may be why nothing goes on; the first of a look come into the line.
_CAUSES = {
    FindingKind.OPEN,
    FindingKind.UNREADABLE,
    FindingKind.LOST,
    FindingKind.NO_AGENT,
    FindingKind.DRAINING,
    FindingKind.BUSY,
    FindingKind.IDLE,
    FindingKind.NOT_ALLOWED,
    FindingKind.DELAYED,
    FindingKind.WENT_WRONG,
    FindingKind.LAPSED,
}
#: What may be so for a moment on a grid that is well: an agent has not heard of the tasks yet, a client makes more.
_FLEETING = {FindingKind.IDLE, FindingKind.OPEN}
#: What changes all the time without being news: how many tasks of others wait.
_RESTLESS = {FindingKind.BUSY, FindingKind.IDLE, FindingKind.OPEN}
#: Most causes that one line tells, and most letters of it.
_FEW = 2
_LONG = 500
_SPAN = re.compile(r"\d[\d.,]* (s|min|h|d)\b")


class Standstill(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing of a session goes on."""

    #: For people, on one line.
    text: str
    #: The same for the same reason, however long it has been so.
    reason: str
    #: Whether it may be over in a moment.
    fleeting: bool


def look_for_standstill(
    state: StateStore,
    status: SessionStatus,
    *,
    now: datetime,
    lease: timedelta = defaults.LEASE,
    embedded: str = "",
    filling: bool = False,
    mine: bool = False,
) -> Standstill | None:
    """Look why no task of a session runs; return None when one does, or when it waits for no grid.

    Costs 3 calls at most: for the first 100 bundles, for agents of the pool, and for those of others or, of a session
    with more bundles, for the status.

    Args:
        state: where it stands.
        status: how far it is, as whoever waits for it knows.
        now: the time of day.
        lease: how long a bundle stays with an agent that is lost.
        embedded: the folder of an embedded grid that this program has open.
        filling: whether this program submits more tasks to it as they come: then it waits for these.
        mine: whether this program adds tasks to it by hand, and seals it.
    """
    session = status.session
    bundles, cursor, unreadable = state.bundles(session.id)
    more = cursor is not None
    if not bundles and not unreadable and (filling or status.state is not SessionState.OPEN):
        return None
    agents = state.agents(pool=session.pool).agents if bundles else []
    there = [agent for agent in agents if agent.alive]
    if _runs(bundles, agents) or any(held.session == session.id for one in there for held in one.report.holds if more):
        return None
    if more and state.status([session.id])[0].running:
        return None
    others = state.agents().agents if bundles and not there and not more else []
    return standstill(
        Sight(
            status=status,
            bundles=bundles,
            unreadable=unreadable,
            more=more,
            agents=agents,
            others=others,
            lease=lease,
            now=now.timestamp(),
            embedded=embedded,
            mine=mine,
        )
    )


def standstill(sight: Sight) -> Standstill | None:
    """Return the gist of what explains a sight; None when nothing does."""
    # Of a session with tasks that have not ended, it is these that are waited for, whether more may come or not.
    kinds = _CAUSES - {FindingKind.OPEN} if sight.bundles or sight.unreadable else {FindingKind.OPEN}
    causes = [finding for finding in findings(sight) if finding.kind in kinds][:_FEW]
    if not causes:
        return None
    text = plain("; ".join([cause.message for cause in causes] + [causes[0].advice] * bool(causes[0].advice)))
    return Standstill(
        text=text if len(text) <= _LONG else f"{text[:_LONG]}…",
        reason="; ".join(_reason(cause) for cause in causes),
        fleeting=all(cause.kind in _FLEETING for cause in causes),
    )


def _runs(bundles: Sequence[BundleStatus], agents: Sequence[AgentStatus]) -> bool:
    """Whether an agent holds a bundle, as far as is known: of one that has not reported yet, nothing is."""
    gone = {agent.report.id for agent in agents if not agent.alive}
    return any(bundle.agent is not None and bundle.agent not in gone for bundle in bundles)


def _reason(cause: Finding) -> str:
    return cause.kind if cause.kind in _RESTLESS else f"{cause.kind} {_SPAN.sub('', cause.message)}"
