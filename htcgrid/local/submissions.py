"""How sessions and bundles come in: create, add and seal."""

import sqlite3
from collections.abc import Sequence

import msgspec

from htcgrid.errors import ConflictError, SessionNotFoundError, UnreadableError
from htcgrid.local.schema import LATE, SessionRow
from htcgrid.model import Bundle, Session, SessionId, other_content
from htcgrid.model.decoding import Count, Row
from htcgrid.model.spelled import spelled

_encode = msgspec.msgpack.Encoder().encode

#: Most bundles, and about most bytes, of one transaction, so that others can write in between.
CHUNK = 2048
CHUNK_BYTES = 16 << 20

_HEADER = "SELECT digest, id, pool, priority, state, total FROM sessions WHERE sid = ?"
#: A number that came again would have what is left of another session, whose row somebody took away; what is above
#: 2**53 was never given. AUTOINCREMENT would write another page for each session.
_FREE = "coalesce((SELECT max({0}) FROM {1} WHERE {0} < 1 << 53), 0)"
_NUMBER = ", ".join(
    _FREE.format("id" if table == "sessions" else "session", table)
    for table in ("sessions", "submitted", "bundles", "log", "damaged")
)
_CREATE = f"""
INSERT INTO sessions (id, sid, digest, schema, pool, priority, created, keep, header, state, total)
VALUES (max({_NUMBER}) + 1, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)
ON CONFLICT (sid) DO NOTHING
"""  # noqa: S608 - names of this module
_BEFORE = "SELECT start, stop, digest FROM submitted WHERE session = ? AND start < ? ORDER BY start DESC LIMIT 1"
_SUBMIT = "INSERT INTO submitted (session, start, stop, digest, size, key, data) VALUES (?, ?, ?, ?, ?, ?, ?)"
_INSERT = """
INSERT INTO bundles (session, start, birth, stop, root, pool, priority, tasks, hint_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_RAISE = "UPDATE sessions SET total = max(total, ?) WHERE id = ?"
_SEAL = """
UPDATE sessions SET state = 1, expires = CASE WHEN succeeded + failed = total THEN ? + keep END WHERE id = ?
"""


class _Row(msgspec.Struct, array_like=True):
    """What is read of a session, in its order."""

    digest: str
    id: Count
    pool: str
    priority: Count
    state: SessionRow
    total: Count


_row = Row(_Row, "session")


class Header(msgspec.Struct, frozen=True):
    """What a submission needs to know of its session."""

    id: int
    pool: str
    priority: int
    state: SessionRow
    total: int
    #: Whether it was recorded just now, so that nobody can wait for it.
    new: bool = False


def create(connection: sqlite3.Connection, session: Session) -> Header:
    """Record a session if it is not there; return its header.

    Raises:
        ConflictError: the id is taken by other content or by a session that was deleted.
    """
    route = (session.pool, session.priority)
    times = (session.created.timestamp(), session.keep_for.total_seconds())
    values = (session.id, session.digest, session.schema, *route, *times, _encode(session))
    created = connection.execute(_CREATE, values)
    if created.rowcount == 1:
        return Header(created.lastrowid or 0, *route, SessionRow.OPEN, 0, new=True)
    digest, header = _read(connection, session.id)
    if header.state >= SessionRow.DELETED:
        raise ConflictError(
            f"session {session.id!r} was deleted, and its id cannot be used again; submit under another"
        )
    if digest != session.digest:
        raise ConflictError(
            f"session {session.id!r} is there with another handler or other options; submit under another id"
        )
    return header


def find(connection: sqlite3.Connection, session_id: SessionId) -> Header:
    """Return the header of a session.

    Raises:
        SessionNotFoundError: there is none.
        UnreadableError: it cannot be read.
    """
    _, header = _read(connection, session_id)
    if header.state >= SessionRow.DELETED:
        raise not_found(session_id)
    return header


def not_found(session_id: SessionId) -> SessionNotFoundError:
    """Return the error for a session that is not there."""
    return SessionNotFoundError(f"there is no session {spelled(session_id)} on this grid")


def add(connection: sqlite3.Connection, header: Header, bundles: Sequence[Bundle], now: float) -> bool:
    """Record those bundles that are not there; return whether there were any.

    Raises:
        ConflictError: a bundle is there with other content, or the session takes no more.
    """
    new = [bundle for bundle in bundles if not _is_there(connection, header, bundle)]
    if not new:
        return False
    if header.state is not SessionRow.OPEN:
        raise ConflictError(
            f"session {new[0].key.session!r} is {header.state.name.lower()} and takes no more tasks; submit another"
        )
    connection.executemany(_SUBMIT, [_submitted(header.id, bundle) for bundle in new])
    connection.executemany(_INSERT, [_pending(header, bundle, now + LATE) for bundle in new])
    connection.execute(_RAISE, (new[-1].stop, header.id))
    return True


def seal(connection: sqlite3.Connection, session_id: SessionId, total: int, now: float) -> bool:
    """Record that no more tasks will come; return whether that is news.

    Raises:
        ConflictError: the session holds another number of tasks.
        SessionNotFoundError: there is no such session.
    """
    header = find(connection, session_id)
    if header.total != total:
        raise ConflictError(
            f"session {spelled(session_id)} holds {header.total} tasks, so it cannot be sealed with {total}"
        )
    if header.state is not SessionRow.OPEN:
        return False
    connection.execute(_SEAL, (now, header.id))
    return True


def _read(connection: sqlite3.Connection, session_id: SessionId) -> tuple[str, Header]:
    row = connection.execute(_HEADER, (session_id,)).fetchone()
    if row is None:
        raise not_found(session_id)
    found = _row(row, session_id)
    return found.digest, Header(found.id, found.pool, found.priority, found.state, found.total)


def _is_there(connection: sqlite3.Connection, header: Header, bundle: Bundle) -> bool:
    # All that is there lies below the total, so a submission that only appends looks nothing up.
    if bundle.key.start >= header.total:
        return False
    before = connection.execute(_BEFORE, (header.id, bundle.stop)).fetchone()
    if before is None:
        return False
    if not all(type(number) is int for number in before[:2]):
        raise UnreadableError(
            "what was submitted of session", bundle.key.session, f"the record before task {bundle.stop} is damaged"
        )
    if before[1] <= bundle.key.start:
        return False
    if (bundle.key.start, bundle.stop, bundle.input.digest) != before:
        raise other_content(bundle)
    return True


def _submitted(session: int, bundle: Bundle) -> tuple[object, ...]:
    pack = bundle.input
    return session, bundle.key.start, bundle.stop, pack.digest, pack.size, pack.key, pack.data


def _pending(header: Header, bundle: Bundle, hint_at: float) -> tuple[object, ...]:
    key = bundle.key
    return header.id, key.start, key.birth, bundle.stop, key.start, header.pool, header.priority, bundle.tasks, hint_at
