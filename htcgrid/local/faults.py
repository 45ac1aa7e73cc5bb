"""What SQLite's errors mean to whoever runs a grid."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from htcgrid.descriptors import RAISE_LIMIT, few_are_free
from htcgrid.errors import ConfigError, ProviderError, ProviderUnavailableError

#: The low byte of an error code is its class (https://sqlite.org/rescode.html).
_CLASS = 0xFF

_HELD = "another process holds the state file; try again"
#: Classes, and codes of their own, of errors after which the same statement may succeed: others were in its way.
_AGAIN = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_SCHEMA,
        sqlite3.SQLITE_IOERR_BLOCKED,
    )
)
_UNAVAILABLE = {
    **dict.fromkeys(_AGAIN, _HELD),
    sqlite3.SQLITE_FULL: "the disk is full; free some space and try again",
    sqlite3.SQLITE_NOMEM: "there is no memory left; try again",
    sqlite3.SQLITE_IOERR_NOMEM: "there is no memory left; try again",
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
    for code in _codes(error):
        if code == sqlite3.SQLITE_NOTADB:
            return ConfigError(f"{file} is not the state file of a grid; name another folder as 'path'")
        if code in _UNAVAILABLE or (code == sqlite3.SQLITE_CANTOPEN and few_are_free()):
            what = _UNAVAILABLE.get(code, f"this process has too few descriptors; {RAISE_LIMIT}")
            return ProviderUnavailableError(f"{file}: {what} ({error})")
        if code in _BROKEN:
            return ProviderError(f"{file}: {_BROKEN[code]} ({error})")
    return ProviderError(f"{file}: SQLite answered with an error ({error})")


def means_try_again(error: sqlite3.Error) -> bool:
    """Return whether the same statement may succeed when it is tried again."""
    return not _AGAIN.isdisjoint(_codes(error))


def _codes(error: Exception) -> tuple[int, int]:
    """Return what SQLite says in detail, and the class of that."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code, code & _CLASS
