"""What readers learn: how far sessions are, and the entries of their logs."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from htcgrid.errors import ConfigError, ProviderError, UnreadableError
from htcgrid.interfaces import BEGINNING, Entries, Sessions
from htcgrid.model import Entry, SessionId, SessionStatus
from htcgrid.model.decoding import number_of
from htcgrid.model.spelled import spelled
from htcgrid_redis.access import Access, not_found, text_of, unreadable
from htcgrid_redis.records import STATUS_FIELDS, entry_of, status_of
from htcgrid_redis.server import Command

_OPEN, _SEALED, _CANCELLED, _DELETED = range(4)


def status(access: Access, session_ids: Sequence[SessionId]) -> list[SessionStatus]:
    """Return how far sessions are. Costs 1 request, on a cluster 1 per session.

    Raises:
        SessionNotFoundError: there is no such session.
        UnreadableError: one of them cannot be read.
    """
    found = []
    for session, values in zip(session_ids, _values(access, session_ids), strict=True):
        one = status_of(session, values, access.decode)
        if one is None:
            raise not_found(session)
        found.append(one)
    return found


def sessions(access: Access, cursor: str, limit: int) -> Sessions:
    """Return a page of sessions, newest first. Costs 1 request per shard and 1 for all of them.

    Raises:
        ConfigError: the cursor is none.
    """
    if cursor and "/" not in cursor:
        raise ConfigError(f"{spelled(cursor)} is not a cursor of this grid's sessions; start with {BEGINNING!r}")
    top = b"(" + cursor.encode("utf-8", "surrogateescape") if cursor else "+"
    commands: list[Command] = [
        ("ZREVRANGEBYLEX", shard.sessions, top, "-", "LIMIT", 0, limit + 1) for shard in access.layout.shards
    ]
    listed = sorted((row for rows in access.server.commands(commands) for row in rows), reverse=True)
    rows, left_out = access.met.page(_row, listed[:limit])
    sessions = [session for _, session in rows]
    asked = zip(sessions, _values(access, sessions), strict=True)
    found, more = access.met.page(lambda one: (one[0], status_of(*one, access.decode)), asked)
    # One that has aged out is listed until somebody sees it.
    gone = {session for session, one in found if one is None}
    if gone:
        shards = access.by_shard([row for row in rows if row[1] in gone], lambda row: row[1])
        access.server.commands([("ZREM", shard.sessions, *(row for row, _ in some)) for shard, some in shards.items()])
    last = listed[limit - 1].decode("utf-8", "surrogateescape") if listed[limit:] else None
    return Sessions([one for _, one in found if one is not None], last, [*left_out, *more])


def outcomes(access: Access, session: SessionId, cursor: str, limit: int, wait: timedelta) -> Entries:
    """Return entries behind a cursor; waits at the log itself. Costs 1 request per look, and 1 per 5 seconds waited.

    Raises:
        ProviderError: the server has forgotten what the cursor stands behind.
        SessionNotFoundError: there is no such session.
    """
    deadline = time.monotonic() + wait.total_seconds()
    while True:
        found, last = _look(access, session, cursor, limit)
        left = deadline - time.monotonic()
        if found.entries or last or left <= 0:
            return found
        cursor = found.cursor
        log = access.layout.shard(session).session(session).log
        block = max(1, int(min(left, access.server.block) * 1000))
        commands: list[Command] = [("XREAD", "BLOCK", block, "COUNT", limit, "STREAMS", log, cursor or "0-0")]
        if cursor:
            # After the wait another log may be in the place of the one that was read: then the entry there is another.
            commands.append(("XRANGE", log, cursor, cursor))
        read, *there = access.server.commands(commands)
        if read and all(there):
            [(_, rows)] = read.items() if isinstance(read, dict) else read
            entries = _page(session, cursor, rows[0] if isinstance(read, dict) else rows)
            if entries.entries:
                return entries


def _values(access: Access, session_ids: Sequence[SessionId]) -> list[Any]:
    """Return what status is told by of each session, or the error when its record is of another kind."""
    if not session_ids:
        return []
    headers = (access.layout.shard(session).session(session).header for session in session_ids)
    commands: list[Command] = [("HMGET", header, *STATUS_FIELDS) for header in headers]
    return access.server.each(commands)


def _row(row: bytes) -> tuple[bytes, SessionId]:
    """Return a row of the list of sessions, and the session that it is of."""
    _, slash, session = text_of(row, "a row of the list of sessions").partition("/")
    if not slash:
        raise UnreadableError("a row of the list of sessions", repr(row[:100]), "it names no session")
    return row, SessionId(session)


def _look(access: Access, session: SessionId, cursor: str, limit: int) -> tuple[Entries, bool]:
    """Return entries behind a cursor, and whether nothing will ever come after them."""
    if cursor and not all(part.isascii() and part.isdigit() for part in cursor.partition("-")[::2]):
        raise ConfigError(f"{spelled(cursor)} is not a cursor of this grid's outcomes; start with {BEGINNING!r}")
    places = access.layout.shard(session).session(session)
    values, rows = access.server.commands(
        [
            ("HMGET", places.header, "state", "total", "succeeded", "failed", "entries"),
            # With the entry at the cursor: were it another one, the server would have lost some that were read.
            ("XRANGE", places.log, cursor or "-", "+", "COUNT", limit + bool(cursor)),
        ]
    )
    if values[0] is None:
        raise not_found(session)
    numbers = [number_of((value or b"").decode("ascii", "replace")) for value in values]
    if None in numbers:
        raise unreadable(session)
    state, total, succeeded, failed, entries = (number or 0 for number in numbers)
    if state >= _DELETED:
        raise not_found(session)
    if cursor:
        if not rows or rows[0][0].decode() != cursor:
            raise ProviderError(
                f"Redis at {access.server.place} has lost outcomes of session {session!r} that were read before, as it "
                "may when it is not durable: submit the session again, under another id"
            )
        rows = rows[1:]
    found = _page(session, cursor, rows)
    at_end = int(found.cursor.partition("-")[0] or 0) >= entries
    closed = found.closed or (state == _CANCELLED and at_end)
    last = closed or (state == _SEALED and succeeded + failed == total and at_end)
    return Entries(found.entries, found.cursor, closed), last


def _page(session: SessionId, cursor: str, rows: Sequence[tuple[bytes, Any]]) -> Entries:
    entries: list[Entry] = []
    for number, fields in rows:
        try:
            entry = entry_of(session, (fields or {}).get(b"e", b""))
        except UnreadableError:
            if not entries:
                raise
            # What stands before it is told first.
            break
        cursor = number.decode()
        if entry is not None:
            entries.append(entry)
    closed = bool(entries) and entries[-1].closing
    return Entries(entries, cursor, closed)
