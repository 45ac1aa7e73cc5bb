"""What carries the reaper's decisions out: one thread, one call after the other."""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty
from random import Random

from htcgrid.errors import HtcGridError, ProviderUnavailableError
from htcgrid.host import Host, Queue, RealHost, Thread
from htcgrid.interfaces import PayloadStore, StateStore, TaskQueue
from htcgrid.reaper.core import (
    CallFailed,
    Collected,
    Command,
    DeletePayloads,
    DueFound,
    Event,
    ExpiredFound,
    LookForDue,
    LookForExpired,
    ReaperCore,
    ReaperPolicy,
    SendHints,
    Time,
)


class Reaper:
    """Carries the decisions out, in a thread of its own or in the caller's.

    Of leases, delays and old sessions it looks at all, and of lost hints at those of some ``pools``: an agent's reaper
    at its own pool, for nobody else needs them.
    A store that cannot be used is logged and asked again; any other exception ends the reaper, and is handed to
    ``crash`` when it runs in a thread of its own.
    """

    def __init__(
        self,
        state: StateStore,
        queue: TaskQueue,
        payloads: PayloadStore,
        *,
        pools: Sequence[str],
        seed: int,
        policy: ReaperPolicy | None = None,
        log: Callable[..., object] | None = None,
        crash: Callable[[BaseException], None] | None = None,
        host: Host | None = None,
    ) -> None:
        self._host = host or RealHost()
        self._state = state
        self._queue = queue
        self._payloads = payloads
        #: Each look is at the backlog of another one.
        self._pools = deque(pools)
        self._core = ReaperCore(policy or ReaperPolicy(look=state.limits.look.total_seconds()), Random(seed).random)
        self._log = log
        self._crash = crash
        self._stopped = False
        #: Wakes the reaper that waits for its next look, maybe with the time of an earlier one; put is safe in a signal
        #: handler, other locks are not.
        self._wakeups: Queue[float | None] = self._host.queue()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Run in a thread until :meth:`close`."""
        self._thread = self._host.thread(self._run_until_crash, name="reaper")
        self._thread.start()

    def _run_until_crash(self) -> None:
        try:
            self.run()
        except BaseException as error:
            if self._crash is None:
                raise
            # Ending silently, it would leave a grid without its reaper.
            self._crash(error)

    def run(self) -> None:
        """Run until :meth:`close` is called."""
        while not self._stopped:
            commands = deque(self._core.handle(Time(), self._host.monotonic()))
            while commands and not self._stopped:
                event = self._do(commands.popleft())
                if event is not None:
                    commands.extend(self._core.handle(event, self._host.monotonic()))
            with suppress(Empty):
                earlier = self._wakeups.get(timeout=max(0.05, self._core.wake_at() - self._host.monotonic()))
                if earlier is not None:
                    self._core.look_by(earlier)

    def close(self) -> None:
        """End; returns when the call that is under way is over."""
        self.stop()
        if self._thread is not None and not self._thread.current:
            self._thread.join(timeout=10)

    def stop(self) -> None:
        """Let :meth:`run` end soon; for signal handlers."""
        self._stopped = True
        self._wakeups.put(None)

    def hasten(self, delay: float) -> None:
        """Look when so many seconds have passed, if not before: something is due then. From any thread."""
        self._wakeups.put(self._host.monotonic() + delay)

    def _do(self, command: Command) -> Event | None:
        try:
            return self._call(command)
        except HtcGridError as error:
            if self._log is not None:
                known = isinstance(error, ProviderUnavailableError)
                self._log("reaper call failed", call=type(command).__name__, error=str(error), passing=known)
            if isinstance(command, SendHints):
                return None
            return CallFailed(command.session if isinstance(command, DeletePayloads) else None)

    def _call(self, command: Command) -> Event | None:
        match command:
            case LookForDue(limit):
                # A long backlog is not hinted over and over: it is looked at when the queue has run dry.
                pool = self._pools[0]
                self._pools.rotate(-1)
                return DueFound(self._state.due(limit, dry=None if self._queue.depth(pool) else pool))
            case SendHints(hints):
                self._queue.send(hints)
                return None
            case LookForExpired(limit):
                return ExpiredFound(self._state.expired(limit))
            case DeletePayloads(session, limit):
                # Payloads first: once the records are gone, nobody would know of them any more.
                self._payloads.delete(prefix=session)
                return Collected(session, self._state.collect(session, limit))
