"""What the verbs of a state store have in common: the server, the keys, and the time."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple, TypeVar

from htcgrid.errors import SessionNotFoundError, UnreadableError
from htcgrid.model import SessionId
from htcgrid.model.header import DecodeSession
from htcgrid.model.spelled import spelled
from htcgrid.unreadables import Unreadables
from htcgrid_redis.keys import Layout, Shard
from htcgrid_redis.server import Server

_Item = TypeVar("_Item")
#: About how many bytes of objects one request has.
_REQUEST = 16 << 20


class Access(NamedTuple):
    """The way to the records of one grid."""

    server: Server
    layout: Layout
    #: Keys that nobody has touched for so long go: milliseconds.
    forget: int
    #: What was met that cannot be read.
    met: Unreadables
    decode: DecodeSession
    #: Seconds since the epoch; None for the server's own time.
    clock: Callable[[], float] | None = None

    @property
    def now(self) -> str:
        """The time as scripts take it: milliseconds, or nothing, so that they ask the server."""
        return "" if self.clock is None else str(int(self.clock() * 1000))

    def by_shard(self, items: Iterable[_Item], session: Callable[[_Item], SessionId]) -> dict[Shard, list[_Item]]:
        """Return the items of each shard by their sessions, in their order."""
        found: dict[Shard, list[_Item]] = {}
        for item in items:
            found.setdefault(self.layout.shard(session(item)), []).append(item)
        return found


def random_number() -> int:
    """Return what tells an entry of a log from another one of its number, should the server forget some."""
    return secrets.randbits(32)


def unreadable(session: SessionId) -> UnreadableError:
    """Return the error for a session whose own record is damaged."""
    return UnreadableError("the record of session", session, "it is damaged")


def text_of(name: bytes, what: str) -> str:
    """Return a name that the server told.

    Raises:
        UnreadableError: it is no text.
    """
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise UnreadableError(what, repr(name[:100]), "it is no UTF-8") from error


def not_found(session: SessionId) -> SessionNotFoundError:
    """Return the error for a session that is not there."""
    return SessionNotFoundError(f"there is no session {spelled(session)} on this grid, or no more")


def numbered(sessions: Sequence[SessionId]) -> dict[SessionId, int]:
    """Return the numbers by which a script finds the keys of sessions, which come in that order."""
    return {session: number for number, session in enumerate(dict.fromkeys(sessions), 1)}


def milliseconds(duration: timedelta) -> int:
    """Return a duration in whole milliseconds, and never none of one that is not zero."""
    return -(-duration // timedelta(milliseconds=1))


def in_requests(blobs: Iterable[tuple[str, bytes]], *, count: int) -> Iterator[list[tuple[str, bytes]]]:
    """Yield objects in parts of one request each: at most ``count``, and about 16 MiB of them."""
    part: list[tuple[str, bytes]] = []
    size = 0
    for key, data in blobs:
        if part and (len(part) >= count or size + len(data) > _REQUEST):
            yield part
            part, size = [], 0
        part.append((key, data))
        size += len(data)
    if part:
        yield part
