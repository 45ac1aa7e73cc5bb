"""Processes that were stopped, as by Ctrl-Z, amid a read or a write of the state file, and those beside them."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from htcgrid.errors import ProviderError, ProviderUnavailableError
from htcgrid.local.database import Database
from htcgrid.local.faults import fault, means_try_again
from htcgrid.local.state import SqliteStateStore
from htcgrid.testing.samples import bundles_of, session_of

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who holds a lock")

#: Holds bytes of a file as SQLite does, which it tells when it does, is stopped, and lets go when it is continued.
HOLDER = """
import fcntl, os, signal, sys
file = open(sys.argv[1], "r+b")
for span in sys.argv[2:]:
    start, length = span.split("+")
    fcntl.lockf(file, fcntl.LOCK_EX, int(length), int(start))
print("held", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
file.close()
print("let go", flush=True)
"""

#: What a process may hold alone when it is stopped; the numbers are SQLite's (sqlite.org/walformat.html, 2.3).
LOCKS = {
    "writing, or reading a header that was changed": ("grid.db-shm", "120+1"),
    "a checkpoint": ("grid.db-shm", "121+1"),
    "a recovery": ("grid.db-shm", "122+1"),
    "a recovery that also writes": ("grid.db-shm", "120+1", "122+1"),
    "a recovery with all that it needs": ("grid.db-shm", "120+3"),
    "a checkpoint's copying": ("grid.db-shm", "121+1", "123+1"),
    "a read that needs no log": ("grid.db-shm", "123+1"),
    "a read that sets mark 1": ("grid.db-shm", "124+1"),
    "a read that sets mark 2": ("grid.db-shm", "125+1"),
    "a read that sets mark 3": ("grid.db-shm", "126+1"),
    "a read that sets mark 4": ("grid.db-shm", "127+1"),
    "reads that set all marks": ("grid.db-shm", "124+4"),
    "starting the log anew": ("grid.db-shm", "120+1", "124+4"),
    "all of it": ("grid.db-shm", "120+8"),
}


@contextmanager
def stopped(folder: Path, name: str, *spans: str) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold these bytes, and be stopped."""
    command = [sys.executable, "-c", HOLDER, str(folder / name), *spans]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@linux_only
@pytest.mark.parametrize("locks", LOCKS.values(), ids=LOCKS)
def test_others_read_write_and_cancel_beside_a_process_that_was_stopped_with_a_lock(
    folder: Path, locks: tuple[str, ...]
) -> None:
    session = session_of()
    with closing(SqliteStateStore(folder)) as store, closing(SqliteStateStore(folder)) as other:
        store.create(session, bundles_of(session, 3, tasks=10))
        # Now mark 1 stands where a reader finds the log.
        store.status([session.id])
        done: list[object] = []

        def cancel() -> None:
            done.append(other.cancel([session.id]))

        with stopped(folder, *locks):
            # One waits for the lock, inside the gate or at it, and one at the gate: that one looks who was stopped.
            threads = [threading.Thread(target=cancel) for _ in range(2)]
            for thread in threads:
                thread.start()
            store.create(session_of())
            for thread in threads:
                thread.join()
            assert [status.cancelled for status in store.status([session.id])] == [30]
        assert len(done) == 2


@linux_only
def test_one_who_reads_alone_waits_out_what_sqlite_calls_a_locking_protocol(folder: Path) -> None:
    with closing(Database(folder)) as database, database.reading() as connection:
        # SQLite gives up after ten seconds, and only then a stopped one is looked for: nobody else waits.
        connection.execute("SELECT count(*) FROM sessions").fetchone()
        with stopped(folder, *LOCKS["a read that sets mark 1"]) as process:
            assert connection.execute("SELECT count(*) FROM sessions").fetchone() == (0,)
            assert process.stdout is not None
            assert process.stdout.readline() == "let go\n"


@linux_only
def test_a_stopped_process_that_is_in_nobodys_way_stays_stopped(folder: Path) -> None:
    with closing(Database(folder)) as database, stopped(folder, "grid.db-shm", "127+1") as process:
        for _ in range(10):
            with database.writing() as connection:
                connection.execute("UPDATE grid SET longest_delay = longest_delay + 1")
            with database.reading() as connection:
                connection.execute("SELECT longest_delay FROM grid").fetchone()
        stat = Path(f"/proc/{process.pid}/stat").read_text()
        assert stat.rpartition(")")[2].split()[0] == "T"


def test_one_who_holds_a_lock_and_runs_is_waited_for_no_longer_than_patience(folder: Path) -> None:
    with (
        closing(Database(folder, timedelta(seconds=0.2))) as database,
        closing(sqlite3.connect(database.file, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ProviderUnavailableError, match="another process holds the state file; try again"):
            database.writing().__enter__()
        other.execute("ROLLBACK")


#: What SQLite may answer, whether the same statement may then succeed, and whether the grid tries again later.
CODES = {
    "SQLITE_BUSY": (True, True),
    "SQLITE_BUSY_RECOVERY": (True, True),
    "SQLITE_BUSY_SNAPSHOT": (True, True),
    "SQLITE_BUSY_TIMEOUT": (True, True),
    "SQLITE_LOCKED": (True, True),
    "SQLITE_LOCKED_SHAREDCACHE": (True, True),
    "SQLITE_LOCKED_VTAB": (True, True),
    "SQLITE_PROTOCOL": (True, True),
    "SQLITE_SCHEMA": (True, True),
    "SQLITE_IOERR_BLOCKED": (True, True),
    "SQLITE_FULL": (False, True),
    "SQLITE_NOMEM": (False, True),
    "SQLITE_IOERR_NOMEM": (False, True),
    "SQLITE_IOERR": (False, False),
    "SQLITE_IOERR_FSYNC": (False, False),
    "SQLITE_CORRUPT": (False, False),
    "SQLITE_CORRUPT_INDEX": (False, False),
    "SQLITE_READONLY": (False, False),
    "SQLITE_CANTOPEN": (False, False),
    "SQLITE_PERM": (False, False),
    "SQLITE_CONSTRAINT": (False, False),
    "SQLITE_ERROR": (False, False),
}


@pytest.mark.parametrize(("name", "again", "unavailable"), [(name, *what) for name, what in CODES.items()])
def test_codes_of_sqlite_that_mean_try_again_are_known(
    tmp_path: Path,
    name: str,
    again: bool,
    unavailable: bool,
) -> None:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = getattr(sqlite3, name)
    assert means_try_again(error) is again
    found = fault(error, tmp_path / "grid.db")
    assert isinstance(found, ProviderUnavailableError if unavailable else ProviderError)
    assert isinstance(found, ProviderUnavailableError) is unavailable
