"""The pending bundles, in the order in which they are to be claimed."""

import sqlite3

import msgspec

from htcgrid.model import BundleKey, Hint, defaults

_PRIORITIES = range(defaults.PRIORITY_LIMIT, -1, -1)

_PENDING = """
SELECT s.sid, b.start, b.birth, b.tasks, b.attempt, b.lapses + b.lapses_alone
FROM bundles b INDEXED BY bundles_pending CROSS JOIN sessions s ON s.id = b.session
WHERE b.state = 0 AND b.pool = ? AND b.priority = ? AND b.due <= ? AND s.state < 2 AND s.schema <= ?
"""
#: Retries whose delay has passed come first, then what was begun before, then sessions in the order in which they came,
#: and what is suspect last.
_NEXT = _PENDING + "ORDER BY b.due DESC, b.session, b.start, b.birth LIMIT ?"
_SUSPECTS = _PENDING + "AND b.due < 0 ORDER BY b.due, b.session DESC, b.start DESC, b.birth DESC LIMIT ?"
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


_decode = msgspec.msgpack.Decoder(_Report).decode


def pending(connection: sqlite3.Connection, pool: str, now: float, limit: int, above: int | None = None) -> list[Hint]:
    """Return up to ``limit`` pending bundles of a pool that are due, of higher priorities first."""
    hints: list[Hint] = []
    for priority in _PRIORITIES:
        if len(hints) >= limit or (above is not None and priority <= above):
            break
        hints += _found(connection, _NEXT, (pool, priority), now, limit - len(hints))
    return hints


def suspects(connection: sqlite3.Connection, pool: str, now: float, limit: int, above: int | None = None) -> list[Hint]:
    """Return up to ``limit`` pending bundles of the highest priority that has suspect ones."""
    for priority in _PRIORITIES:
        if above is not None and priority <= above:
            break
        if hints := _found(connection, _SUSPECTS, (pool, priority), now, limit):
            return hints
    return []


def _found(
    connection: sqlite3.Connection, statement: str, route: tuple[str, int], now: float, limit: int
) -> list[Hint]:
    rows = connection.execute(statement, (*route, now, defaults.SCHEMA, limit))
    return [
        Hint.of(BundleKey(sid, start, birth), *route, tasks=tasks, attempts=attempts, lapses=lapses)
        for sid, start, birth, tasks, attempts, lapses in rows
    ]


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
        there += not _decode(report).ended
        if there > 1:
            return True
    return False
