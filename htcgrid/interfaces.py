"""The four interfaces that a provider implements, and the rules that hold for all of them.

* **Synchronous and thread-safe.** Any method may be called from any thread, also while another call blocks.
* **Batch-first.** A batch may be of any size, also empty; the provider splits it to fit its service.
* **Losing a race is a returned value.** Only a service that cannot be used raises: :class:`ProviderError` with its
  cause, :class:`ProviderUnavailableError` when the same call may succeed later, :class:`ThrottledError` when asked too
  fast.
  Whoever gets one of these does not know whether the call took effect, and every verb says what repeating it does.
* **Partial failure is returned per item or retried inside, never dropped.**
* Names, ids, cursors and a lease's token are opaque. Times are aware ``datetime`` and ``timedelta``. Payloads are
  ``bytes``.
* A record of a schema that the code does not understand, or that is damaged, is not claimed, and never altered. It
  loses no other's answer: where a verb answers for many, it is passed over, logged once and told by
  :meth:`Provided.concerns`; a verb that is asked for it alone raises :class:`UnreadableError`.

Costs are given in requests to the service. No verb costs more as the store holds more sessions, tasks or agents, unless
it says so.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

import msgspec

from htcgrid.errors import UnreadableError
from htcgrid.model import (
    AgentId,
    AgentInfo,
    AgentReport,
    AgentStatus,
    Bundle,
    BundleKey,
    BundleStatus,
    CancelCounts,
    Claim,
    Commit,
    Committed,
    Delivery,
    Entry,
    GivenBack,
    Hint,
    Lease,
    Lost,
    PayloadLimits,
    Pool,
    QueueLimits,
    Remainder,
    Session,
    SessionId,
    SessionStatus,
    StateLimits,
)

#: The cursor before the first entry of every session's log.
BEGINNING = ""


class Renewal(NamedTuple):
    """What became of a batch of leases."""

    kept: list[Lease]
    lost: list[Lost]


class Entries(NamedTuple):
    """Entries of a session's log, and the cursor behind them."""

    entries: list[Entry]
    cursor: str
    #: Whether every log of the session is closed and read to its end: nothing will come after this.
    closed: bool


class Sessions(NamedTuple):
    """A page of sessions, and the cursor behind it; None when there are no more."""

    sessions: list[SessionStatus]
    cursor: str | None
    #: What of the page cannot be read, and is left out.
    unreadable: Sequence[UnreadableError] = ()


class Bundles(NamedTuple):
    """A page of a session's bundles, and the cursor behind it; None when there are no more."""

    bundles: list[BundleStatus]
    cursor: str | None
    #: What of the page cannot be read, and is left out.
    unreadable: Sequence[UnreadableError] = ()


class Submitted(NamedTuple):
    """A page of a session's bundles as they were submitted, and the cursor behind it; None when there are no more."""

    bundles: list[Bundle]
    cursor: str | None


class Agents(NamedTuple):
    """A page of agents, and the cursor behind it; None when there are no more."""

    agents: list[AgentStatus]
    cursor: str | None
    #: What of the page cannot be read, and is left out.
    unreadable: Sequence[UnreadableError] = ()


class Concern(NamedTuple):
    """What whoever runs a grid on a service should know of it, in plain words."""

    message: str
    #: What to do about it.
    advice: str
    #: Whether no grid should be run on it so.
    grave: bool = False


class Provided(ABC):
    """What all four interfaces have in common: settings to open it with, and an end."""

    #: The keys that its table of grid.toml may and must have. Unknown keys are refused, and paths are taken from
    #: the folder of grid.toml.
    Settings: ClassVar[type[msgspec.Struct]]

    @classmethod
    @abstractmethod
    def open(cls, settings: msgspec.Struct, source: "Source") -> Self:
        """Return a ready object; whoever opens it closes it.

        Raises:
            ConfigError: the settings cannot be used.
            ProviderError: the service cannot.
        """

    def concerns(self) -> Sequence[Concern]:
        """Return what is not as it should be with the service as it is set up, for ``htcgrid doctor``.

        Costs some requests.
        """
        return ()

    def usage(self) -> Mapping[str, float]:
        """Return what the calls on this object have come to so far, where it counts them; costs nothing.

        By name, as ``requests``, and what its service bills, as ``write units``: ``htcgrid bench`` divides it by tasks.
        """
        return {}

    def close(self) -> None:  # noqa: B027 - many providers hold nothing
        """Free what the object holds. May be called twice."""


def total_usage(usages: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return what the calls on several objects have come to together; see :meth:`Provided.usage`."""
    total: dict[str, float] = {}
    for usage in usages:
        for name, count in usage.items():
            total[name] = total.get(name, 0.0) + count
    return total


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a table of settings stands, for messages, relative paths and starting agents on the same file."""

    #: The grid.toml, or None when the settings were made in memory.
    file: Path | None
    #: Relative paths in the settings start here.
    folder: Path
    #: The table, as ``[state]``.
    table: str


class StateStore(Provided):
    """The truth: sessions, bundles and logs of outcomes."""

    limits: StateLimits

    @abstractmethod
    def create(self, session: Session, bundles: Sequence[Bundle] = (), *, sealed: bool = False) -> None:
        """Record a session and its first bundles, all of them claimable when this returns.

        Repeating it with the same content changes nothing; it then acts as :meth:`add`, and as :meth:`seal` when
        ``sealed``. Costs 1 request when it is small, else 1 per batch of bundles and 1 for the header.

        Raises:
            ConflictError: the id is taken by other content, or by a session that was deleted.
        """

    @abstractmethod
    def add(self, session_id: SessionId, bundles: Sequence[Bundle]) -> None:
        """Record more bundles of an open session, claimable when this returns.

        They are recorded in the order of their tasks, and none behind one that conflicts: else what two clients cut in
        different ways under one id could leave a task in two bundles. Repeating it changes nothing: a bundle that is
        there with the same digest is left alone, whatever state the session is in. Costs 1 request per batch of bundles
        and 1 for the header.

        Raises:
            ConflictError: a bundle is there with another digest or another range, or is new and the session is
                sealed or cancelled.
            SessionNotFoundError: there is no such session.
        """

    @abstractmethod
    def seal(self, session_id: SessionId, total: int) -> None:
        """Record that no more tasks will come. Repeating it changes nothing; a cancelled session stays cancelled.

        Costs 1 request.

        Raises:
            ConflictError: the session does not hold exactly ``total`` tasks.
            SessionNotFoundError: there is no such session.
        """

    @abstractmethod
    def claim(self, keys: Sequence[BundleKey], *, agent: AgentId, lease: timedelta) -> list[Claim]:
        """Win pending bundles for an agent and a time; return those won.

        Each is one compare-and-set that wins only a bundle that is pending and due, whose whole range lies below the
        total of a session that is not cancelled, and that has a task without an outcome. It sets owner and lease,
        ``attempt + 1`` and a fresh nonce. Of concurrent claims of one bundle exactly one wins. Repeating it wins only
        what is still pending: a bundle that was won by a call whose answer was lost comes back when its lease lapses.
        Costs 1 request per batch, or per bundle where the service has no batches.
        """

    @abstractmethod
    def renew(self, leases: Sequence[Lease]) -> Renewal:
        """Keep leases for another lease's time; tell which were lost, and why.

        Repeating it keeps them for as long from then on. Costs as :meth:`claim`.
        """

    @abstractmethod
    def commit(self, commits: Sequence[Commit]) -> list[Committed]:
        """Record outcomes; return one answer per commit, in order.

        A commit is accepted task by task: only tasks that are still in the bundle and have no outcome, and of a lease
        that is not current only successes. Bundle, log entry and counts are one atomic write; the entry lists exactly
        the accepted tasks. Nothing is accepted once the session is cancelled. Repeating it records nothing twice: the
        answer then says refused. Costs 1 request per session and log.
        """

    @abstractmethod
    def give_back(self, lease: Lease, remainders: Sequence[Remainder]) -> GivenBack | None:
        """Carve parts of a leased bundle into new pending bundles; None when the lease is not current.

        Of each remainder, what is still in the bundle and without an outcome becomes a child that keeps its parent's
        input, or, when it is all that the bundle holds, the same bundle is pending again. Every task is in exactly
        one bundle at every moment. Repeating it changes nothing. Costs 1 request for up to some dozens of children.
        """

    @abstractmethod
    def due(self, limit: int, *, dry: str | None = None) -> list[Hint]:
        """Return bundles to hint: those whose lease lapsed, which become pending by this, and those whose time came.

        A lease has lapsed when (attempt, beat) has not changed for a whole lease by the store's own time, or between
        two looks of this object's monotonic clock. With ``dry``, a pool whose queue has no hints, pending bundles of it
        that nobody claimed are among them. Also finishes cancels that broke off. Repeating it may hint a bundle again,
        which costs nothing; one whose hint was lost is hinted again later. Costs 1 request per shard of the index, and
        1 per bundle that lapsed.
        """

    @abstractmethod
    def cancel(self, session_ids: Sequence[SessionId]) -> list[CancelCounts]:
        """End sessions: every task without an outcome is CANCELLED when this returns, and none is accepted after it.

        Repeating it changes nothing; a session that had finished stays as it was, with 0 cancelled. Costs 1 request
        per log and session.

        Raises:
            SessionNotFoundError: there is no such session; the others are cancelled.
        """

    @abstractmethod
    def status(self, session_ids: Sequence[SessionId]) -> list[SessionStatus]:
        """Return how far sessions are, in the order asked.

        Repeating it changes nothing. Costs 1 request per log and session.

        Raises:
            SessionNotFoundError: there is no such session.
        """

    @abstractmethod
    def outcomes(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, wait: timedelta = timedelta(0)
    ) -> Entries:
        """Return up to about ``limit`` entries behind a cursor, each exactly once and in the order of commit per log.

        Waits up to ``wait`` for the first, by the provider's cheapest way. Repeating it with the same cursor returns
        the same entries, and maybe more behind them. Costs 1 request per log and look.

        Raises:
            SessionNotFoundError: there is no such session.
        """

    @abstractmethod
    def sessions(self, cursor: str = BEGINNING, *, limit: int = 100) -> Sessions:
        """Return a page of the sessions, newest first.

        Repeating it changes nothing. Costs 1 request and what :meth:`status` costs for the page.
        """

    @abstractmethod
    def bundles(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, task: int | None = None
    ) -> Bundles:
        """Return a page of those bundles of a session that have open tasks; with ``task``, only the one that holds it.

        For people who ask why a session has not ended: what it tells may be a moment old. A session that is cancelled
        has none. Repeating it changes nothing. Costs 1 request per page.

        Raises:
            SessionNotFoundError: there is no such session.
        """

    @abstractmethod
    def submitted(self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100) -> Submitted:
        """Return a page of a session's bundles as they were submitted, in the order of their tasks.

        For whoever submits some of its tasks again: they are kept as long as the session is, whatever became of their
        tasks. Repeating it changes nothing. Costs 1 request per page and shard.

        Raises:
            SessionNotFoundError: there is no such session.
        """

    @abstractmethod
    def register(self, report: AgentReport) -> None:
        """Remember what an agent says of itself, in the place of what it said before, for a day.

        Repeating it is one more sign of life. Costs 1 request.
        """

    @abstractmethod
    def agents(self, cursor: str = BEGINNING, *, limit: int = 100, pool: str | None = None) -> Agents:
        """Return a page of the agents that reported in the last day; with ``pool``, only those of that one.

        Those heard of last come first. What was reported a moment ago may be missing. Repeating it changes nothing.
        Costs 1 request per page.
        """

    @abstractmethod
    def delete(self, session_id: SessionId) -> None:
        """Make a session a tombstone: nothing finds or runs it again, and its id is not to be used again.

        Records and payloads are collected later. Repeating it changes nothing, also for one that was collected or never
        was. Costs 1 request.
        """

    @abstractmethod
    def expired(self, limit: int) -> list[SessionId]:
        """Return sessions to collect: tombstones, and finished ones past their ``keep_for``, which become tombstones.

        A tombstone is among them until :meth:`collect` has said that none of its records is left, also when it never
        had any: whoever collects deletes its payloads, too, of which this store knows nothing. It is among them once
        more, until it is collected again, when ``defaults.LINGER`` has passed since: a put that was under way may have
        come late. After that it never is. So each session costs one more delete of a prefix, as a rule of nothing, and
        one more :meth:`collect`. Repeating it returns them again. Costs 1 request per shard of the index.
        """

    @abstractmethod
    def collect(self, session_id: SessionId, limit: int) -> bool:
        """Delete up to ``limit`` records of a tombstone; return whether none is left but the tombstone.

        Bundles go before logs: a commit does not look at the header, and while its bundle is there it could begin a log
        anew. The caller has deleted the session's payloads before, and since :meth:`expired` named it. Of a tombstone
        that is not to be collected nothing is left, and this changes nothing: before its time it is no second
        collection. Repeating it goes on where it stopped. Costs 1 request per batch, and 1 for a session of which
        nothing is left.
        """


class TaskQueue(Provided):
    """Hints: which bundles may be claimable. It may lose, repeat and reorder them."""

    limits: QueueLimits

    @abstractmethod
    def send(self, hints: Sequence[Hint]) -> None:
        """Queue hints. Repeating it doubles them, which costs a look. Costs 1 request per batch."""

    @abstractmethod
    def receive(self, limit: int, *, wait: timedelta, pool: str, above: int | None = None) -> list[Delivery]:
        """Return up to ``limit`` hints, of higher priorities first; wait for the first up to ``wait``.

        Among one priority, those of bundles that were begun before come first, if the limits say so.

        With ``above``, only hints whose priority is higher than that: an agent that has work enough looks for work that
        cannot wait. May return none although there are some. Repeating it returns others; one that was received and not
        acknowledged may come back after a while. Costs 1 request per priority and look.
        """

    @abstractmethod
    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Delete hints that were received. Repeating it changes nothing. Costs 1 request per batch."""

    @abstractmethod
    def depth(self, pool: str) -> int | None:
        """Return about how many hints of a pool wait, or None where the service cannot tell.

        Those that were received and may come back are not counted: once none waits, the reaper hints what is pending.
        Repeating it changes nothing. Costs 1 request.
        """

    @abstractmethod
    def wake(self) -> None:
        """Let the calls of :meth:`receive` that wait on this object return soon: its agent stops.

        A queue whose waits are short has nothing to do. Repeating it changes nothing. Costs 1 request, or none.
        """


class PayloadStore(Provided):
    """Bytes under keys. An object is never overwritten; keys are paths of letters, digits, '.', '_', '-' and '/'."""

    limits: PayloadLimits

    @abstractmethod
    def put(self, blobs: Mapping[str, bytes]) -> None:
        """Store objects; all are durable when this returns.

        Repeating it changes nothing: an object that is there is left as it is. Costs 1 request per object.
        """

    @abstractmethod
    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Return the objects that are there; a key that is not there is left out.

        Repeating it changes nothing. Costs 1 request per object.
        """

    @abstractmethod
    def delete(self, keys: Iterable[str] = (), *, prefix: str | None = None) -> None:
        """Delete objects by key, and all those whose key starts with ``prefix`` and a slash.

        Repeating it changes nothing: what is not there is fine. Costs 1 request per batch, and 1 per page of a prefix.
        """


class ComputeBackend(Provided):
    """Agents somewhere."""

    @abstractmethod
    def apply(self, pool: Pool) -> None:
        """Make the pool as described; agents that run are not disturbed.

        Repeating it changes nothing. Costs 1 request.
        """

    @abstractmethod
    def scale(self, pool: str, count: int) -> None:
        """Start or drain agents until the pool has ``count`` that are not draining. Returns before they are ready.

        Repeating it changes nothing. Costs 1 request, or 1 per agent where the service starts them one by one.
        """

    @abstractmethod
    def agents(self, pool: str) -> list[AgentInfo]:
        """Return the agents of a pool, also those that drain.

        Repeating it changes nothing. Costs 1 request per page.
        """

    @abstractmethod
    def drain(self, agents: Sequence[AgentId]) -> None:
        """Tell agents to give back what they hold and end. One that is gone is fine.

        Repeating it may hasten them. Costs 1 request per agent.
        """

    @abstractmethod
    def logs(self, agent: AgentId, *, tail: int = 100, follow: bool = False) -> Iterator[str]:
        """Return the last ``tail`` lines of an agent's own log, oldest first and without their ends.

        With ``follow`` also the lines that come from now on, until the agent has ended or the iterator is closed; a
        line may come a second late. The log of an agent that has ended can be read for as long as the service keeps
        it. Repeating it begins anew. Costs 1 request per page of lines; with ``follow`` 1 stream, or 1 request a
        second.

        Raises:
            AgentNotFoundError: nothing is known of an agent of this id; raised by the call, before the first line.
        """
