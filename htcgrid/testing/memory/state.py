"""The state store in memory: the oracle that other stores are compared with."""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from random import Random
from threading import Condition
from typing import Self, TypeVar, cast

import msgspec

from htcgrid.errors import ConflictError, SessionNotFoundError, UnreadableError
from htcgrid.interfaces import (
    BEGINNING,
    Agents,
    Bundles,
    Concern,
    Entries,
    Renewal,
    Sessions,
    Source,
    StateStore,
    Submitted,
)
from htcgrid.model import (
    ROOT,
    AgentId,
    AgentReport,
    AgentStatus,
    Bundle,
    BundleKey,
    CancelCounts,
    Claim,
    Commit,
    Committed,
    Entry,
    GivenBack,
    Hint,
    Lease,
    LossCause,
    Lost,
    Part,
    Ranges,
    Remainder,
    Session,
    SessionId,
    SessionState,
    SessionStatus,
    StateLimits,
    defaults,
)
from htcgrid.model.spelled import spelled
from htcgrid.secrets import without_texts
from htcgrid.testing.clock import Clock, is_real
from htcgrid.testing.memory.bundle import LATE, BundleRecord
from htcgrid.testing.memory.session import Log, SessionRecord
from htcgrid.unreadables import Unreadables

T = TypeVar("T")


class MemorySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the memory store can be opened with."""

    #: Logs of each session; with several, a reader's cursor is a position in each.
    logs: int = 1

    __repr__ = without_texts


class MemoryStateStore(StateStore):
    """The truth, for as long as the process lives: dictionaries under one lock.

    ``clock`` gives the store's own time and ``random`` its nonces, so that a simulation can be repeated exactly.
    Whoever waits for outcomes really waits only by a real clock.
    """

    Settings = MemorySettings
    limits = StateLimits(inline=1 << 16, durable=False, own_clock=True)

    def __init__(self, *, clock: Clock = time.time, random: Random | None = None, logs: int = 1) -> None:
        """Hold nothing yet."""
        self._clock = clock
        self._random = random or Random()
        self._logs = logs
        self._sessions: dict[SessionId, SessionRecord] = {}
        #: When each was heard of last, and what it said; the last one last.
        self._agents: dict[AgentId, tuple[float, AgentReport]] = {}
        self._changed = Condition()
        #: What nobody can read, by the name of the session, the bundle or the agent, and what was met of it.
        self._damaged: dict[str, UnreadableError] = {}
        self._met = Unreadables()

    def damage(self, what: str, name: str) -> None:
        """Let what is on record under a name not be read any more, as bytes that somebody has damaged cannot.

        Args:
            what: what it is, for messages: ``the header of session``, ``bundle`` or ``the report of agent``.
            name: the session's, the bundle's as text, or the agent's.
        """
        with self._changed:
            self._damaged[name] = UnreadableError(what, name, "it was damaged")

    def concerns(self) -> Sequence[Concern]:
        """See :meth:`Provided.concerns`."""
        return self._met.concerns()

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> Self:  # noqa: ARG003 - it is on no disk
        """Return an empty store."""
        return cls(logs=cast("MemorySettings", settings).logs)

    def create(self, session: Session, bundles: Sequence[Bundle] = (), *, sealed: bool = False) -> None:
        """See :meth:`StateStore.create`."""
        with self._changed:
            self._check(session.id)
            known = self._sessions.get(session.id)
            if known is not None and (known.tombstone or known.session.digest != session.digest):
                raise ConflictError(f"session id {session.id} is taken by another session: use another id")
            record = known or SessionRecord(
                session=session, number=len(self._sessions) + 1, logs=[Log() for _ in range(self._logs)]
            )
            record.add(list(bundles), self._clock())
            if sealed:
                record.seal(max((bundle.stop for bundle in bundles), default=0), self._clock())
            self._sessions[session.id] = record

    def add(self, session_id: SessionId, bundles: Sequence[Bundle]) -> None:
        """See :meth:`StateStore.add`."""
        with self._changed:
            self._found(session_id).add(list(bundles), self._clock())

    def seal(self, session_id: SessionId, total: int) -> None:
        """See :meth:`StateStore.seal`."""
        with self._changed:
            self._found(session_id).seal(total, self._clock())

    def claim(self, keys: Sequence[BundleKey], *, agent: AgentId, lease: timedelta) -> list[Claim]:
        """See :meth:`StateStore.claim`."""
        with self._changed:
            return [self._win(key, agent, lease) for key in keys if self._claimable(key)]

    def renew(self, leases: Sequence[Lease]) -> Renewal:
        """See :meth:`StateStore.renew`."""
        with self._changed:
            now = self._clock()
            kept = [bundle.renew(now) for lease in leases if (bundle := self._current(lease))]
            lost = [self._lost(lease) for lease in leases if not self._current(lease)]
            return Renewal(kept, lost)

    def commit(self, commits: Sequence[Commit]) -> list[Committed]:
        """See :meth:`StateStore.commit`."""
        with self._changed:
            answers, parts = [], list[Part]()
            for commit in commits:
                answer, part = self._accept(commit)
                answers.append(answer)
                if answer.accepted:
                    parts.append(part)
            self._record(parts)
            return answers

    def give_back(self, lease: Lease, remainders: Sequence[Remainder]) -> GivenBack | None:
        """See :meth:`StateStore.give_back`."""
        with self._changed:
            bundle = self._current(lease)
            if bundle is None:
                return None
            carved, hints = [], []
            for remainder in remainders:
                part = remainder.ranges & bundle.open if bundle.running else Ranges()
                carved.append(part)
                if part:
                    hints.append(self._hint(self._carve(bundle, part, remainder)))
            kept = bundle.renew(self._clock()) if bundle.running else None
            return GivenBack(lease=kept, carved=carved, hints=hints)

    def due(self, limit: int, *, dry: str | None = None) -> list[Hint]:
        """See :meth:`StateStore.due`."""
        with self._changed:
            now = self._clock()
            hints = list[Hint]()
            for bundle in self._runnable():
                if len(hints) < limit and (bundle.lapsed(now) or (bundle.pending and now >= bundle.hint_at)):
                    self._return_or_postpone(bundle, now)
                    hints.append(self._hint(bundle))
            hinted = {hint.key for hint in hints}
            waiting = (bundle for bundle in self._runnable() if bundle.pending and now >= bundle.due)
            if dry is not None:
                pending = (self._hint(bundle) for bundle in waiting if bundle.key not in hinted)
                hints += [hint for hint in pending if hint.pool == dry]
            return hints[:limit]

    def cancel(self, session_ids: Sequence[SessionId]) -> list[CancelCounts]:
        """See :meth:`StateStore.cancel`."""
        with self._changed:
            for session_id in session_ids:
                if self._alive(session_id):
                    self._sessions[session_id].cancel(self._clock())
            self._changed.notify_all()
            return [self._found(session_id).counts for session_id in session_ids]

    def status(self, session_ids: Sequence[SessionId]) -> list[SessionStatus]:
        """See :meth:`StateStore.status`."""
        with self._changed:
            return [self._found(session_id).status for session_id in session_ids]

    def outcomes(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, wait: timedelta = timedelta(0)
    ) -> Entries:
        """See :meth:`StateStore.outcomes`."""
        with self._changed:
            record = self._found(session_id)
            positions = record.behind(cursor)
            if is_real(self._clock):
                self._changed.wait_for(
                    lambda: record.unread(positions) or not record.live, timeout=wait.total_seconds()
                )
            entries = list[Entry]()
            for number, log in enumerate(record.logs):
                page = log.entries[positions[number] :][: limit - len(entries)]
                positions[number] += len(page)
                entries += page
            closed = record.state is SessionState.CANCELLED and not record.unread(positions)
            return Entries(entries, ".".join(map(str, positions)), closed)

    def sessions(self, cursor: str = BEGINNING, *, limit: int = 100) -> Sessions:
        """See :meth:`StateStore.sessions`."""
        with self._changed:
            older = [
                record
                for record in reversed(self._sessions.values())
                if not record.tombstone and (cursor == BEGINNING or record.number < int(cursor))
            ]
            page = older[:limit]
            found, left_out = self._met.page(lambda record: self._found(record.session.id).status, page)
            return Sessions(found, str(page[-1].number) if older[limit:] else None, left_out)

    def bundles(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, task: int | None = None
    ) -> Bundles:
        """See :meth:`StateStore.bundles`."""
        with self._changed:
            record = self._found(session_id)
            found = sorted(
                (key for key, bundle in record.bundles.items() if bundle.open and (task is None or task in bundle.open))
                if record.live
                else ()
            )
            first = int(cursor or 0)
            page, left_out = self._met.page(
                lambda key: self._readable(str(key), record.bundles[key].status(self._clock())),
                found[first : first + limit],
            )
            return Bundles(page, str(first + limit) if found[first + limit :] else None, left_out)

    def submitted(self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100) -> Submitted:
        """See :meth:`StateStore.submitted`."""
        with self._changed:
            bundles = self._found(session_id).bundles
            roots = [bundles[key].root for key in sorted(bundles) if key.birth == ROOT]
            first = int(cursor or 0)
            return Submitted(roots[first : first + limit], str(first + limit) if roots[first + limit :] else None)

    def register(self, report: AgentReport) -> None:
        """See :meth:`StateStore.register`."""
        with self._changed:
            self._agents.pop(report.id, None)
            self._agents[report.id] = (self._clock(), report)

    def agents(self, cursor: str = BEGINNING, *, limit: int = 100, pool: str | None = None) -> Agents:
        """See :meth:`StateStore.agents`."""
        with self._changed:
            now = self._clock()
            found = [
                AgentStatus(report=report, silent=timedelta(seconds=now - heard))
                for heard, report in reversed(self._agents.values())
                if now - heard < defaults.REMEMBER.total_seconds() and pool in {None, report.pool}
            ]
            first = int(cursor or 0)
            page, left_out = self._met.page(
                lambda agent: self._readable(agent.report.id, agent), found[first : first + limit]
            )
            return Agents(page, str(first + limit) if found[first + limit :] else None, left_out)

    def delete(self, session_id: SessionId) -> None:
        """See :meth:`StateStore.delete`."""
        with self._changed:
            if session_id in self._sessions:
                self._sessions[session_id].tombstone = True
                self._changed.notify_all()

    def expired(self, limit: int) -> list[SessionId]:
        """See :meth:`StateStore.expired`."""
        with self._changed:
            now = self._clock()
            for record in self._sessions.values():
                if record.ended is not None and now - record.ended >= record.session.keep_for.total_seconds():
                    record.tombstone = True
            found = (record for record in self._sessions.values() if record.tombstone and record.collectable(now))
            return [record.session.id for record in found][:limit]

    def collect(self, session_id: SessionId, limit: int) -> bool:
        """See :meth:`StateStore.collect`."""
        with self._changed:
            record = self._sessions.get(session_id)
            return record is None or (record.tombstone and record.collect(limit, self._clock()))

    def _alive(self, session_id: SessionId) -> bool:
        return session_id in self._sessions and not self._sessions[session_id].tombstone

    def _found(self, session_id: SessionId) -> SessionRecord:
        if not self._alive(session_id):
            raise SessionNotFoundError(f"there is no session {spelled(session_id)} in this store")
        self._check(session_id)
        return self._sessions[session_id]

    def _check(self, name: str) -> None:
        if name in self._damaged:
            raise self._damaged[name]

    def _readable(self, name: str, found: T) -> T:
        self._check(name)
        return found

    def _bundle(self, key: BundleKey) -> BundleRecord | None:
        """Return the bundle if it may run: its session is there, open or sealed, and understood."""
        record = self._sessions.get(key.session)
        if record is None or not record.live or record.session.schema != defaults.SCHEMA:
            return None
        for name in (key.session, str(key)):
            if name in self._damaged:
                self._met.note(self._damaged[name])
                return None
        return record.bundles.get(key)

    def _runnable(self) -> Iterator[BundleRecord]:
        keys = [key for record in self._sessions.values() for key in record.bundles]
        return (bundle for key in keys if (bundle := self._bundle(key)))

    def _current(self, lease: Lease) -> BundleRecord | None:
        bundle = self._bundle(lease.key)
        return bundle if bundle is not None and bundle.current(lease) else None

    def _claimable(self, key: BundleKey) -> bool:
        bundle = self._bundle(key)
        if bundle is None or not bundle.pending or self._clock() < bundle.due:
            return False
        return bundle.held.stop <= self._sessions[key.session].total

    def _win(self, key: BundleKey, agent: AgentId, lease: timedelta) -> Claim:
        record = self._sessions[key.session]
        nonce = f"{self._random.getrandbits(64):016x}"
        return record.bundles[key].claim(record.session, agent, lease, nonce, self._clock())

    def _lost(self, lease: Lease) -> Lost:
        record = self._sessions.get(lease.key.session)
        cause = LossCause.LAPSED if record is not None and record.live else LossCause.CANCELLED
        return Lost(key=lease.key, nonce=lease.nonce, cause=cause)

    def _accept(self, commit: Commit) -> tuple[Committed, Part]:
        """Record what is accepted of a commit in its bundle; return the answer, and the part of the log's entry."""
        bundle = self._bundle(commit.lease.key)
        current = self._current(commit.lease)
        succeeded = commit.succeeded & bundle.open if bundle else Ranges()
        failed = commit.failed & current.open - succeeded if current else Ranges()
        accepted = succeeded | failed
        if bundle is not None:
            bundle.finish(accepted)
        record = self._sessions.get(commit.lease.key.session)
        answer = Committed(
            lease=current.renew(self._clock()) if current and current.running else None,
            accepted=accepted,
            refused=(commit.succeeded | commit.failed) - accepted,
            cancelled=record is None or not record.live,
        )
        return answer, Part(commit.lease.key, succeeded, failed, commit.pack)

    def _record(self, parts: list[Part]) -> None:
        """Write one entry for each log that the parts belong to."""
        entries: dict[int, tuple[SessionRecord, Log, list[Part]]] = {}
        for part in parts:
            record = self._sessions[part.key.session]
            log = record.log(record.bundles[part.key].root)
            entries.setdefault(id(log), (record, log, []))[2].append(part)
        for record, log, merged in entries.values():
            log.append(tuple(merged), self._clock())
            record.note_end(self._clock())
        self._changed.notify_all()

    def _carve(self, bundle: BundleRecord, part: Ranges, remainder: Remainder) -> BundleRecord:
        given_back = bundle.carve(part, remainder, self._clock())
        self._sessions[bundle.key.session].bundles[given_back.key] = given_back
        return given_back

    def _return_or_postpone(self, bundle: BundleRecord, now: float) -> None:
        """Make a lapsed bundle pending; note of a pending one when it is to be hinted again."""
        if bundle.running:
            bundle.lapse(now)
        else:
            bundle.hinted += 1
            bundle.hint_at = now + LATE.total_seconds() * 2 ** (bundle.hinted - 1)

    def _hint(self, bundle: BundleRecord) -> Hint:
        session = self._sessions[bundle.key.session].session
        return Hint.of(
            bundle.key,
            session.pool,
            session.priority,
            tasks=bundle.open.count,
            attempts=bundle.attempt,
            lapses=bundle.lapses + bundle.lapses_alone,
        )
