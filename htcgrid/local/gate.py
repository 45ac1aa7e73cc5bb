"""The gate in front of the state file: one writer at a time, of all threads of all processes."""

import fcntl
import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from htcgrid.descriptors import is_of_few, too_few
from htcgrid.errors import ConfigError, ProviderError, ProviderUnavailableError
from htcgrid.local.process import continue_holder
from htcgrid.local.stamp import touch
from htcgrid.pause import pause

#: SQLite's own waiting is unfair: with 8 writers the worst wait was 731 ms, and 6 ms behind this gate.
_PAUSE = 0.0002
#: Where many wait, and so long, each looks less often: together they must leave the machine to the one inside. All look
#: about as often, whoever came first: one that looked more seldom the longer it waits would never get in.
_LOOKS, _LONGEST_PAUSE = 20, 0.01
#: After each wait of this length it is looked whether the holder was stopped: seconds.
_LOOK = 1.0


class Turnstile:
    """A lock for threads; one that was interrupted while it held it, as by Ctrl-C, can take and free it again."""

    def __init__(self) -> None:
        #: Re-entrant for the sake of a thread that was interrupted between any two steps of entering or leaving.
        self._lock = threading.RLock()

    def enter(self, seconds: float) -> bool:
        """Wait, but no longer than this, until no other thread is inside; return whether this one is."""
        return self._lock.acquire(timeout=seconds)

    def leave(self) -> None:
        """Let the next one in; nothing happens when this thread is not inside."""
        with suppress(RuntimeError):
            # As often as it was taken: once, and once more for each time that was lost.
            while True:
                self._lock.release()


class Gate:
    """A lock on a file, which the kernel frees when its holder dies.

    A holder that was stopped, as by Ctrl-Z, is made to go on by whoever waits for it. A thread that comes again while
    it holds the gate was interrupted, as by Ctrl-C, at a moment when it could not let go: its new turn takes the place
    of the one that was lost.
    """

    def __init__(self, file: Path, patience: timedelta, look: Callable[[], object] | None = None) -> None:
        self._file = file
        #: Called now and then while the gate is waited for: what its holder waits for may have been stopped.
        self._look = look
        self._patience = patience.total_seconds()
        self._thread = Turnstile()
        #: The thread whose turn it is, and the number of that turn.
        self._holder: int | None = None
        self._turn = 0
        #: About how long it took of late to get in: seconds.
        self._usual = 0.0
        try:
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            if is_of_few(error):
                raise too_few(error) from error
            raise ConfigError(
                f"{file} cannot be written: {error.strerror or error}; the grid's folder must be writable"
            ) from error

    def __enter__(self) -> None:
        self.enter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave(self._turn)

    def enter(self) -> int:
        """Wait until nobody else is inside; return the number of this turn.

        Raises:
            ProviderUnavailableError: somebody else was inside for too long.
        """
        deadline = time.monotonic() + self._patience
        if not self._thread.enter(self._patience):
            raise self._busy("another thread of this process")
        if self._descriptor < 0:
            self._thread.leave()
            raise ProviderError(f"{self._file} was closed in this process")
        self._holder = threading.get_ident()
        self._turn += 1
        try:
            self._lock_file(deadline)
        except BaseException:
            self._let_go()
            raise
        return self._turn

    def stamp(self) -> float:
        """Return the time that the kernel gives to what is written now: seconds since the epoch.

        Raises:
            OSError: nothing can be written, as on a full disk.
        """
        return touch(self._descriptor)

    def is_turn(self, turn: int) -> bool:
        """Return whether this thread is inside, and its turn is this one."""
        return self._turn == turn and self._holder == threading.get_ident()

    def leave(self, turn: int) -> None:
        """End a turn, unless that is over."""
        if self.is_turn(turn):
            self._let_go()

    def _let_go(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._holder = None
        self._thread.leave()

    def close(self, last: Callable[[], object] = lambda: None) -> None:
        """Free the file once no thread of this process is inside; call ``last`` before. Other processes may be inside.

        Raises:
            ProviderUnavailableError: another thread was inside for too long.
        """
        if not self._thread.enter(self._patience):
            raise self._busy("another thread of this process")
        try:
            last()
        finally:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
            self._thread.leave()

    def _lock_file(self, deadline: float) -> None:
        began = time.monotonic()
        look_at = began + _LOOK
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                now = time.monotonic()
                if now >= deadline:
                    raise self._busy("another process") from error
                if now >= look_at:
                    look_at = now + _LOOK
                    continue_holder(self._descriptor)
                    if self._look is not None:
                        self._look()
                share = max(self._usual, now - began) / _LOOKS
                pause(min(max(_PAUSE, share), _LONGEST_PAUSE) * random.uniform(0.5, 1.5))
            except OSError as error:
                raise ProviderUnavailableError(f"{self._file} cannot be locked: {error.strerror or error}") from error
            else:
                self._usual += (time.monotonic() - began - self._usual) / 4
                return

    def _busy(self, holder: str) -> ProviderUnavailableError:
        return ProviderUnavailableError(
            f"{holder} holds the state file beside {self._file} for more than {self._patience:g} s; "
            "try again, or look which process does not let go of it"
        )
