"""The task queue: a maildir. A hint is a file, and its name says from when on it may be received."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Self, cast
from uuid import uuid4

import msgspec

from htcgrid.interfaces import Source, TaskQueue
from htcgrid.model import Delivery, Hint, QueueLimits, defaults
from htcgrid_folder.faults import translated
from htcgrid_folder.files import file_name
from htcgrid_folder.settings import FolderSettings

#: How long a waiting receiver sleeps between two looks, at first and at most: seconds.
_PAUSE, _LONGEST_PAUSE = 0.01, 0.25


class FolderTaskQueue(TaskQueue):
    """Hints under ``folder / "queue"``: a folder for each pool, in it two for each priority, and a file for each hint.

    To receive a hint is to rename it, which one of many receivers succeeds in; its new name lets it be received again
    after ``visibility``, unless it was acknowledged. ``now`` is the wall clock: machines whose clocks differ see hints
    later, or twice, and lose none. Hints are not made durable, since losing one costs only time.
    """

    Settings = FolderSettings
    limits = QueueLimits(again_first=True)

    def __init__(
        self, folder: Path, *, visibility: timedelta = timedelta(seconds=30), now: Callable[[], float] = time.time
    ) -> None:
        self._root = folder / "queue"
        self._pools, self._partial = self._root / "pools", self._root / "partial"
        self._visibility = visibility
        self._now = now
        self._closed = threading.Event()
        with translated(self._root):
            for place in (self._pools, self._partial):
                place.mkdir(parents=True, exist_ok=True)

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> Self:
        """Return the queue of the shared folder."""
        folder = cast("FolderSettings", settings)
        return cls(folder.folder(source), visibility=timedelta(seconds=folder.visibility))

    def close(self) -> None:
        """Let those who wait for hints go."""
        self._closed.set()

    def send(self, hints: Sequence[Hint]) -> None:
        """Write each hint aside, then give it a name under which it is received at once."""
        with translated(self._root):
            for hint in hints:
                folder = self._folder(hint.pool, hint.priority, again=hint.again)
                folder.mkdir(parents=True, exist_ok=True)
                partial = self._partial / uuid4().hex
                partial.write_bytes(msgspec.json.encode(hint))
                partial.rename(folder / self._named(uuid4().hex))

    def receive(self, limit: int, *, wait: timedelta, pool: str, above: int | None = None) -> list[Delivery]:
        """Take what is there; else look again, ever more slowly, until the time is up or the queue is closed."""
        deadline = time.monotonic() + wait.total_seconds()
        pause = _PAUSE
        while True:
            with translated(self._root):
                found = self._take(limit, pool, above)
            left = deadline - time.monotonic()
            if found or left <= 0 or self._closed.wait(min(pause, left)):
                return found
            pause = min(2 * pause, _LONGEST_PAUSE)

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Remove the files. One that was received again meanwhile has another name, and stays."""
        with translated(self._root):
            for delivery in deliveries:
                (self._pools / delivery.token).unlink(missing_ok=True)

    def depth(self, pool: str) -> int | None:
        """Count the files that may be received now."""
        now = self._named("~")
        with translated(self._root):
            return sum(file.name < now for file in (self._pools / file_name(pool)).glob("*/*"))

    def wake(self) -> None:
        """Do nothing: nobody waits for long."""

    def _take(self, limit: int, pool: str, above: int | None) -> list[Delivery]:
        found: list[Delivery] = []
        lowest = 0 if above is None else above + 1
        priorities = range(defaults.PRIORITY_LIMIT, lowest - 1, -1)
        for folder in (self._folder(pool, priority, again=again) for priority in priorities for again in (True, False)):
            for file in self._visible(folder):
                if len(found) >= limit:
                    return found
                if (delivery := self._received(file)) is not None:
                    found.append(delivery)
        return found

    def _visible(self, folder: Path) -> list[Path]:
        """Return the hints that may be received, the oldest first."""
        now = self._named("~")
        try:
            return sorted(file for file in folder.iterdir() if file.name < now)
        except FileNotFoundError:
            return []

    def _received(self, file: Path) -> Delivery | None:
        """Make a hint one's own for a time; None when another was faster."""
        _, _, unique = file.name.partition(".")
        mine = file.with_name(self._named(unique, self._visibility))
        try:
            data = file.rename(mine).read_bytes()
        except FileNotFoundError:
            return None
        try:
            hint = msgspec.json.decode(data, type=Hint)
        except msgspec.DecodeError:
            # Damaged: it would come back for ever, and losing it costs only time.
            mine.unlink(missing_ok=True)
            return None
        return Delivery(hint=hint, token=str(mine.relative_to(self._pools)))

    def _named(self, unique: str, later: timedelta = timedelta(0)) -> str:
        """Return the name of a hint that is seen from now on, or ``later``: microseconds, a dot and what tells it."""
        return f"{int((self._now() + later.total_seconds()) * 1_000_000):020}.{unique}"

    def _folder(self, pool: str, priority: int, *, again: bool) -> Path:
        """Return where hints of a priority are; bundles that were begun before go first."""
        return self._pools / file_name(pool) / (f"{priority}-again" if again else str(priority))
