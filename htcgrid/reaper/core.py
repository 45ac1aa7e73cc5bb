"""The reaper's decisions: events in, commands out, time passed in; no threads, no clock, no I/O."""

from collections import deque
from collections.abc import Callable

import msgspec

from htcgrid.model import Hint, SessionId


class ReaperPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often a reaper does what; times are in seconds."""

    #: Between looks for lapsed leases and delayed bundles.
    look: float = 1.0
    #: Between looks for sessions past their retention.
    retention: float = 60.0
    #: Bundles per look; when as many are found, the next look follows at once.
    bundles: int = 1000
    #: Sessions collected at a time, and records deleted in one call.
    sessions: int = 10
    records: int = 1000
    #: Sessions whose collection may fail before the rest waits for the next look: the store itself may be down.
    failures: int = 100


class LookForDue(msgspec.Struct, frozen=True):
    """Ask the state store for bundles to hint; answered with :class:`DueFound`."""

    limit: int


class SendHints(msgspec.Struct, frozen=True):
    """Send hints; needs no answer, for losing one costs time only."""

    hints: list[Hint]


class LookForExpired(msgspec.Struct, frozen=True):
    """Ask for sessions to collect; answered with :class:`ExpiredFound`."""

    limit: int


class DeletePayloads(msgspec.Struct, frozen=True):
    """Delete a session's payloads, then its records up to ``limit``; answered with :class:`Collected`."""

    session: SessionId
    limit: int


class DueFound(msgspec.Struct, frozen=True):
    """Bundles to hint."""

    hints: list[Hint]


class ExpiredFound(msgspec.Struct, frozen=True):
    """Sessions to collect."""

    sessions: list[SessionId]


class Collected(msgspec.Struct, frozen=True):
    """Some records of a session are deleted; ``done`` when none is left."""

    session: SessionId
    done: bool


class CallFailed(msgspec.Struct, frozen=True):
    """A store could not be used, or not for one session that was to be collected."""

    session: SessionId | None = None


class Time(msgspec.Struct, frozen=True):
    """Time has passed."""


Command = LookForDue | SendHints | LookForExpired | DeletePayloads
Event = DueFound | ExpiredFound | Collected | CallFailed | Time


class ReaperCore:
    """The reaper's decisions: events in, commands out; at most one command that is answered is under way."""

    def __init__(self, policy: ReaperPolicy, jitter: Callable[[], float]) -> None:
        self._policy = policy
        self._jitter = jitter
        self._look_at = 0.0
        self._retention_at = 0.0
        self._sessions: deque[SessionId] = deque()
        #: Those that could not be collected since the last look that followed its interval.
        self._failed: set[SessionId] = set()
        self._under_way = False

    def wake_at(self) -> float:
        """Return the time at which there is something to do."""
        return min(self._look_at, self._retention_at)

    def look_by(self, at: float) -> None:
        """Look at the latest at a time."""
        self._look_at = min(self._look_at, at)

    def handle(self, event: Event, now: float) -> list[Command]:
        """Take in an event; return what is to be done, in order."""
        commands: list[Command] = []
        if not isinstance(event, Time):
            self._under_way = False
        match event:
            case DueFound(hints):
                commands += [SendHints(hints)] if hints else []
                if len(hints) >= self._policy.bundles:
                    self._look_at = now
            case ExpiredFound(sessions):
                self._queue_for_collection(sessions, now)
            case Collected(session, done=False):
                self._sessions.append(session)
            case CallFailed(session) if session is not None:
                self._postpone(session, now)
            case _:
                pass
        return commands + self._next(now)

    def _queue_for_collection(self, sessions: list[SessionId], now: float) -> None:
        fresh = [session for session in sessions if session not in self._failed]
        self._sessions.extend(fresh)
        # One that cannot be collected holds up none behind it: those are asked for beside it.
        if len(fresh) >= self._policy.sessions:
            self._retention_at = now
        else:
            self._failed.clear()

    def _postpone(self, session: SessionId, now: float) -> None:
        self._failed.add(session)
        if len(self._failed) >= self._policy.failures:
            self._sessions.clear()
            self._failed.clear()
            self._retention_at = now + self._spread(self._policy.retention)

    def _next(self, now: float) -> list[Command]:
        if self._under_way:
            return []
        self._under_way = True
        # Leases come first: collecting may wait, tasks may not.
        if now >= self._look_at:
            self._look_at = now + self._spread(self._policy.look)
            return [LookForDue(self._policy.bundles)]
        if self._sessions:
            return [DeletePayloads(self._sessions.popleft(), self._policy.records)]
        if now >= self._retention_at:
            self._retention_at = now + self._spread(self._policy.retention)
            return [LookForExpired(self._policy.sessions + len(self._failed))]
        self._under_way = False
        return []

    def _spread(self, seconds: float) -> float:
        """Return about as many seconds, so that many reapers do not look all at once."""
        return seconds * (0.75 + self._jitter() / 2)
