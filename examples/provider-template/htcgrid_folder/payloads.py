"""The payload store: one object is one file, written aside and then given its name by a hard link."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self, cast
from uuid import uuid4

import msgspec

from htcgrid.errors import ProviderUnavailableError
from htcgrid.interfaces import PayloadStore, Source
from htcgrid.model import PayloadLimits, defaults
from htcgrid_folder.faults import translated
from htcgrid_folder.files import file_name, make_durable, written
from htcgrid_folder.settings import FolderSettings

#: How often a put makes a folder that others delete.
_ATTEMPTS = 10


class FolderPayloadStore(PayloadStore):
    """Payloads under ``folder / "payloads"``.

    Each part of a key is a folder and the last one a file, so that to delete by prefix is to move one folder away.
    A process that is killed may leave a file in ``partial/``, which nobody reads.
    """

    Settings = FolderSettings
    #: A pack of one payload of the largest size is larger than that.
    limits = PayloadLimits(size=2 * defaults.PAYLOAD_BYTES)

    def __init__(self, folder: Path) -> None:
        self._root = folder / "payloads"
        self._objects, self._partial, self._gone = (self._root / name for name in ("objects", "partial", "gone"))
        with translated(self._root):
            for place in (self._objects, self._partial, self._gone):
                place.mkdir(parents=True, exist_ok=True)

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> Self:
        """Return the payload store of the shared folder."""
        return cls(cast("FolderSettings", settings).folder(source))

    def put(self, blobs: Mapping[str, bytes]) -> None:
        """Store objects one after the other, then make their names durable."""
        with translated(self._root):
            for key, data in blobs.items():
                self._put(self._file(key), data)
            for folder in {way for key in blobs for way in self._ways(self._file(key).parent)}:
                make_durable(folder)

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Read the files that are there."""
        found: dict[str, bytes] = {}
        with translated(self._root):
            for key in keys:
                with suppress(FileNotFoundError):
                    found[key] = self._file(key).read_bytes()
        return found

    def delete(self, keys: Iterable[str] = (), *, prefix: str | None = None) -> None:
        """Remove files, and the folder of a prefix: moved away first, since others may put into it."""
        with translated(self._root):
            for key in keys:
                self._file(key).unlink(missing_ok=True)
            if prefix is not None:
                with suppress(FileNotFoundError):
                    self._folder(prefix).rename(self._gone / uuid4().hex)
                # Also what was left by a process that ended here. Others may be at it, too.
                for folder in self._gone.iterdir():
                    shutil.rmtree(folder, ignore_errors=True)

    def _put(self, file: Path, data: bytes) -> None:
        """Give ``data`` this name, unless it is taken: the first put stays."""
        if file.exists():
            return
        partial = written(self._partial, data)
        try:
            for _ in range(_ATTEMPTS):
                with suppress(FileNotFoundError, FileExistsError):
                    file.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileNotFoundError):
                    _link(partial, file)
                    return
        finally:
            partial.unlink(missing_ok=True)
        raise ProviderUnavailableError(f"{file.parent}: others delete it while objects are put into it; try again")

    def _file(self, key: str) -> Path:
        # A folder's name ends in its digest, so the objects "a" and "a/b" can both be.
        return self._folder(key).with_suffix(".object")

    def _folder(self, prefix: str) -> Path:
        return self._objects.joinpath(*map(file_name, prefix.split("/")))

    def _ways(self, folder: Path) -> Iterator[Path]:
        """Yield the folder and those above it: a new one is durable when its name in the one above is."""
        while folder != self._root:
            yield folder
            folder = folder.parent


def _link(partial: Path, file: Path) -> None:
    with suppress(FileExistsError):
        file.hardlink_to(partial)
