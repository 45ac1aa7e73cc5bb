"""A grid on virtual time whose sessions do not go on, for tests of what is told to those who wait."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from htcgrid import Grid, SessionHandle
from htcgrid.connector.notices import Notices
from htcgrid.errors import ProviderUnavailableError
from htcgrid.host import RealHost
from htcgrid.interfaces import BEGINNING, Agents, Bundles, Entries
from htcgrid.model import (
    AgentId,
    AgentReport,
    Block,
    BundleKey,
    Claim,
    Commit,
    Holding,
    Pack,
    Remainder,
    RetryPolicy,
    SessionId,
    SessionStatus,
    TaskFault,
    pack_blocks,
)
from htcgrid.testing.clock import VirtualClock
from htcgrid.testing.memory import MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue

#: Such an agent is there for as long as a test looks.
LONG = timedelta(hours=9)


class VirtualHost(RealHost):
    """Time passes only while somebody waits."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        return self._clock()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def sleep(self, seconds: float) -> None:
        self._clock.advance(timedelta(seconds=seconds))


class StandingStore(MemoryStateStore):
    """A store on virtual time, that counts the calls of those who look why nothing goes on."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock=clock)
        self.clock = clock
        self.bell: list[tuple[float, Callable[[], object]]] = []
        #: The calls that looks make, by name.
        self.asked: list[str] = []
        self.broken: Exception | None = None
        self.unreachable_until = 0.0

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something once so many seconds have passed."""
        self.bell.append((self.clock() + seconds, action))

    def outcomes(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, wait: timedelta = timedelta(0)
    ) -> Entries:
        if self.clock() < self.unreachable_until:
            raise ProviderUnavailableError("the host is down")
        found = super().outcomes(session_id, cursor, limit=limit)
        if not found.entries and not found.closed and wait:
            self.clock.advance(wait)
            due = [action for at, action in self.bell if at <= self.clock()]
            self.bell = [(at, action) for at, action in self.bell if at > self.clock()]
            for action in due:
                action()
        return found

    def bundles(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, task: int | None = None
    ) -> Bundles:
        self._ask("bundles")
        return super().bundles(session_id, cursor, limit=limit, task=task)

    def agents(self, cursor: str = BEGINNING, *, limit: int = 100, pool: str | None = None) -> Agents:
        self._ask("agents")
        return super().agents(cursor, limit=limit, pool=pool)

    def status(self, session_ids: Any) -> list[SessionStatus]:
        self.asked.append("status")
        return super().status(session_ids)

    def _ask(self, name: str) -> None:
        self.asked.append(name)
        if self.broken is not None:
            raise self.broken


class Standing:
    """A session of ``tasks`` on such a store, and what may befall it."""

    def __init__(
        self,
        *,
        tasks: int = 3,
        pool: str = "default",
        priority: int = 1,
        quiet: bool = False,
        handler: str = "math:sqrt",
    ) -> None:
        self.clock = VirtualClock()
        self.state = StandingStore(self.clock)
        self.host = VirtualHost(self.clock)
        self.grid = Grid(
            self.state, MemoryTaskQueue(clock=self.clock), MemoryPayloadStore(), host=self.host, quiet=quiet
        )
        self.session: SessionHandle = self.grid.submit(
            "math:sqrt", list(range(tasks)), id="risk", retry=RetryPolicy(tries=3)
        )
        self.state.asked.clear()

    @property
    def notices(self) -> Notices:
        """What tells those who wait."""
        return self.grid._notices

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(seconds=seconds))

    def agent(self, name: str = "a", **report: Any) -> None:
        """Let an agent report."""
        said: dict[str, Any] = {"workers": 1, "handlers": ("*",), "host": "vm", "interval": LONG} | report
        self.state.register(AgentReport(id=AgentId(name), started=self.host.now(), **said))

    def keys(self) -> list[BundleKey]:
        """Return the bundles with open tasks."""
        return [bundle.key for bundle in MemoryStateStore.bundles(self.state, self.session.id, limit=10_000).bundles]

    def claim(self, *keys: BundleKey, name: str = "a", lease: float = 30.0) -> list[Claim]:
        """Let an agent claim bundles, or all."""
        return self.state.claim(keys or self.keys(), agent=AgentId(name), lease=timedelta(seconds=lease))

    def give_back(self, claims: list[Claim], *, delay: float = 0.0, tries: int = 0) -> None:
        """Let claimed bundles be given back, after tries that went wrong."""
        for claim in claims:
            again = dict.fromkeys(claim.open, tries) if tries else {}
            self.state.give_back(
                claim.lease, [Remainder(ranges=claim.open, delay=timedelta(seconds=delay), tries=again)]
            )

    def lapse(self, claims: list[Claim]) -> None:
        """Let leases lapse."""
        assert claims
        self.advance(31)
        self.state.due(1000)

    def end(self, claims: list[Claim]) -> None:
        """Let the tasks of claimed bundles succeed."""
        for claim in claims:
            values: list[bytes | None] = [b"\xc0"] * claim.open.count
            pack = Pack.of(pack_blocks([Block(claim.open.first, values, 0.0, [1] * len(values), "a/0")]))
            self.state.commit([Commit(lease=claim.lease, flush=0, succeeded=claim.open, pack=pack)])

    def fault(self, index: int, message: str, *, kind: str = "ValueError", tries: int = 1) -> TaskFault:
        """Return a try that went wrong a moment ago."""
        return TaskFault(
            session=self.session.id, index=index, tries=tries, type=kind, message=message, at=self.clock() - 2
        )


def holding(session: str, tasks: int) -> tuple[Holding, ...]:
    """Return what an agent holds of one session."""
    return (Holding(session=SessionId(session), bundles=1, tasks=tasks),)
