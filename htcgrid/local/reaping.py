"""How bundles come back: those whose lease lapsed, and those whose time came."""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from htcgrid.errors import UnreadableError
from htcgrid.local.damage import READABLE, Damage, Place
from htcgrid.local.liveness import AgentLiveness
from htcgrid.local.record import load
from htcgrid.local.schema import AGAIN, LATE, SUSPECT
from htcgrid.model import AgentId, BundleKey, Hint, SessionId, defaults
from htcgrid.model.decoding import Count, Row, Seconds
from htcgrid.unreadables import Unreadables

_RUNNING = (
    """
SELECT s.sid, b.session, b.start, b.birth, b.attempt, b.beat, b.agent, b.lease
FROM bundles b INDEXED BY bundles_running CROSS JOIN sessions s ON s.id = b.session
WHERE b.state = 1 AND s.state < 2 AND s.schema <= ?2
"""
    + READABLE
)
_HOLDERS = "SELECT DISTINCT agent FROM bundles INDEXED BY bundles_running WHERE state = 1"
_LAPSE = """
UPDATE bundles SET state = 0, agent = NULL, due = iif(lapses + lapses_alone + 1 < :limit, :again, :suspect),
    hint_at = :hint_at, hinted = 0, lapses = lapses + (tasks > 1), lapses_alone = lapses_alone + (tasks = 1)
WHERE session = :session AND start = :start AND birth = :birth AND state = 1 AND attempt = :attempt AND beat = :beat
"""
#: Whether a pending bundle is to be hinted, or has a delay that reaches further than any that was asked for.
_ANY_TIMED = """
SELECT EXISTS (SELECT 1 FROM bundles WHERE state = 0 AND hint_at <= :now)
    OR EXISTS (SELECT 1 FROM bundles WHERE state = 0 AND due > 0 AND due > :now + (SELECT longest_delay FROM grid))
"""
_RIPE = (
    """
SELECT s.sid, b.session, b.start, b.birth, b.pool, b.priority, b.tasks, b.attempt, b.lapses + b.lapses_alone
FROM bundles b INDEXED BY bundles_unhinted CROSS JOIN sessions s ON s.id = b.session
WHERE b.state = 0 AND b.hint_at <= ?1 AND s.state < 2 AND s.schema <= ?2
"""
    + READABLE
    + "ORDER BY b.hint_at LIMIT ?3"
)
_POSTPONE = """
UPDATE bundles SET hinted = hinted + 1, hint_at = ? + ? * (1 << min(hinted, 20)),
    due = iif(lapses + lapses_alone < ?, due, ?)
WHERE session = ? AND start = ? AND birth = ? AND state = 0
"""
#: A clock that was set back makes delays longer; they are cut to the longest that was ever asked for.
_PULL = """
UPDATE bundles SET due = :now + (SELECT longest_delay FROM grid), hint_at = :now + (SELECT longest_delay FROM grid)
WHERE state = 0 AND due > 0 AND due > :now + (SELECT longest_delay FROM grid)
"""


class Running(NamedTuple):
    """A leased bundle as a reaper sees it."""

    sid: SessionId
    session: Count
    start: Count
    birth: str
    attempt: Count
    beat: Count
    agent: AgentId
    lease: Seconds

    @property
    def fence(self) -> dict[str, int | str]:
        """What its row has as long as nobody has changed it since."""
        return {
            "session": self.session,
            "start": self.start,
            "birth": self.birth,
            "attempt": self.attempt,
            "beat": self.beat,
        }

    @property
    def place(self) -> tuple[int, int, str]:
        """The key of its row."""
        return self.session, self.start, self.birth


class _Ripe(NamedTuple):
    """A pending bundle that is to be hinted."""

    sid: SessionId
    session: Count
    start: Count
    birth: str
    pool: str
    priority: Count
    tasks: Count
    attempts: Count
    lapses: Count

    @property
    def hint(self) -> Hint:
        """Its hint."""
        key = BundleKey(self.sid, self.start, self.birth)
        facts = {"tasks": self.tasks, "attempts": self.attempts, "lapses": self.lapses}
        return Hint.of(key, self.pool, self.priority, **facts)


_running = Row(Running, "bundle")
_ripe = Row(_Ripe, "bundle")


class Watch:
    """What one reaper saw, and when, by its own monotonic clock."""

    def __init__(self, clock: Callable[[], float], liveness: AgentLiveness | None) -> None:
        self._clock = clock
        self._liveness = liveness
        self._lock = threading.Lock()
        self._seen: dict[tuple[int, int, str], tuple[int, int, float]] = {}

    def lapsed(self, connection: sqlite3.Connection, now: float, met: Unreadables) -> list[Running]:
        """Return the bundles whose lease lapsed, or whose agent died; those that cannot be read stay as they are."""
        # A beat is taken to be as late as it can be, and the silence after it as short as it can be.
        with self._lock:
            before = self._clock()
            rows = connection.execute(_RUNNING, (now, defaults.SCHEMA))
            running, _ = met.page(_read_running, rows)
            after = self._clock()
            self._seen = {bundle.place: self._since(bundle, after) for bundle in running}
            late = [bundle for bundle in running if before - self._seen[bundle.place][2] >= bundle.lease]
        dead = self._dead({bundle.agent for bundle in running})
        if not dead:
            return late
        return [*late, *(bundle for bundle in running if bundle.agent in dead and bundle not in late)]

    def forget(self, lapsed: Iterable[Running]) -> None:
        """Remove what the dead among the agents of these bundles left behind."""
        if self._liveness is not None:
            for agent in {bundle.agent for bundle in lapsed}:
                self._liveness.forget(agent)

    def _since(self, bundle: Running, now: float) -> tuple[int, int, float]:
        seen = self._seen.get(bundle.place)
        if seen is not None and seen[:2] == (bundle.attempt, bundle.beat):
            return seen
        return bundle.attempt, bundle.beat, now

    def _dead(self, agents: Iterable[AgentId]) -> set[AgentId]:
        if self._liveness is None:
            return set()
        return {agent for agent in agents if self._liveness.is_dead(agent)}


def lapse(connection: sqlite3.Connection, bundles: Iterable[Running], now: float, damage: Damage) -> list[Hint]:
    """Make pending those that have not changed since they were seen, and can be read."""
    hints = []
    same = {"hint_at": now + LATE, "limit": defaults.LAPSES_SUSPECT, "again": AGAIN, "suspect": SUSPECT}
    for bundle in bundles:
        key = BundleKey(bundle.sid, bundle.start, bundle.birth)
        record = load(connection, key, damage).record
        if record is not None and connection.execute(_LAPSE, same | bundle.fence).rowcount:
            facts = {"tasks": record.open.count, "lapses": record.lapses + record.lapses_alone + 1}
            hints.append(Hint.of(key, record.pool, record.priority, attempts=bundle.attempt, **facts))
    return hints


def holders(connection: sqlite3.Connection) -> set[AgentId]:
    """Return the agents that hold bundles."""
    return {AgentId(agent) for (agent,) in connection.execute(_HOLDERS) if isinstance(agent, str)}


def any_timed(connection: sqlite3.Connection, now: float) -> bool:
    """Return whether :func:`ripen` has anything to do."""
    return bool(connection.execute(_ANY_TIMED, {"now": now}).fetchone()[0])


def ripen(connection: sqlite3.Connection, now: float, limit: int, damage: Damage) -> list[Hint]:
    """Return bundles whose delay has passed, and those that nobody claimed for long; note that they were hinted."""
    connection.execute(_PULL, {"now": now})
    ripe: list[_Ripe] = []
    for columns in connection.execute(_RIPE, (now, defaults.SCHEMA, limit)).fetchall():
        try:
            ripe.append(_ripe(columns, _name(columns)))
        except UnreadableError as error:
            damage.note(connection, Place(*columns[1:4]), error)
    connection.executemany(_POSTPONE, [(now, LATE, defaults.LAPSES_SUSPECT, SUSPECT, *row[1:4]) for row in ripe])
    return [one.hint for one in ripe]


def _read_running(columns: Sequence[object]) -> Running:
    return _running(columns, _name(columns))


def _name(columns: Sequence[object]) -> str:
    """Return the key of a bundle whose columns begin with its session's id and number, start and birth."""
    return f"{columns[0]}/{columns[2]}/{columns[3]}"
