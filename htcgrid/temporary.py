"""The temporary folders of embedded grids: held by a lock while somebody needs one, and removed after.

Whoever opens an embedded grid removes those that nobody holds any more. A process that ends in any way lets go of its
locks, and no other can get them by chance, as it can the number of a process (flock(2)).
"""

import atexit
import fcntl
import os
import secrets
import shutil
import stat
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from htcgrid.errors import ConfigError

_PREFIX = "htcgrid-"
#: In each folder; the client and its agents hold it together, and whoever removes the folder has it alone.
_LOCK = "in-use.lock"
#: Where a folder can be when no other place will do.
_PLACES = ("/tmp", "/var/tmp")  # noqa: S108 - the names are made up, and nobody else has them
#: The longest path of such a place, in bytes: SQLite takes 512 for the name of a file in the folder.
_LONGEST = 400
#: A folder without a lock is somebody's who is just making it, or died at that so long ago: seconds.
_UNFINISHED = 3600.0


class TemporaryFolder:
    """A new folder of this process, which nobody else removes while this process or an agent holds it.

    It goes with this process at the latest: an interrupt may have come just before somebody was to remove it.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._held: int | None = None
        #: Named before it is made: what is made is removed whatever happens next.
        self._path: Path | None = None
        atexit.register(self._leave)
        try:
            self._held = _hold_new(self._made())
            # A process that is forked off shares the lock, and would keep it after this one.
            forked = weakref.WeakMethod(self._let_go)
            os.register_at_fork(after_in_child=lambda: (method := forked()) and method())
        except BaseException:
            self.remove()
            raise

    @property
    def path(self) -> Path:
        """Where it is."""
        if self._path is None:
            raise RuntimeError("it was not made")
        return self._path

    def remove(self) -> None:
        """Remove the folder, and let go of it. Repeating it changes nothing."""
        if (path := self._path) is not None:
            # It has gone with the place that it was in, or no descriptor is left: then the next grid removes it.
            with suppress(OSError), _opened(path) as folder:
                _remove(path, folder)
        self._let_go()
        atexit.unregister(self._leave)

    def _leave(self) -> None:
        if self._process == os.getpid():
            self.remove()

    def _made(self) -> Path:
        problem: OSError | None = None
        for place in _places():
            if len(os.fsencode(place)) <= _LONGEST:
                # Nobody else has this name.
                self._path = path = Path(place).absolute() / f"{_PREFIX}{secrets.token_hex(8)}"
                try:
                    path.mkdir(mode=0o700)
                except OSError as error:
                    self._path, problem = None, problem or error
                else:
                    return path
        raise ConfigError(
            "an embedded grid finds no place for a temporary folder: "
            f"{problem or 'all names are too long'}; set $TMPDIR, or give it a folder"
        )

    def _let_go(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            os.close(held)


@contextmanager
def holding(folder: Path) -> Iterator[bool]:
    """Hold a folder for as long as the block lasts, for an agent; yields whether it is a temporary one.

    Raises:
        ConfigError: it is being removed, since its client is gone.
    """
    try:
        held = os.open(folder / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        yield False
        return
    try:
        if not _locks(held, fcntl.LOCK_SH):
            raise ConfigError(f"the folder {folder} is being removed: the client of this agent is gone")
        yield True
    finally:
        os.close(held)


def remove_abandoned(place: Path) -> None:
    """Remove this user's temporary folders in a place that nobody holds. Any number of processes may do so at once."""
    names: list[str] = []
    with suppress(OSError), os.scandir(place) as entries:
        names += [entry.name for entry in entries if entry.name.startswith(_PREFIX)]
    for name in names:
        # Another's, no folder, or gone by now.
        with suppress(OSError), _opened(place / name) as folder:
            _remove_if_abandoned(place / name, folder)


def _remove_if_abandoned(path: Path, folder: int) -> None:
    found = os.fstat(folder)
    if found.st_uid != os.geteuid():
        return
    try:
        lock = os.open(_LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        # One that has anything in it is not empty, and stays.
        if path.name.count("-") == 1 and _time_of(path.parent) - found.st_mtime > _UNFINISHED:
            path.rmdir()
        return
    try:
        # Whoever removed it meanwhile has taken the file of the lock away.
        if stat.S_ISREG(os.fstat(lock).st_mode) and _locks(lock, fcntl.LOCK_EX) and _is_named(lock, folder):
            _remove(path, folder)
    finally:
        os.close(lock)


def _remove(path: Path, folder: int) -> None:
    """Remove what is in a folder, then its lock, and at last itself: what is left half done is found by it."""
    for name in os.listdir(folder):
        if name == _LOCK:
            continue
        try:
            os.unlink(name, dir_fd=folder)
        except OSError:
            # Without a descriptor left, or while somebody writes there, some of it stays.
            shutil.rmtree(name, ignore_errors=True, dir_fd=folder)
    if any(name != _LOCK for name in os.listdir(folder)):
        return
    with suppress(FileNotFoundError):
        os.unlink(_LOCK, dir_fd=folder)
    with suppress(FileNotFoundError):
        # If another was put in its place, that is not empty.
        path.rmdir()


def _time_of(place: Path) -> float:
    """Return the time by which files in a place are stamped, which this process's clock need not have."""
    with tempfile.TemporaryFile(dir=place) as file:
        return os.fstat(file.fileno()).st_mtime


def _places() -> Iterator[str]:
    # Raises when it finds none; what it has found before may be gone.
    with suppress(OSError):
        yield tempfile.gettempdir()
    yield from _PLACES


def _hold_new(path: Path) -> int | None:
    """Lock a new folder; None where there are no locks, and where nobody can tell who holds what."""
    # Locked before it has its name: from then on whoever comes by would take it for abandoned.
    unnamed = path / f"{_LOCK}~"
    with suppress(OSError):
        held = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            if _locks(held, fcntl.LOCK_SH):
                unnamed.rename(path / _LOCK)
                return held
        except BaseException:
            os.close(held)
            raise
        os.close(held)
    return None


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A descriptor of a folder, which is no link to one."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield folder
    finally:
        os.close(folder)


def _locks(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_named(lock: int, folder: int) -> bool:
    try:
        return os.path.samestat(os.fstat(lock), os.stat(_LOCK, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return False
