"""Bundles and sessions that could not be read, on record: nobody looks at them for a while, and all are told of them.

What is damaged is left as it is, for whoever puts it right; and yet it must not stand for ever in front of what waits
behind it. So it is put down beside it, and passed over until it may be looked at again.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from htcgrid.errors import UnreadableError
from htcgrid.interfaces import Concern
from htcgrid.unreadables import Unreadables

#: Before a damaged bundle is looked at again, and at most, since each look in vain doubles it: seconds.
_PAUSE = 60.0
_LONGEST = 3600.0
#: In the place of a bundle's start: all of its session.
_SESSION = -1
#: Most of what is on record that is told.
_TOLD = 1000

#: The end of a condition on bundles ``b``, in a statement whose first parameter is the time: -1 is ``_SESSION``, and
#: 3600 ``_LONGEST``, since a clock that was set back makes no pause longer. Nothing is on record as a rule, which is
#: looked up once for all bundles.
READABLE = """
AND (NOT EXISTS (SELECT 1 FROM damaged) OR NOT EXISTS (
    SELECT 1 FROM damaged d WHERE d.session = b.session AND d.start IN (-1, b.start)
    AND d.birth IN (x'', CAST(b.birth AS BLOB)) AND d.until > ?1 AND d.until <= ?1 + 3600
))
"""
_NOTE = """
INSERT INTO damaged (session, start, birth, until, pause, what, place, why)
VALUES (:session, :start, CAST(:birth AS BLOB), :now + :pause, :pause, :what, :place, :why)
ON CONFLICT (session, start, birth) DO UPDATE SET
    pause = min(2 * pause, :longest), until = :now + min(2 * pause, :longest), why = excluded.why
"""
_CLEAR = "DELETE FROM damaged WHERE session = ? AND start IN (-1, ?) AND birth IN (x'', CAST(? AS BLOB))"
_FORGET = "DELETE FROM damaged WHERE session = ?"
_OF_SESSION = "SELECT what, place, why FROM damaged WHERE session = ? LIMIT ?"
_KNOWN = "SELECT what, place, why FROM damaged LIMIT ?"


class Place(NamedTuple):
    """The key of a bundle's row; of all of a session without start and birth."""

    session: int
    start: int = _SESSION
    birth: str = ""


class Damage:
    """What one store has met, and the file has on record."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        #: What is told of by logging, and to whoever asks this object.
        self.met = Unreadables()

    def note(self, connection: sqlite3.Connection, place: Place, error: UnreadableError) -> None:
        """Put down that something cannot be read: it is passed over for a while, each time for longer."""
        self.met.note(error)
        told = {"what": error.what, "place": error.where, "why": error.why}
        times = {"now": self._now(), "pause": _PAUSE, "longest": _LONGEST}
        connection.execute(_NOTE, place._asdict() | told | times)

    def concerns(self, connection: sqlite3.Connection) -> Sequence[Concern]:
        """Return what whoever runs the grid should know of; see :meth:`Provided.concerns`."""
        for error in _read(connection.execute(_KNOWN, (_TOLD,))):
            self.met.note(error)
        return self.met.concerns()


def known(connection: sqlite3.Connection, session: int) -> list[UnreadableError]:
    """Return what is on record of a session."""
    return list(_read(connection.execute(_OF_SESSION, (session, _TOLD))))


def _read(rows: Iterable[tuple[object, ...]]) -> Iterator[UnreadableError]:
    for what, where, why in rows:
        yield UnreadableError(str(what), str(where), str(why))


def clear(connection: sqlite3.Connection, places: Iterable[tuple[int, int, str]]) -> None:
    """Forget that some bundles, which were read now, and their sessions could not be."""
    connection.executemany(_CLEAR, places)


def forget(connection: sqlite3.Connection, session: int) -> None:
    """Forget what was put down of a session that is gone."""
    connection.execute(_FORGET, (session,))
