"""The state store as one process sees it."""

from collections.abc import Sequence
from datetime import timedelta
from math import inf
from typing import TypeVar

import msgspec

from htcgrid.connector.cut import bundle_size
from htcgrid.interfaces import BEGINNING, Agents, Bundles, Entries, Renewal, Sessions, Source, StateStore, Submitted
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
)
from tests.simulation.stores.line import Line

_T = TypeVar("_T")


class SimulatedStateStore(StateStore):
    """The state store through a line."""

    Settings = msgspec.Struct

    def __init__(self, line: Line) -> None:
        self._line = line
        self._state = line.world.state
        self._bell = line.world.committed
        self.limits = line.world.limits

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> "SimulatedStateStore":
        """Never called: a world makes its stores."""
        raise NotImplementedError

    def _half(self, items: Sequence[_T]) -> Sequence[_T]:
        return items[: self._line.world.random.randrange(len(items) + 1)]

    def create(self, session: Session, bundles: Sequence[Bundle] = (), *, sealed: bool = False) -> None:
        self._line.call(
            lambda: self._state.create(session, bundles, sealed=sealed),
            # Without bundles it is one write.
            (lambda: self._state.create(session, self._half(bundles))) if bundles else None,
            about=f"{session.id} {_spans(bundles)}{' sealed' if sealed else ''}",
        )

    def add(self, session_id: SessionId, bundles: Sequence[Bundle]) -> None:
        def add(bundles: Sequence[Bundle]) -> None:
            self._state.add(session_id, bundles)
            status, ahead = self._state.status([session_id])[0], self._line.world.facts.ahead.get(session_id, inf)
            waiting = status.total - status.ended
            # Of one that its caller named, a bundle is only written once it is full.
            assert waiting <= ahead + bundle_size(status.total), (
                f"{waiting} tasks of {session_id} have not ended, and {ahead} may"
            )

        self._line.call(lambda: add(bundles), lambda: add(self._half(bundles)), f"{session_id} {_spans(bundles)}")

    def seal(self, session_id: SessionId, total: int) -> None:
        self._line.call(lambda: self._state.seal(session_id, total), about=f"{session_id} {total}")

    def claim(self, keys: Sequence[BundleKey], *, agent: AgentId, lease: timedelta) -> list[Claim]:
        def claim(keys: Sequence[BundleKey]) -> list[Claim]:
            claims = self._state.claim(keys, agent=agent, lease=lease)
            for won in claims:
                self._line.note("won", won.key, f"attempt {won.lease.attempt} {won.lease.nonce}", won.open)
            return claims

        return self._line.call(lambda: claim(keys), lambda: claim(self._half(keys)), " ".join(map(str, keys)))

    def renew(self, leases: Sequence[Lease]) -> Renewal:
        about = " ".join(str(lease.key) for lease in leases)
        return self._line.call(lambda: self._state.renew(leases), lambda: self._state.renew(self._half(leases)), about)

    def commit(self, commits: Sequence[Commit]) -> list[Committed]:
        def commit(commits: Sequence[Commit]) -> list[Committed]:
            answers = self._state.commit(commits)
            for commit, answer in zip(commits, answers, strict=True):
                self._line.note("committed", commit.lease.key, answer.accepted, "refused", answer.refused)
            self._bell.wake()
            return answers

        about = " ".join(f"{one.lease.key} {one.lease.nonce} {one.pack.key or 'inline'}" for one in commits)
        return self._line.call(lambda: commit(commits), lambda: commit(self._half(commits)), about)

    def give_back(self, lease: Lease, remainders: Sequence[Remainder]) -> GivenBack | None:
        return self._line.call(
            lambda: self._state.give_back(lease, remainders),
            lambda: self._state.give_back(lease, self._half(remainders)),
            about=f"{lease.key} {' '.join(str(remainder.ranges) for remainder in remainders)}",
        )

    def due(self, limit: int, *, dry: str | None = None) -> list[Hint]:
        def due(limit: int) -> list[Hint]:
            with self._line.world.lapses():
                return self._state.due(limit, dry=dry)

        return self._line.call(lambda: due(limit), lambda: due(self._line.world.random.randrange(limit)))

    def cancel(self, session_ids: Sequence[SessionId]) -> list[CancelCounts]:
        def cancel() -> list[CancelCounts]:
            counts = self._state.cancel(session_ids)
            self._bell.wake()
            return counts

        return self._line.call(cancel, about=" ".join(session_ids))

    def status(self, session_ids: Sequence[SessionId]) -> list[SessionStatus]:
        return self._line.call(lambda: self._state.status(session_ids))

    def outcomes(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, wait: timedelta = timedelta(0)
    ) -> Entries:
        # A page may be shorter than asked for, as those of real services are.
        page = self._line.world.random.choice((1, 3, limit))
        return self._line.call(
            lambda: self._line.waited_for(
                lambda: self._state.outcomes(session_id, cursor, limit=page),
                lambda found: found.entries or found.closed,
                wait,
                self._bell,
            )
        )

    def sessions(self, cursor: str = BEGINNING, *, limit: int = 100) -> Sessions:
        return self._line.call(lambda: self._state.sessions(cursor, limit=limit))

    def bundles(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, task: int | None = None
    ) -> Bundles:
        return self._line.call(lambda: self._state.bundles(session_id, cursor, limit=limit, task=task))

    def submitted(self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100) -> Submitted:
        return self._line.call(lambda: self._state.submitted(session_id, cursor, limit=limit), about=session_id)

    def register(self, report: AgentReport) -> None:
        self._line.call(lambda: self._state.register(report))

    def agents(self, cursor: str = BEGINNING, *, limit: int = 100, pool: str | None = None) -> Agents:
        return self._line.call(lambda: self._state.agents(cursor, limit=limit, pool=pool))

    def delete(self, session_id: SessionId) -> None:
        def delete() -> None:
            self._state.delete(session_id)
            self._bell.wake()

        self._line.call(delete, about=session_id)

    def expired(self, limit: int) -> list[SessionId]:
        return self._line.call(lambda: self._state.expired(limit))

    def collect(self, session_id: SessionId, limit: int) -> bool:
        return self._line.call(
            lambda: self._state.collect(session_id, limit),
            lambda: self._state.collect(session_id, self._line.world.random.randrange(5)),
            about=session_id,
        )


def _spans(bundles: Sequence[Bundle]) -> str:
    return " ".join(f"{bundle.key.start}-{bundle.stop}" for bundle in bundles)
