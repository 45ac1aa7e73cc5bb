"""The gate in front of the state file: one writer at a time, of all threads of all processes."""

import fcntl
import os
import random
import threading
import time
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from htcgrid.errors import ConfigError, ProviderUnavailableError
from htcgrid.local.process import continue_holder

#: SQLite's own waiting is unfair: with 8 writers the worst wait was 731 ms, and 6 ms behind this gate.
_PAUSE = 0.0002
#: After each wait of this length it is looked whether the holder was stopped: seconds.
_LOOK = 1.0


class Gate:
    """A lock on a file, which the kernel frees when its holder dies. Not re-entrant.

    A holder that was stopped, as by Ctrl-Z, is made to go on by whoever waits for it.
    """

    def __init__(self, file: Path, patience: timedelta) -> None:
        self._file = file
        self._patience = patience.total_seconds()
        self._thread = threading.Lock()
        try:
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise ConfigError(
                f"{file} cannot be written: {error.strerror or error}; the grid's folder must be writable"
            ) from error

    def __enter__(self) -> None:
        deadline = time.monotonic() + self._patience
        if not self._thread.acquire(timeout=self._patience):
            raise self._busy("another thread of this process")
        try:
            self._lock_file(deadline)
        except BaseException:
            self._thread.release()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._thread.release()

    def close(self) -> None:
        """Free the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _lock_file(self, deadline: float) -> None:
        look_at = time.monotonic() + _LOOK
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
                time.sleep(_PAUSE * random.uniform(0.5, 1.5))
            except OSError as error:
                raise ProviderUnavailableError(f"{self._file} cannot be locked: {error.strerror or error}") from error
            else:
                return

    def _busy(self, holder: str) -> ProviderUnavailableError:
        return ProviderUnavailableError(
            f"{holder} holds the state file beside {self._file} for more than {self._patience:g} s; "
            "try again, or look which process does not let go of it"
        )
