"""Looking through a grid's sessions."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import msgspec

from htcgrid.errors import ConfigError, UnreadableError
from htcgrid.interfaces import BEGINNING, StateStore
from htcgrid.model import SHARED, SessionId, SessionStatus
from htcgrid.model.spelled import spelled

_PAGE = 100


class SessionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions somebody looks for; what is None, or empty, all sessions have.

    Those that stand for shared inputs are found only by their handler.
    """

    #: Labels that a session must have, and their values.
    labels: Mapping[str, str] = {}
    #: A pattern of handlers, as ``pricing:*``.
    handler: str | None = None
    finished: bool | None = None
    #: Sessions made at this time or later.
    since: datetime | None = None

    def __post_init__(self) -> None:
        labels = self.labels
        if not isinstance(labels, Mapping) or not all(
            isinstance(word, str) for pair in labels.items() for word in pair
        ):
            raise ConfigError(f"labels must be a mapping of strings to strings, not {spelled(labels)}")
        if not isinstance(self.handler, str | None):
            raise ConfigError(f"handler must be a pattern, as 'pricing:*', not {spelled(self.handler)}")
        if not isinstance(self.finished, bool | None):
            raise ConfigError(f"finished must be True, False or None, not {spelled(self.finished)}")
        if self.since is not None and (not isinstance(self.since, datetime) or self.since.tzinfo is None):
            raise ConfigError(f"since must be a timedelta, or a datetime with a time zone, not {spelled(self.since)}")

    def admits(self, status: SessionStatus) -> bool:
        """Return whether a session is one of those."""
        session = status.session
        return (
            (self.handler is not None or session.handler != SHARED)
            and all(session.labels.get(name) == value for name, value in self.labels.items())
            and (self.handler is None or fnmatchcase(session.handler, self.handler))
            and (self.finished is None or status.finished == self.finished)
            and (self.since is None or session.created >= self.since)
        )


def since_of(value: datetime | timedelta | None, now: datetime) -> datetime | None:
    """Return the time that a user means: a duration reaches back from ``now``."""
    if not isinstance(value, timedelta):
        return value
    try:
        return now - value
    except OverflowError as error:
        raise ConfigError(f"since reaches back beyond the calendar: {spelled(value)}") from error


def listed(
    state: StateStore, wanted: SessionFilter, left_out: Callable[[UnreadableError], object] | None = None
) -> Iterator[SessionStatus]:
    """Yield the sessions that are wanted, newest first, a page at a time; ``left_out`` is told what cannot be read.

    Costs what :meth:`StateStore.sessions` costs for each page that is looked through: labels and handlers have no
    index, so a rare one costs as many pages as there are sessions since ``since``.
    """
    cursor: str | None = BEGINNING
    while cursor is not None:
        page = state.sessions(cursor, limit=_PAGE)
        if left_out is not None:
            for error in page.unreadable:
                left_out(error)
        for status in page.sessions:
            if wanted.since is not None and status.session.created < wanted.since:
                return
            if wanted.admits(status):
                yield status
        cursor = page.cursor


def checked_id(session_id: object) -> SessionId:
    """Return what is to be a session's id, of any letters: there is none of most.

    Raises:
        ConfigError: it is no string.
    """
    if not isinstance(session_id, str):
        raise ConfigError(f"a session's id must be a string, not {spelled(session_id)}")
    return SessionId(session_id)
