"""The state store on SQLite: each verb is one transaction, or a few for batches that are large."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Self, cast

import msgspec

from htcgrid.errors import ProviderError, UnreadableError
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
from htcgrid.local import cancels, collection, inspection, leasing, reaping, recording, reports, returns, submissions
from htcgrid.local.backlog import glance, pending
from htcgrid.local.damage import Damage
from htcgrid.local.database import Database
from htcgrid.local.doorbell import Doorbell, Topic, pool_topics, session_topic, topics_of
from htcgrid.local.group import GroupCommit
from htcgrid.local.liveness import AgentLiveness
from htcgrid.local.settings import PATIENCE, LocalSettings, Mode
from htcgrid.model import (
    AgentId,
    AgentReport,
    Bundle,
    BundleKey,
    CancelCounts,
    Claim,
    Commit,
    Committed,
    GivenBack,
    Hint,
    Lease,
    Remainder,
    Session,
    SessionId,
    SessionStatus,
    StateLimits,
    in_order,
    in_parts,
)
from htcgrid.model.header import session_decoder
from htcgrid.skew import clocks_agree, skew_concerns

#: How often a waiting reader looks though no bell rang: a lost ring costs this much.
_POLL = 0.25


class SqliteStateStore(StateStore):
    """The truth of a grid on one machine, in ``folder``.

    ``clock`` is monotonic and judges leases; ``now`` is for delays and retention, which have to outlast processes: the
    time of the file's own machine, unless it is given. With ``liveness``, the default unless ``clock`` is another one,
    a dead agent's bundles lapse at once.
    """

    Settings = LocalSettings
    limits = StateLimits(inline=256 << 10)

    def __init__(
        self,
        folder: Path,
        *,
        patience: timedelta = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] | None = None,
        liveness: bool | None = None,
        mode: Mode = "private",
    ) -> None:
        self._database = Database(folder, patience, mode=mode)
        self._group = GroupCommit(self._database)
        self._doorbell = Doorbell(folder / "bells", self._database.clock)
        watched = clock is time.monotonic if liveness is None else liveness
        self._liveness = AgentLiveness(folder / "agents") if watched else None
        self._watch = reaping.Watch(clock, self._liveness)
        self._own_time = now is None
        self._now = now or self._database.clock
        self._decode = session_decoder()
        self._damage = Damage(self._now)

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> Self:
        """Return the store of the grid's folder."""
        local = cast("LocalSettings", settings)
        return cls(local.folder(source), patience=timedelta(seconds=local.patience), mode=local.mode)

    def concerns(self) -> Sequence[Concern]:
        """Return what of the file cannot be read, as far as anybody has met it. Costs 1 read."""
        with self._database.reading() as connection:
            found = list(self._damage.concerns(connection))
        return [*found, *(skew_concerns(self._now()) if self._own_time else ())]

    def usage(self) -> Mapping[str, float]:
        return {"durable writes": float(self._database.commits)}

    def close(self) -> None:
        """Let go of file, bells and locks."""
        if self._liveness is not None:
            self._liveness.close(holding=self._holders())
        self._doorbell.close()
        self._database.close()

    def create(self, session: Session, bundles: Sequence[Bundle] = (), *, sealed: bool = False) -> None:
        """Record a session and its bundles.

        Costs 1 write per 2,048 bundles or 16 MiB of them, shared with what other threads record at the same time.
        """
        ordered = in_order(session.id, bundles)
        total = ordered[-1].stop if ordered else 0
        parts, new = _parts(ordered), False
        for number, part in enumerate(parts):
            ends = sealed and number == len(parts) - 1
            header, added = self._write(partial(self._create, session, part, total if ends else None), part)
            new |= header.new
            if added:
                self._ring(pool_topics(session.pool, session.priority))
        if sealed and not new:
            self._doorbell.ring(session_topic(session.id))

    def add(self, session_id: SessionId, bundles: Sequence[Bundle]) -> None:
        """Record more bundles.

        Costs 1 write per 2,048 bundles or 16 MiB of them, shared with what other threads record at the same time.
        """
        for part in _parts(in_order(session_id, bundles)):
            header, added = self._write(partial(self._add, session_id, part), part)
            if added:
                self._ring(pool_topics(header.pool, header.priority))

    def seal(self, session_id: SessionId, total: int) -> None:
        """Record that no more tasks will come. Costs 1 write."""
        with self._database.writing() as connection:
            sealed = submissions.seal(connection, session_id, total, self._now())
        if sealed:
            self._doorbell.ring(session_topic(session_id))

    def claim(self, keys: Sequence[BundleKey], *, agent: AgentId, lease: timedelta) -> list[Claim]:
        """Win bundles, which the loss of power may undo: then nobody holds them. Costs 1 quick write."""
        if not keys:
            return []
        if self._liveness is not None:
            self._liveness.hold(agent)
        with self._database.writing(durable=False) as connection:
            return leasing.claim(
                connection,
                keys,
                agent=agent,
                lease=lease,
                now=self._now(),
                decode=self._decode,
                damage=self._damage,
            )

    def renew(self, leases: Sequence[Lease]) -> Renewal:
        """Renew leases. Costs 1 quick write."""
        if not leases:
            return Renewal([], [])
        with self._database.writing(durable=False) as connection:
            return leasing.renew(connection, leases)

    def commit(self, commits: Sequence[Commit]) -> list[Committed]:
        """Record outcomes, with one entry per session. Costs 1 write."""
        if not commits:
            return []
        with self._database.writing() as connection:
            answers = recording.record_outcomes(connection, commits, self._now(), self._damage)
        accepted = (
            commit.lease.key.session for commit, answer in zip(commits, answers, strict=True) if answer.accepted
        )
        self._ring({session_topic(session) for session in accepted})
        return answers

    def give_back(self, lease: Lease, remainders: Sequence[Remainder]) -> GivenBack | None:
        """Carve parts of a leased bundle into new pending bundles. Costs 1 write."""
        with self._database.writing() as connection:
            given = returns.give_back(connection, lease, remainders, self._now(), self._damage)
        self._ring(topics_of(given.hints if given else ()))
        return given

    def due(self, limit: int, *, dry: str | None = None) -> list[Hint]:
        """Return bundles to hint.

        Costs 1 read, and 1 write when a lease lapsed or a delay passed; with ``dry`` 1 read more.
        """
        with self._database.reading() as connection:
            lapsed = self._watch.lapsed(connection, self._now(), self._damage.met)
            timed = reaping.any_timed(connection, self._now())
            unswept = cancels.unswept(connection)
        hints: list[Hint] = []
        if lapsed or timed:
            with self._database.writing() as connection:
                hints += reaping.lapse(connection, lapsed[:limit], self._now(), self._damage)
                if timed:
                    hints += reaping.ripen(connection, self._now(), limit - len(hints), self._damage)
            self._ring(topics_of(hints))
            if len(lapsed) <= limit:
                self._watch.forget(lapsed)
        if unswept:
            self._sweep()
        return hints if dry is None else hints + self._backlog(hints, limit, dry)

    def cancel(self, session_ids: Sequence[SessionId]) -> list[CancelCounts]:
        """End sessions, then sweep their bundles. Costs 1 write, and 2 quick writes or more."""
        found: list[CancelCounts | None] = []
        problems: list[UnreadableError] = []
        with self._database.writing() as connection:
            for session_id in session_ids:
                try:
                    found.append(cancels.cancel(connection, session_id, self._now()))
                except UnreadableError as error:
                    problems.append(error)
        self._ring({session_topic(session_id) for session_id in session_ids})
        self._sweep()
        if problems:
            raise problems[0]
        missing = [session_id for session_id, counts in zip(session_ids, found, strict=True) if counts is None]
        if missing:
            raise submissions.not_found(missing[0])
        return [counts for counts in found if counts is not None]

    def status(self, session_ids: Sequence[SessionId]) -> list[SessionStatus]:
        """Return how far sessions are. Costs 1 read."""
        with self._database.reading() as connection:
            return [reports.status(connection, session_id, self._decode) for session_id in session_ids]

    def outcomes(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, wait: timedelta = timedelta(0)
    ) -> Entries:
        """Return entries behind a cursor; waits at a doorbell, and no longer than something can come.

        Costs 1 read per look; who waits looks when the bell rings, and 4 times a second.
        """
        if wait <= timedelta(0):
            return self._look(session_id, cursor, limit).found
        deadline = time.monotonic() + wait.total_seconds()
        with self._doorbell.listening(session_topic(session_id)) as listener:
            while True:
                listener.drain()
                look = self._look(session_id, cursor, limit)
                left = deadline - time.monotonic()
                if look.found.entries or look.last or left <= 0:
                    return look.found
                listener.wait(min(left, _POLL))

    def sessions(self, cursor: str = BEGINNING, *, limit: int = 100) -> Sessions:
        """Return a page of sessions, newest first. Costs 1 read."""
        with self._database.reading() as connection:
            return reports.sessions(connection, cursor, limit, self._decode, self._damage.met)

    def bundles(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, task: int | None = None
    ) -> Bundles:
        """Return a page of a session's open bundles. Costs 1 read."""
        with self._database.reading() as connection:
            return inspection.bundles(
                connection, session_id, cursor, limit=limit, task=task, now=self._now(), met=self._damage.met
            )

    def submitted(self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100) -> Submitted:
        """Return a page of a session's bundles as they were submitted. Costs 1 read."""
        with self._database.reading() as connection:
            return inspection.submitted(connection, session_id, cursor, limit)

    def register(self, report: AgentReport) -> None:
        """Remember an agent's report; the loss of power may undo it. Costs 1 quick write."""
        with self._database.writing(durable=False) as connection:
            inspection.register(connection, report, self._now())

    def agents(self, cursor: str = BEGINNING, *, limit: int = 100, pool: str | None = None) -> Agents:
        """Return a page of agents. Costs 1 read."""
        with self._database.reading() as connection:
            return inspection.agents(connection, cursor, limit, pool, now=self._now(), met=self._damage.met)

    def delete(self, session_id: SessionId) -> None:
        """Make a session a tombstone, then sweep its bundles. Costs 1 write, and 2 quick writes or more."""
        with self._database.writing() as connection:
            collection.bury(connection, session_id)
        self._doorbell.ring(session_topic(session_id))
        self._sweep()

    def expired(self, limit: int) -> list[SessionId]:
        """Return sessions to collect, none while this process's clock and the file's differ by over an hour.

        Costs 1 read, and 1 write when one is past its retention.
        """
        if self._own_time and not (clocks_agree(self._now()) and self._database.clock.is_sure):
            # One of the two is wrong, or it is not known; and what is gone does not come again.
            return []
        with self._database.reading() as connection:
            found = collection.look(connection, self._now(), limit)
        if not found.expired:
            return found.sessions
        with self._database.writing() as connection:
            found = collection.look(connection, self._now(), limit)
            collection.expire(connection, found.expired)
        return found.sessions

    def collect(self, session_id: SessionId, limit: int) -> bool:
        """Delete records of a tombstone. Costs 1 quick write."""
        with self._database.writing(durable=False) as connection:
            return collection.collect(connection, session_id, limit, self._now())

    def _create(
        self, session: Session, bundles: Sequence[Bundle], total: int | None, connection: sqlite3.Connection
    ) -> tuple[submissions.Header, bool]:
        header = submissions.create(connection, session)
        added = submissions.add(connection, header, bundles, self._now())
        if total is not None:
            submissions.seal(connection, session.id, total, self._now())
        return header, added

    def _add(
        self, session_id: SessionId, bundles: Sequence[Bundle], connection: sqlite3.Connection
    ) -> tuple[submissions.Header, bool]:
        header = submissions.find(connection, session_id)
        return header, submissions.add(connection, header, bundles, self._now())

    def _write(
        self, write: Callable[[sqlite3.Connection], tuple[submissions.Header, bool]], bundles: Sequence[Bundle]
    ) -> tuple[submissions.Header, bool]:
        size = sum(len(bundle.input.data or b"") for bundle in bundles)
        share = max(len(bundles) / submissions.CHUNK, size / submissions.CHUNK_BYTES)
        return self._group.write(write, share=share)

    def _look(self, session_id: SessionId, cursor: str, limit: int) -> reports.Look:
        with self._database.reading() as connection:
            return reports.look(connection, session_id, cursor, limit)

    def _backlog(self, hints: Sequence[Hint], limit: int, pool: str) -> list[Hint]:
        there = {hint.key for hint in hints}
        with self._database.reading() as connection:
            now = self._now()
            found = pending(connection, pool, now, limit, glance(connection, pool, now).priorities)
        # The damaged among them are passed over by the queue that these hints are for.
        return [hint for hint in found.hints if hint.key not in there][: limit - len(hints)]

    def _sweep(self) -> None:
        """Delete the bundles of sessions that are over, so that nobody has to look past them."""
        more = True
        while more:
            with self._database.writing(durable=False) as connection:
                more = cancels.sweep(connection)

    def _holders(self) -> set[AgentId]:
        """The agents that hold bundles; those of this process when the file cannot tell any more."""
        try:
            with self._database.reading() as connection:
                return reaping.holders(connection)
        except ProviderError:
            return set(self._liveness.held) if self._liveness else set()

    def _ring(self, topics: Iterable[Topic]) -> None:
        for topic in topics:
            self._doorbell.ring(topic)


def _parts(bundles: Sequence[Bundle]) -> list[Sequence[Bundle]]:
    """Return the bundles in parts of one transaction each; at least one part."""
    return list(in_parts(bundles, count=submissions.CHUNK, size=submissions.CHUNK_BYTES))
