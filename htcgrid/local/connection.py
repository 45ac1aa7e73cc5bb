"""A connection to the state file that waits for other processes, and lets those go on that were stopped."""

import sqlite3
import time
from pathlib import Path
from typing import Any

from htcgrid.local.faults import means_try_again
from htcgrid.local.process import continue_lockers
from htcgrid.pause import pause

#: After each wait of this length it is looked whether somebody who holds a lock was stopped: seconds.
_LOOK = 1.0
#: Between two tries of a statement that SQLite refused at once: seconds.
_PAUSE = 0.01


class Connection(sqlite3.Connection):
    """One that tries a statement again while SQLite says so, up to ``patience`` seconds; inside a transaction never.

    SQLite waits by itself for some locks, and for those of a read it gives up after ten seconds, whatever its time-out
    ("locking protocol"; https://sqlite.org/rescode.html#protocol).
    """

    def __init__(self, file: Path, patience: float) -> None:
        super().__init__(
            file,
            timeout=min(patience, _LOOK),
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        self.text_factory = _text
        self._file = file
        self._patience = patience

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Execute one statement; it is tried again as a whole, for it is refused before its first row."""
        try:
            return super().execute(sql, parameters)
        except sqlite3.Error as error:
            if self.in_transaction or not means_try_again(error):
                raise
        return self._execute_again(sql, parameters)

    def _execute_again(self, sql: str, parameters: Any) -> sqlite3.Cursor:
        deadline = time.monotonic() + self._patience
        while True:
            continue_stopped(self._file)
            try:
                return super().execute(sql, parameters)
            except sqlite3.Error as error:
                if not means_try_again(error) or time.monotonic() >= deadline:
                    raise
            pause(_PAUSE)


def _text(data: bytes) -> str | bytes:
    """Return a text of a row; as bytes, which no column of text can be, when it is none, so that others can be read."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def continue_stopped(file: Path) -> None:
    """Let whoever holds a lock that is in the way of all others go on, if it was stopped.

    SQLite locks bytes of the state file, and of the one beside it by which processes share their place in the log; a
    process holds such a lock alone for some microseconds of a read, too.
    """
    for locked in (file, file.with_name(f"{file.name}-shm")):
        continue_lockers(locked)
