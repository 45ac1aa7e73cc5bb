"""What there is to see of sessions while they run: counts, speed and the newest failures."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice

import msgspec

from htcgrid.findings.failed import FailedTask, failed_tasks
from htcgrid.interfaces import BEGINNING, PayloadStore, StateStore
from htcgrid.model import Entry, Part, SessionId, SessionStatus

#: How far back the speed is measured, at most and at least: seconds.
_LATELY = 10.0
_BRIEFLY = 0.5
_NEWEST = 5


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at a session showed."""

    status: SessionStatus
    #: Tasks that ended in a second, lately; None while that is not known.
    speed: float | None
    #: Up to five, newest first.
    failures: tuple[FailedTask, ...]


class Watched:
    """Sessions that are looked at until every task of them has ended.

    A look costs what :meth:`StateStore.status` costs for those that have not finished, and, only when tasks have failed
    since the last look, what has come to their logs meanwhile.
    """

    def __init__(
        self,
        state: StateStore,
        payloads: PayloadStore,
        sessions: Iterable[SessionId],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._clock = clock
        names = list(dict.fromkeys(sessions))
        self._speeds = {name: Speed() for name in names}
        self._failures = {name: Failures(state, payloads, name) for name in names}
        self._glances: dict[SessionId, Glance] = {}

    @property
    def finished(self) -> bool:
        """Whether every task of every session has ended, and no more will come."""
        return len(self._glances) == len(self._speeds) and not self._open

    def look(self) -> list[Glance]:
        """Return what is to be seen now of each session, in the order in which they were named.

        Raises:
            SessionNotFoundError: there is none of that id, or no more.
        """
        for status in self._state.status(self._open):
            name = status.session.id
            self._glances[name] = Glance(
                status=status,
                speed=self._speeds[name].after(self._clock(), status.ended),
                failures=self._failures[name].newest(status.failed),
            )
        return [self._glances[name] for name in self._speeds]

    @property
    def _open(self) -> list[SessionId]:
        return [name for name in self._speeds if name not in self._glances or not self._glances[name].status.finished]


class Speed:
    """How many tasks end in a second, lately."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque()

    def after(self, now: float, ended: int) -> float | None:
        """Take in how many tasks have ended by now; return the speed, or None while it is too early."""
        self._looks.append((now, ended))
        while len(self._looks) > 2 and self._looks[1][0] <= now - _LATELY:
            self._looks.popleft()
        began, before = self._looks[0]
        return (ended - before) / (now - began) if now - began >= _BRIEFLY else None


class Failures:
    """The newest failures of a session. Its log is read only when more tasks have failed than were read."""

    def __init__(self, state: StateStore, payloads: PayloadStore, session: SessionId) -> None:
        self._state = state
        self._payloads = payloads
        self._session = session
        self._cursor = BEGINNING
        self._read = 0
        self._parts: list[tuple[Entry, Part]] = []
        self._newest: tuple[FailedTask, ...] = ()

    def newest(self, failed: int) -> tuple[FailedTask, ...]:
        """Return the newest failures, when ``failed`` tasks are known to have failed."""
        before = self._read
        while self._read < failed and self._take():
            pass
        if self._read > before:
            tasks = (task for _, part in self._parts for task in reversed(failed_tasks(self._payloads, part)))
            self._newest = tuple(islice(tasks, _NEWEST))
        return self._newest

    def _take(self) -> bool:
        """Read a page of the log; return whether it held anything."""
        entries = self._state.outcomes(self._session, self._cursor)
        self._cursor = entries.cursor
        for entry in entries.entries:
            failing = [(entry, part) for part in entry.parts if part.failed]
            self._read += sum(part.failed.count for _, part in failing)
            self._parts += failing
        # Of several logs, each has an order of its own.
        self._parts.sort(key=lambda found: found[0].committed, reverse=True)
        del self._parts[_NEWEST:]
        return bool(entries.entries)
