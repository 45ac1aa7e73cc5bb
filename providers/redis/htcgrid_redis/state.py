"""The state store on Redis: each verb is one script for each shard that it touches."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Self

import msgspec

from htcgrid.errors import ConfigError
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
)
from htcgrid.model.header import session_decoder
from htcgrid.skew import skew_concerns
from htcgrid.unreadables import Unreadables
from htcgrid_redis import endings, inspection, leasing, reaping, recording, reports, submissions
from htcgrid_redis.access import Access, milliseconds
from htcgrid_redis.health import examine
from htcgrid_redis.served import Served
from htcgrid_redis.settings import RedisSettings

#: A reaper that looks so often, at each of some shards once a look, and an agent that waits as long as one command may
#: block, cost about a request a second while there is nothing to do.
_LOOK, _LOOK_PER_SHARD = timedelta(seconds=4), timedelta(seconds=1)


class RedisStateStore(Served, StateStore):
    """The truth of a grid on a server; ``clock``, seconds since the epoch, stands for the server's own in tests."""

    def __init__(self, settings: RedisSettings, *, clock: Callable[[], float] | None = None) -> None:
        super().__init__(settings)
        forget = milliseconds(timedelta(days=settings.forget))
        self._access = Access(self._server, self._layout, forget, Unreadables(), session_decoder(), clock)
        self.limits = StateLimits(
            inline=64 << 10, own_clock=True, durable=False, look=max(_LOOK, settings.parts * _LOOK_PER_SHARD)
        )

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> Self:
        """Return the store of a server; what that may lose is in its limits."""
        store = super().open(settings, source)
        try:
            store.agree()
        except BaseException:
            store.close()
            raise
        return store

    def agree(self) -> None:
        """Take in how the server is set up, and see that all who use the grid find its keys in the same places.

        Raises:
            ConfigError: the server is too old, or the grid is there with another number of shards.
        """
        healths = examine(self._server)
        self.limits = msgspec.structs.replace(self.limits, durable=all(health.durable for health in healths))
        shards = len(self._layout.shards)
        _, there = self._server.commands([("SETNX", self._layout.grid, shards), ("GET", self._layout.grid)])
        if int(there) != shards:
            raise ConfigError(
                f"the grid {self._settings.name!r} on Redis at {self._server.place} is spread over {int(there)} "
                f"shards, not {shards}: set `shards = {int(there)}`, or another `name`"
            )

    def concerns(self) -> Sequence[Concern]:
        """Return what is to be known of the server and its records. Costs 2 requests more, and 1 per shard."""
        for error in inspection.put_down(self._access):
            self._access.met.note(error)
        seconds, _ = self._server.command("TIME")
        return [*super().concerns(), *self._access.met.concerns(), *skew_concerns(float(seconds))]

    def create(self, session: Session, bundles: Sequence[Bundle] = (), *, sealed: bool = False) -> None:
        submissions.create(self._access, session, bundles, sealed=sealed)

    def add(self, session_id: SessionId, bundles: Sequence[Bundle]) -> None:
        submissions.add(self._access, session_id, bundles)

    def seal(self, session_id: SessionId, total: int) -> None:
        submissions.submit(self._access, session_id, (), total=total)

    def claim(self, keys: Sequence[BundleKey], *, agent: AgentId, lease: timedelta) -> list[Claim]:
        return leasing.claim(self._access, keys, agent, lease)

    def renew(self, leases: Sequence[Lease]) -> Renewal:
        return leasing.renew(self._access, leases)

    def commit(self, commits: Sequence[Commit]) -> list[Committed]:
        return recording.commit(self._access, commits)

    def give_back(self, lease: Lease, remainders: Sequence[Remainder]) -> GivenBack | None:
        return leasing.give_back(self._access, lease, remainders)

    def due(self, limit: int, *, dry: str | None = None) -> list[Hint]:
        return reaping.due(self._access, limit, dry)

    def cancel(self, session_ids: Sequence[SessionId]) -> list[CancelCounts]:
        return endings.cancel(self._access, session_ids)

    def status(self, session_ids: Sequence[SessionId]) -> list[SessionStatus]:
        return reports.status(self._access, session_ids)

    def outcomes(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, wait: timedelta = timedelta(0)
    ) -> Entries:
        return reports.outcomes(self._access, session_id, cursor, limit, wait)

    def sessions(self, cursor: str = BEGINNING, *, limit: int = 100) -> Sessions:
        return reports.sessions(self._access, cursor, limit)

    def bundles(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, task: int | None = None
    ) -> Bundles:
        return inspection.bundles(self._access, session_id, cursor, limit=limit, task=task)

    def submitted(self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100) -> Submitted:
        return inspection.submitted(self._access, session_id, cursor, limit)

    def register(self, report: AgentReport) -> None:
        inspection.register(self._access, report)

    def agents(self, cursor: str = BEGINNING, *, limit: int = 100, pool: str | None = None) -> Agents:
        return inspection.agents(self._access, cursor, limit, pool)

    def delete(self, session_id: SessionId) -> None:
        endings.delete(self._access, session_id)

    def expired(self, limit: int) -> list[SessionId]:
        return endings.expired(self._access, limit)

    def collect(self, session_id: SessionId, limit: int) -> bool:
        return endings.collect(self._access, session_id, limit)
