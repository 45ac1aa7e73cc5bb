"""The pending bundles, in the order in which they are to be claimed."""

import sqlite3
from collections.abc import Iterable
from math import inf
from typing import NamedTuple

import msgspec

from htcgrid.errors import UnreadableError
from htcgrid.local.damage import READABLE, Place
from htcgrid.local.hints import ANY_STORED, rank_above
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
_RIPENS = """
(
    SELECT due FROM bundles INDEXED BY bundles_ripening WHERE state = 0 AND due > 0 AND due > ?1 AND pool = ?2
    ORDER BY due LIMIT 1
)
"""
#: A column for each priority, and two more, in one statement: most looks are in vain.
_GLANCE = "SELECT " + ", ".join([*map(_ANY.format, _PRIORITIES), ANY_STORED, _RIPENS])
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


class Glance(NamedTuple):
    """What there is for a pool, as far as one statement tells."""

    #: Those above a given one that have bundles which are due, from the highest; as a rule, one or none.
    priorities: list[int]
    #: Whether hints of other state stores wait.
    stored: bool
    #: The time when the next delayed bundle comes due; endless when there is none.
    next_due: float


def glance(connection: sqlite3.Connection, pool: str, now: float, above: int | None = None) -> Glance:
    """Return what there is for an agent of a pool, of priorities above one."""
    lowest = -1 if above is None else above
    *due, any_stored, ripens = connection.execute(_GLANCE, (now, pool, rank_above(above))).fetchone()
    priorities = [priority for priority, any_due in zip(_PRIORITIES, due, strict=True) if any_due and priority > lowest]
    return Glance(priorities, bool(any_stored), inf if ripens is None else ripens)


def pending(connection: sqlite3.Connection, pool: str, now: float, limit: int, priorities: Iterable[int]) -> Pending:
    """Return up to ``limit`` pending bundles of a pool that are due, in the order of their ``priorities``."""
    found = Pending([], [])
    for priority in priorities:
        left = limit - len(found.hints) - len(found.damaged)
        if left <= 0:
            break
        _find(found, connection, _NEXT, route=(pool, priority), now=now, limit=left)
    return found


def suspects(connection: sqlite3.Connection, pool: str, now: float, limit: int, priorities: Iterable[int]) -> Pending:
    """Return up to ``limit`` pending bundles of the first of the priorities that has suspect ones."""
    found = Pending([], [])
    for priority in priorities:
        if found.hints:
            break
        _find(found, connection, _SUSPECTS, route=(pool, priority), now=now, limit=limit)
    return found


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
