"""The pending bundles, in the order in which they are to be claimed."""

import sqlite3
from typing import NamedTuple

import msgspec

from htcgrid.errors import UnreadableError
from htcgrid.local.damage import READABLE, Place
from htcgrid.model import BundleKey, Hint, SessionId, defaults
from htcgrid.model.decoding import Count, Decoder, Row

_PRIORITIES = range(defaults.PRIORITY_LIMIT, -1, -1)

_PENDING = """
SELECT s.sid, b.session, b.start, b.birth, b.tasks, b.attempt, b.lapses + b.lapses_alone
FROM bundles b INDEXED BY bundles_pending CROSS JOIN sessions s ON s.id = b.session
WHERE b.state = 0 AND b.pool = ?2 AND b.priority = ?3 AND b.due <= ?1
    AND s.state < 2 AND s.schema <= ?4
"""
#: Retries whose delay has passed come first, then what was begun before, then sessions in the order in which they came,
#: and what is suspect last.
_NEXT = _PENDING + READABLE + "ORDER BY b.due DESC, b.session, b.start, b.birth LIMIT ?5"
_SUSPECTS = _PENDING + READABLE + "AND b.due < 0 ORDER BY b.due, b.session DESC, b.start DESC, b.birth DESC LIMIT ?5"
_ANY = """
EXISTS (
    SELECT 1 FROM bundles INDEXED BY bundles_pending WHERE state = 0 AND pool = ?2 AND priority = {} AND due <= ?1
)
"""
#: A column for each priority.
_WHICH = "SELECT " + ", ".join(map(_ANY.format, _PRIORITIES))
_RIPENS = """
SELECT due FROM bundles INDEXED BY bundles_delayed WHERE state = 0 AND due > 0 AND due > ? AND pool = ?
ORDER BY due LIMIT 1
"""
_DEPTH = """
SELECT count(*) FROM (
    SELECT 1 FROM bundles INDEXED BY bundles_pending WHERE state = 0 AND pool = ? AND due <= ? LIMIT 100000
)
"""
#: Agents report every 15 s; one that did not do so three times is lost: seconds.
_PRESENT = 45.0
_AGENTS = "SELECT report FROM agents WHERE heard > ? AND pool = ?"


class _Report(msgspec.Struct):
    """What is to be known of an agent's report here."""

    ended: bool = False


class _Pending(msgspec.Struct, array_like=True):
    """What is read of a pending bundle, in its order."""

    sid: SessionId
    session: Count
    start: Count
    birth: str
    tasks: Count
    attempts: Count
    lapses: Count


_decode: Decoder[_Report] = Decoder(_Report, "the report of an agent")
_row = Row(_Pending, "bundle")


class Pending(NamedTuple):
    """Pending bundles, and what of them cannot be read."""

    hints: list[Hint]
    damaged: list[tuple[Place, UnreadableError]]


def pending(connection: sqlite3.Connection, pool: str, now: float, limit: int, above: int | None = None) -> Pending:
    """Return up to ``limit`` pending bundles of a pool that are due, of higher priorities first."""
    found = Pending([], [])
    for priority in _priorities(connection, pool, now, above):
        left = limit - len(found.hints) - len(found.damaged)
        if left <= 0:
            break
        _find(found, connection, _NEXT, route=(pool, priority), now=now, limit=left)
    return found


def suspects(connection: sqlite3.Connection, pool: str, now: float, limit: int, above: int | None = None) -> Pending:
    """Return up to ``limit`` pending bundles of the highest priority that has suspect ones."""
    found = Pending([], [])
    for priority in _priorities(connection, pool, now, above):
        if found.hints:
            break
        _find(found, connection, _SUSPECTS, route=(pool, priority), now=now, limit=limit)
    return found


def _priorities(connection: sqlite3.Connection, pool: str, now: float, above: int | None) -> list[int]:
    """Return the priorities above one that have bundles which are due, from the highest: as a rule, one or none."""
    there = connection.execute(_WHICH, (now, pool)).fetchone()
    lowest = -1 if above is None else above
    return [priority for priority, any_due in zip(_PRIORITIES, there, strict=True) if any_due and priority > lowest]


def _find(
    found: Pending, connection: sqlite3.Connection, statement: str, *, route: tuple[str, int], now: float, limit: int
) -> None:
    pool, priority = route
    columns = connection.execute(statement, (now, pool, priority, defaults.SCHEMA, limit)).fetchall()
    rows, unread = _row.of_many(columns, lambda row: f"{row[0]}/{row[2]}/{row[3]}")
    for row in rows:
        key = BundleKey(row.sid, row.start, row.birth)
        found.hints.append(Hint.of(key, pool, priority, tasks=row.tasks, attempts=row.attempts, lapses=row.lapses))
    found.damaged.extend((Place(*row[1:4]), error) for row, error in unread)


def next_due(connection: sqlite3.Connection, pool: str, now: float) -> float | None:
    """Return when the next delayed bundle of a pool comes due."""
    row = connection.execute(_RIPENS, (now, pool)).fetchone()
    return None if row is None else float(row[0])


def depth(connection: sqlite3.Connection, pool: str, now: float) -> int:
    """Return how many bundles of a pool wait, counted up to 100,000."""
    return int(connection.execute(_DEPTH, (pool, now)).fetchone()[0])


def has_several_agents(connection: sqlite3.Connection, pool: str, now: float) -> bool:
    """Return whether several agents of a pool are there, as far as they have reported by now."""
    there = 0
    for (report,) in connection.execute(_AGENTS, (now - _PRESENT, pool)):
        try:
            there += not _decode(report).ended
        except UnreadableError:
            # It may be there.
            there += 1
        if there > 1:
            return True
    return False
