"""The state file: one SQLite database that many processes read and write at once."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

from htcgrid.errors import ConfigError, ProviderError, ProviderUnavailableError
from htcgrid.local.connection import Connection, continue_stopped
from htcgrid.local.faults import FAULTS, fault, translated
from htcgrid.local.gate import Gate
from htcgrid.local.schema import is_prepared, prepare
from htcgrid.local.settings import PATIENCE, Mode, make_folder
from htcgrid.local.stamp import StoreClock

_FILE = "grid.db"
#: Connections for reading that are kept open; more are opened when more threads read, and closed after.
_READERS = 4
_WRITING = (
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 2000",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -8192",
)


class Database:
    """One connection for writing, behind the gate, and some for reading; all of them autocommit."""

    def __init__(self, folder: Path, patience: timedelta = PATIENCE, *, mode: Mode = "private") -> None:
        self.file = make_folder(folder, mode=mode) / _FILE
        self._path = str(self.file)
        #: How long to wait for others that write: seconds.
        self.patience = patience.total_seconds()
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._readers: list[sqlite3.Connection] = []
        self._closed = False
        #: The durable writes so far.
        self.commits = 0
        self._durable: bool | None = True
        _check(self.file)
        self._gate = Gate(folder / f"{_FILE}.lock", patience, partial(continue_stopped, self.file))
        #: The time by which all processes of the grid judge what is due: see :class:`StoreClock`.
        self.clock = StoreClock(self._gate.stamp)
        try:
            with translated(self.file):
                self._writer = self._connect()
                self._prepare()
                if mode == "group":
                    self._share()
                self._identity = self._found()
        except BaseException:
            self._gate.close()
            raise

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction, that of the block, is recorded when this ends; with an error nothing is.

        Without ``durable`` the loss of power, and nothing else, may take it back, with no later one left standing.
        """
        # A process that was forked shares its parent's lock, so it must not even come to the gate.
        self.check_process()
        turn = self._gate.enter()
        try:
            self._check_open()
            if self._writer.in_transaction:
                # Left open by a turn of this thread that an interrupt ended.
                self._roll_back()
            self._begin(durable=durable)
            yield self._writer
            self._writer.execute("COMMIT")
            self.commits += durable
        except BaseException as error:
            # A turn that was lost may end late, when its generator is collected, and amid another.
            if self._gate.is_turn(turn):
                self._roll_back()
            if isinstance(error, FAULTS):
                raise fault(error, self.file) from error
            raise
        finally:
            self._gate.leave(turn)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read by; each statement sees what was recorded when it began."""
        reader = self._reader()
        try:
            yield reader
        except FAULTS as error:
            raise fault(error, self.file) from error
        finally:
            self._keep(reader)

    def close(self) -> None:
        """Close all connections that nobody uses; others are closed after their use."""
        if self._process != os.getpid():
            return
        with self._lock:
            if self._closed:
                return
            self._closed = True
            readers, self._readers = self._readers, []
        with translated(self.file):
            for reader in readers:
                reader.close()
            self._gate.close(self._writer.close)

    def _connect(self) -> Connection:
        return Connection(self.file, self.patience)

    def _prepare(self) -> None:
        """Make the tables, if they are not there; most find them, and take no turn, so that crowds need not queue."""
        try:
            if not is_prepared(self._writer, self.file):
                with self._gate:
                    prepare(self._writer, self.file)
            for statement in _WRITING:
                self._writer.execute(statement)
        except BaseException:
            self._writer.close()
            raise

    def _share(self) -> None:
        """Let the group write the file and those beside it; SQLite asks no umask, and makes later ones like it."""
        for file in (self.file, *(self.file.with_name(f"{_FILE}-{part}") for part in ("wal", "shm"))):
            with suppress(FileNotFoundError):
                found = file.stat()
                if found.st_uid == os.geteuid() and found.st_mode & 0o660 != 0o660:
                    file.chmod(0o660)

    def _begin(self, *, durable: bool) -> None:
        if durable is not self._durable:
            # Not known while it changes: an interrupt between the two must not make later writes less durable.
            self._durable = None
            self._writer.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable
        self._writer.execute("BEGIN IMMEDIATE")

    def _roll_back(self) -> None:
        with translated(self.file):
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")

    def _reader(self) -> sqlite3.Connection:
        with self._lock:
            self._check_open()
            if self._readers:
                return self._readers.pop()
        with translated(self.file):
            return self._connect()

    def _keep(self, reader: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed and len(self._readers) < _READERS:
                self._readers.append(reader)
                return
        reader.close()

    def check_process(self) -> None:
        """Raise an error in a process that must not use this: after a close, or after a fork."""
        if self._closed:
            raise ProviderError(f"{self.file}: the grid was closed; open it again")
        if self._process != os.getpid():
            raise ProviderError(f"{self.file}: was opened before this process was forked; open the grid in each")

    def _check_open(self) -> None:
        self.check_process()
        # SQLite would go on with what nobody else can see any more.
        if self._found() != self._identity:
            raise ProviderError(
                f"{self.file}: was deleted, moved or replaced while it was open, and what it held is lost to others; "
                "end the processes of this grid, and start them again"
            )

    def _found(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116 - before each read and write: a Path is spelled anew each time
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ProviderUnavailableError(f"{self.file}: cannot be looked at: {error.strerror or error}") from error
        return found.st_dev, found.st_ino


def _check(file: Path) -> None:
    """Give the clear errors that SQLite would not: it opens what it may only read, and tells late what it cannot.

    The file itself must not be opened here: closing it would drop the locks that other connections of this process
    hold on it, and another process would take the database apart under them (sqlite.org/howtocorrupt.html, 2.2).
    """
    if not file.exists():
        return
    if not file.is_file():
        raise ConfigError(f"{file} is not a file; name another folder as 'path'")
    if not os.access(file, os.R_OK):
        raise ConfigError(
            f"{file} cannot be read; make the file readable for this user, or name another folder as 'path'"
        )
    if not os.access(file, os.W_OK):
        raise ConfigError(f"{file} cannot be written; make the file and its folder writable for this user")
