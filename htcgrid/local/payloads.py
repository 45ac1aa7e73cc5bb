"""The payload store on files: one object is one file, which is there whole or not at all."""

import errno
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Self, cast

import msgspec

from htcgrid.errors import ConfigError, EncodingError, ProviderError, ProviderUnavailableError
from htcgrid.interfaces import PayloadStore, Source
from htcgrid.local.settings import LocalSettings, Mode, make_folder
from htcgrid.model import PayloadLimits

_KEY = re.compile(r"[A-Za-z0-9._-]{1,200}(/[A-Za-z0-9._-]{1,200})*")
#: Of our own: shared inputs may be large, and objects pass through the memory of whoever puts and gets them.
_SIZE = 2 << 30
#: Ends the name of an object's file, so that the objects "a" and "a/b" can both be; no key has it.
_OBJECT = "="
#: Ends the name of a file that is being written.
_PARTIAL = "~"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}
#: A folder may be deleted while an object is put into it.
_ATTEMPTS = 10
#: How many objects are written at a time: disks make several durable in little more time than one.
_AT_ONCE = 4


class FilePayloadStore(PayloadStore):
    """The payloads of a grid on one machine, under ``folder / "payloads"``."""

    Settings = LocalSettings
    limits = PayloadLimits(size=_SIZE)

    def __init__(self, folder: Path, *, mode: Mode = "private") -> None:
        self._root = make_folder(folder, "payloads", mode=mode)
        if not os.access(self._root, os.W_OK | os.X_OK):
            raise ConfigError(f"{self._root} cannot be written; make the grid's folder writable for this user")

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> Self:
        """Return the payload store of the grid's folder."""
        local = cast("LocalSettings", settings)
        return cls(local.folder(source), mode=local.mode)

    def put(self, blobs: Mapping[str, bytes]) -> None:
        """Store objects under names of their own, then give them their names, then make the names durable.

        Costs 1 wait for the disk per object, of a few at a time, and 1 per folder.
        """
        files = {self._file(key): _fitting(key, data) for key, data in blobs.items()}
        with _translated(self._root):
            _each([partial(self._put, file, data) for file, data in files.items()])
            for folder in self._ways({file.parent for file in files}):
                _sync(folder)

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Read the files that are there. Costs 1 file per object."""
        found: dict[str, bytes] = {}
        with _translated(self._root):
            for key in keys:
                with suppress(FileNotFoundError, NotADirectoryError):
                    found[key] = self._file(key).read_bytes()
        return found

    def delete(self, keys: Iterable[str] = (), *, prefix: str | None = None) -> None:
        """Remove files, and the folder that is the prefix. Costs 1 file per object."""
        files = [self._file(key) for key in keys]
        folder = None if prefix is None else self._root / _checked(prefix)
        with _translated(self._root):
            for file in files:
                file.unlink(missing_ok=True)
            for parent in {file.parent for file in files} - {self._root}:
                with suppress(OSError):
                    parent.rmdir()
            if folder is not None:
                _remove(folder)

    def _file(self, key: str) -> Path:
        return self._root / (_checked(key) + _OBJECT)

    def _put(self, file: Path, data: bytes) -> None:
        if file.exists():
            return
        unnamed = file.with_name(f"{file.name[:200]}{secrets.token_hex(6)}{_PARTIAL}")
        for attempt in range(_ATTEMPTS):
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                _write(unnamed, data)
                _name(unnamed, file)
            except (FileNotFoundError, FileExistsError):
                # The second is what mkdir raises for a folder that goes while it looks.
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def _ways(self, folders: set[Path]) -> set[Path]:
        """The folders and all above them up to the root: new ones are durable when those above them are."""
        ways = {self._root}
        for folder in folders:
            while folder not in ways:
                ways.add(folder)
                folder = folder.parent
        return ways


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key) or not {".", ".."}.isdisjoint(key.split("/")):
        raise ConfigError(f"{key!r} is not a payload's key: letters, digits, '.', '_' and '-' between single slashes")
    return key


def _fitting(key: str, data: bytes) -> bytes:
    if len(data) > _SIZE:
        raise EncodingError(f"payload {key!r} has {len(data)} bytes; at most {_SIZE} can be stored")
    return data


def _each(calls: list[Callable[[], object]]) -> None:
    """Make all calls, a few at a time; after one that raises make no more, and raise the same."""
    errors: list[BaseException] = []
    left = iter(calls)

    def work() -> None:
        try:
            for call in left:
                if errors:
                    return
                call()
        except BaseException as error:  # noqa: BLE001 - the caller's thread raises it
            errors.append(error)

    started: list[threading.Thread] = []
    try:
        # There may be no more threads, or none any more since the program ends; this one does it all then.
        with suppress(RuntimeError):
            for _ in calls[1:_AT_ONCE]:
                helper = threading.Thread(target=work, daemon=True)
                helper.start()
                started.append(helper)
        work()
        for helper in started:
            helper.join()
    except BaseException as error:
        errors.append(error)
        raise
    # An interrupt, if there was one, rather than what a helper met with.
    for problem in sorted(errors, key=lambda error: isinstance(error, Exception)):
        raise problem


def _write(file: Path, data: bytes) -> None:
    try:
        with file.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        file.unlink(missing_ok=True)
        raise


def _name(unnamed: Path, file: Path) -> None:
    """Give a written file its name, unless another has it."""
    try:
        os.link(unnamed, file)
    except FileExistsError:
        pass
    except OSError as error:
        # Not all file systems have hard links. Two who put one object put the same bytes.
        if error.errno not in _NO_LINKS:
            raise
        unnamed.rename(file)
        return
    unnamed.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    """Remove a folder with all that is in it; others may put into it or remove it at the same time."""
    for _ in range(_ATTEMPTS):
        for place, _folders, files in os.walk(folder, topdown=False, onerror=_raise_unless_gone):
            for name in files:
                Path(place, name).unlink(missing_ok=True)
            _remove_empty(Path(place))
        if not folder.exists():
            return
    raise ProviderUnavailableError(f"payloads under {folder}: others put into it while it is deleted; try again")


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST}:
            raise


def _raise_unless_gone(error: OSError) -> None:
    if error.errno != errno.ENOENT:
        raise error


def _sync(folder: Path) -> None:
    with suppress(FileNotFoundError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _translated(root: Path) -> Iterator[None]:
    """Let no error of the file system's out but as one of ours that names the folder."""
    try:
        yield
    except OSError as error:
        message = f"payloads under {root}: {error.strerror or error}"
        if error.errno in _FULL:
            raise ProviderUnavailableError(f"{message}; free some and try again") from error
        raise ProviderError(f"{message}; look at that folder and its file system") from error
