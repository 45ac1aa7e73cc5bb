"""The pending bundles, in the order in which they are to be claimed."""

import sqlite3

from htcgrid.model import BundleKey, Hint, defaults, was_begun

_PRIORITIES = range(defaults.PRIORITY_LIMIT, -1, -1)

_POOLS = """
WITH RECURSIVE pools (name) AS (
    SELECT min(pool) FROM bundles WHERE state = 0
    UNION ALL SELECT (SELECT min(pool) FROM bundles WHERE state = 0 AND pool > name) FROM pools WHERE name IS NOT NULL
) SELECT name FROM pools WHERE name IS NOT NULL
"""
#: Retries whose delay has passed come first, then what was begun before, then sessions in the order in which they came.
_NEXT = """
SELECT s.sid, b.start, b.birth, b.tasks, b.attempt
FROM bundles b INDEXED BY bundles_pending CROSS JOIN sessions s ON s.id = b.session
WHERE b.state = 0 AND b.pool = ? AND b.priority = ? AND b.due <= ? AND s.state < 2 AND s.schema <= ?
ORDER BY b.due DESC, b.session, b.start, b.birth LIMIT ?
"""
_RIPENS = """
SELECT due FROM bundles INDEXED BY bundles_delayed WHERE state = 0 AND due > 0 AND due > ? AND pool = ?
ORDER BY due LIMIT 1
"""
_DEPTH = """
SELECT count(*) FROM (SELECT 1 FROM bundles INDEXED BY bundles_pending WHERE state = 0 AND due <= ? LIMIT 100000)
"""


def hint_of(key: BundleKey, pool: str, priority: int, tasks: int, attempts: int) -> Hint:
    """Return the hint of a pending bundle that was claimed so many times."""
    return Hint(key=key, pool=pool, priority=priority, tasks=tasks, again=was_begun(key, attempts))


def pending(connection: sqlite3.Connection, pool: str, now: float, limit: int, above: int | None = None) -> list[Hint]:
    """Return up to ``limit`` pending bundles of a pool that are due, of higher priorities first."""
    hints: list[Hint] = []
    for priority in _PRIORITIES:
        if len(hints) >= limit or (above is not None and priority <= above):
            break
        rows = connection.execute(_NEXT, (pool, priority, now, defaults.SCHEMA, limit - len(hints)))
        hints += [hint_of(BundleKey(*place), pool, priority, tasks, attempts) for *place, tasks, attempts in rows]
    return hints


def pending_anywhere(connection: sqlite3.Connection, now: float, limit: int) -> list[Hint]:
    """Return pending bundles of all pools."""
    hints: list[Hint] = []
    for (pool,) in connection.execute(_POOLS).fetchall():
        hints += pending(connection, pool, now, limit - len(hints))
    return hints


def next_due(connection: sqlite3.Connection, pool: str, now: float) -> float | None:
    """Return when the next delayed bundle of a pool comes due."""
    row = connection.execute(_RIPENS, (now, pool)).fetchone()
    return None if row is None else float(row[0])


def depth(connection: sqlite3.Connection, now: float) -> int:
    """Return how many bundles wait, counted up to 100,000."""
    return int(connection.execute(_DEPTH, (now,)).fetchone()[0])
