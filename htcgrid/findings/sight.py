"""What there is to see of a session that somebody asks about: a bounded look at the grid."""

import platform
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import msgspec

from htcgrid import __version__
from htcgrid.errors import ConfigError, UnreadableError
from htcgrid.findings.failed import FailedTask, first_failures
from htcgrid.interfaces import BEGINNING, PayloadStore, StateStore
from htcgrid.model import AgentStatus, BundleStatus, Session, SessionId, SessionState, SessionStatus, defaults

if TYPE_CHECKING:
    from htcgrid.connector import Outcome

    #: Returns how a task of a session ended, or None when it has not.
    OutcomeOf = Callable[[Session, int], Outcome | None]

#: Most pages of bundles, of agents and of the log that one look reads; a page has up to 100.
_PAGES = 10
#: Most packs of outcomes that it gets from the payload store.
_FAILURES = 5

_Item = TypeVar("_Item")


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at a session, or at one of its tasks, has shown."""

    status: SessionStatus
    #: The task that was asked for; None for the session.
    index: int | None = None
    #: How that task ended, if it has.
    outcome: "Outcome | None" = None
    #: Those with tasks that have not ended: the first, or the one that holds the task.
    bundles: Sequence[BundleStatus] = ()
    #: What of them cannot be read: its tasks do not run.
    unreadable: Sequence[UnreadableError] = ()
    #: Whether there are more bundles than were read.
    more: bool = False
    #: The agents of the session's pool that were heard of last.
    agents: Sequence[AgentStatus] = ()
    #: Those of other pools, looked for only when none of its own pool is there.
    others: Sequence[AgentStatus] = ()
    #: Tasks that failed, as far as it was looked.
    failures: Sequence[FailedTask] = ()
    #: How long a bundle stays with an agent that is lost, as this client's grid.toml says.
    lease: timedelta = defaults.LEASE
    #: The versions of htcgrid and Python that this client runs.
    version: str = __version__
    python: str = ""
    #: The time, in seconds since the epoch by this client's clock.
    now: float = 0.0
    #: The folder of the embedded grid that this program has open, when it is of that one.
    embedded: str = ""
    #: Whether it is this program that adds tasks to the session, and seals it.
    mine: bool = False


def look(
    state: StateStore,
    payloads: PayloadStore,
    session: SessionId,
    index: int | None,
    *,
    lease: timedelta,
    outcome_of: "OutcomeOf",
) -> Sight:
    """Look at a session, or at one of its tasks; ``outcome_of`` finds out how that ended.

    Costs up to 10 requests for bundles and 11 for agents, or 1 for agents once it has ended; when tasks failed, also up
    to 10 for the log and 5 for packs; for a task that has ended, 1 per 100 entries of the log up to its own.

    Raises:
        SessionNotFoundError: there is no such session.
        ConfigError: it has no such task.
    """
    (status,) = state.status([session])
    if index is not None and not 0 <= index < status.total:
        so_far = " so far" if status.state is SessionState.OPEN else ""
        range_ = f"tasks 0 to {status.total - 1}{so_far}" if status.total else f"no tasks{so_far}"
        raise ConfigError(f"session {session} has {range_}, so none of the index {index}")
    bundles, unreadable, more = _bundles(state, status, index)
    outcome = None
    if index is not None and not bundles:
        outcome = outcome_of(status.session, index)
    ended = status.finished or outcome is not None
    # Of one that has ended it is only of interest whether they run code that was edited.
    agents = state.agents(pool=status.session.pool).agents if ended else _agents(state, status.session.pool)
    failing = index is None and status.failed > 0
    return Sight(
        status=status,
        index=index,
        outcome=outcome,
        bundles=bundles,
        unreadable=unreadable,
        more=more,
        agents=agents,
        others=[] if ended or any(agent.alive for agent in agents) else state.agents().agents,
        failures=first_failures(state, payloads, session, limit=_FAILURES, pages=_PAGES) if failing else [],
        lease=lease,
        python=platform.python_version(),
        now=time.time(),
    )


def _bundles(
    state: StateStore, status: SessionStatus, index: int | None
) -> tuple[list[BundleStatus], list[UnreadableError], bool]:
    session = status.session.id
    if index is not None:
        page = state.bundles(session, task=index)
        return page.bundles, list(page.unreadable), False
    return ([], [], False) if status.finished else _pages(lambda cursor: state.bundles(session, cursor))


def _agents(state: StateStore, pool: str) -> list[AgentStatus]:
    found, _, _ = _pages(lambda cursor: state.agents(cursor, pool=pool))
    return found


def _pages(
    read: Callable[[str], tuple[list[_Item], str | None, Sequence[UnreadableError]]],
) -> tuple[list[_Item], list[UnreadableError], bool]:
    """Return what the first pages hold, what of them cannot be read, and whether there are more."""
    found: list[_Item] = []
    left_out: list[UnreadableError] = []
    cursor: str | None = BEGINNING
    pages = 0
    while cursor is not None and pages < _PAGES:
        page, cursor, errors = read(cursor)
        found += page
        left_out += errors
        pages += 1
    return found, left_out, cursor is not None
