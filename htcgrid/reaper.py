"""The reaper: returns bundles whose lease lapsed, hints again what was lost, and collects what is past its time.

Any number of reapers may run at once: everything they do is a compare-and-set, or harmless when done twice.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from random import Random

import msgspec

from htcgrid.errors import HtcGridError, ProviderUnavailableError
from htcgrid.interfaces import PayloadStore, StateStore, TaskQueue
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
    """A store could not be used."""


class Time(msgspec.Struct, frozen=True):
    """Time has passed."""


Command = LookForDue | SendHints | LookForExpired | DeletePayloads
Event = DueFound | ExpiredFound | Collected | CallFailed | Time


class ReaperCore:
    """The reaper's decisions: events in, commands out; at most one command that is answered is under way."""

    def __init__(self, policy: ReaperPolicy, random: Random) -> None:
        self._policy = policy
        self._random = random
        self._look_at = 0.0
        self._retention_at = 0.0
        self._sessions: deque[SessionId] = deque()
        self._under_way = False

    def wake_at(self) -> float:
        """Return the time at which there is something to do."""
        return min(self._look_at, self._retention_at)

    def handle(self, event: Event, now: float) -> list[Command]:
        """Take in an event; return what is to be done, in order."""
        commands: list[Command] = []
        match event:
            case DueFound(hints):
                self._under_way = False
                if hints:
                    commands.append(SendHints(hints))
                if len(hints) >= self._policy.bundles:
                    self._look_at = now
            case ExpiredFound(sessions):
                self._under_way = False
                self._sessions.extend(session for session in sessions if session not in self._sessions)
                if len(sessions) >= self._policy.sessions:
                    self._retention_at = now
            case Collected(session, done):
                self._under_way = False
                if not done:
                    self._sessions.append(session)
            case CallFailed():
                self._under_way = False
            case Time():
                pass
        return commands + self._next(now)

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
            return [LookForExpired(self._policy.sessions)]
        self._under_way = False
        return []

    def _spread(self, seconds: float) -> float:
        """Return about as many seconds, so that many reapers do not look all at once."""
        return seconds * (0.75 + self._random.random() / 2)


class Reaper:
    """Carries the decisions out, in a thread of its own or in the caller's."""

    def __init__(
        self,
        state: StateStore,
        queue: TaskQueue,
        payloads: PayloadStore,
        *,
        seed: int,
        policy: ReaperPolicy | None = None,
        log: Callable[..., object] | None = None,
    ) -> None:
        self._state = state
        self._queue = queue
        self._payloads = payloads
        self._core = ReaperCore(policy or ReaperPolicy(), Random(seed))
        self._log = log
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Run in a thread until :meth:`close`."""
        self._thread = threading.Thread(target=self.run, name="reaper", daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Run until :meth:`close` is called."""
        while not self._stopped.is_set():
            commands = deque(self._core.handle(Time(), time.monotonic()))
            while commands and not self._stopped.is_set():
                event = self._do(commands.popleft())
                if event is not None:
                    commands.extend(self._core.handle(event, time.monotonic()))
            self._stopped.wait(max(0.05, self._core.wake_at() - time.monotonic()))

    def close(self) -> None:
        """End; returns when the call that is under way is over."""
        self._stopped.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=10)

    def stop(self) -> None:
        """Let :meth:`run` end soon; for signal handlers."""
        self._stopped.set()

    def _do(self, command: Command) -> Event | None:
        try:
            return self._call(command)
        except HtcGridError as error:
            if self._log is not None:
                known = isinstance(error, ProviderUnavailableError)
                self._log("reaper call failed", call=type(command).__name__, error=str(error), passing=known)
            return None if isinstance(command, SendHints) else CallFailed()

    def _call(self, command: Command) -> Event | None:
        match command:
            case LookForDue(limit):
                # A long backlog is not hinted over and over: it is looked at when the queue has run dry.
                return DueFound(self._state.due(limit, backlog=not self._queue.depth()))
            case SendHints(hints):
                self._queue.send(hints)
                return None
            case LookForExpired(limit):
                return ExpiredFound(self._state.expired(limit))
            case DeletePayloads(session, limit):
                # Payloads first: once the records are gone, nobody would know of them any more.
                self._payloads.delete(prefix=session)
                return Collected(session, self._state.collect(session, limit))
