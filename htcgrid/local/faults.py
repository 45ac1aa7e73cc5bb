"""What SQLite's errors mean to whoever runs a grid."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from htcgrid.errors import ConfigError, ProviderError, ProviderUnavailableError

#: The low byte of an error code is its class (https://sqlite.org/rescode.html).
_CLASS = 0xFF

_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: "another process holds the state file; try again",
    sqlite3.SQLITE_LOCKED: "another process holds the state file; try again",
    sqlite3.SQLITE_FULL: "the disk is full; free some space and try again",
    sqlite3.SQLITE_NOMEM: "there is no memory left; try again",
}
_BROKEN = {
    sqlite3.SQLITE_CORRUPT: "it is damaged or cut short; restore it from a copy, or name another folder as 'path'",
    sqlite3.SQLITE_READONLY: "it cannot be written; make the file and its folder writable for this user",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that its folder is there and writable for this user",
    sqlite3.SQLITE_PERM: "it cannot be opened; check that its folder is there and writable for this user",
    sqlite3.SQLITE_IOERR: "the disk answered with an error; check the disk and its file system",
}


@contextmanager
def translated(file: Path) -> Iterator[None]:
    """Let no error of SQLite's out but as one of ours that names the file and what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise fault(error, file) from error


#: What may come out of a statement, and is translated.
FAULTS = (sqlite3.Error, msgspec.MsgspecError, UnicodeEncodeError)


def fault(error: Exception, file: Path) -> ConfigError | ProviderError:
    """Return our error for one of SQLite's, for a record that cannot be read, or for text that cannot be written."""
    if isinstance(error, UnicodeEncodeError):
        return ConfigError(f"{error.object!r} has letters that UTF-8 does not have; use others")
    if isinstance(error, msgspec.MsgspecError):
        return ProviderError(
            f"{file}: a record in it cannot be read: it is damaged, or a later version of htcgrid wrote it ({error})"
        )
    code = getattr(error, "sqlite_errorcode", 0) & _CLASS
    if code == sqlite3.SQLITE_NOTADB:
        return ConfigError(f"{file} is not the state file of a grid; name another folder as 'path'")
    if code in _UNAVAILABLE:
        return ProviderUnavailableError(f"{file}: {_UNAVAILABLE[code]} ({error})")
    return ProviderError(f"{file}: {_BROKEN.get(code, 'SQLite answered with an error')} ({error})")
