"""The network namespace of a process, in which sockets have names that are no files."""

import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from htcgrid.local.stamp import touch

#: How often it is looked whether processes in other namespaces have come: seconds.
_LOOK = 1.0
#: A namespace whose file nobody has touched for so long is gone, as that of a container is when it ends; those that
#: live touch theirs more often: seconds.
_GONE, _TOUCH = 86_400.0, 3600.0


class Network:
    """Tells whether all processes that use ``folder`` are in one network namespace, and names sockets there.

    Each namespace has a file in the folder with a word that nobody else can know, for such names know no permissions
    (unix(7), abstract socket addresses). Linux has them; elsewhere no process is in any.
    """

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self._folder = folder
        #: By the clock that stamps the files: another one would take who lives for gone, whose bells are not rung then.
        self._now = now
        self._lock = threading.Lock()
        self._word: str | None = None
        #: What addresses begin with, and what is sent to them: of the word.
        self._shown, self._ring = _made_of(None)
        self._only = False
        self._looked = float("-inf")
        self._look()

    @property
    def is_only(self) -> bool:
        """Whether nobody who uses the folder is elsewhere, as of a second ago."""
        self._look()
        return self._only

    def address(self, name: str) -> str:
        """Return the address of a socket. It is no secret: the kernel lists the addresses that are in use."""
        self._look()
        return f"\0htcgrid-{self._shown}-{name}"

    @property
    def ring(self) -> bytes:
        """What is sent to such a socket by those who may read the folder, and that nobody else can know."""
        self._look()
        return self._ring

    def _look(self) -> None:
        """Look again, a second after the last time: the folder may have been emptied, and be full by now."""
        now = time.monotonic()
        if now - self._looked < _LOOK:
            return
        with self._lock:
            # Others go by what was seen last until this look is over.
            self._looked, only = now, False
            with suppress(OSError):
                file = self._folder / str(Path("/proc/self/ns/net").stat().st_ino)
                if (word := _word(file, self._now())) != self._word:
                    self._shown, self._ring = _made_of(word)
                    self._word = word
                only = _others(file, self._now()) == 0
            self._only = only


def _made_of(word: str | None) -> tuple[str, bytes]:
    """Return what addresses have of a word, from which it does not follow, and what rings are."""
    shown = hashlib.blake2s(f"address {word}".encode(), digest_size=8).hexdigest()
    return shown, hashlib.blake2s(f"ring {word}".encode(), digest_size=16).digest()


def _word(file: Path, now: float) -> str:
    """Return the word of a namespace, made up by whoever comes first."""
    try:
        if now - file.stat().st_mtime > _TOUCH:
            with file.open("r+b") as opened:
                touch(opened.fileno())
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Complete or not there: a file is written under another name, and linked.
        draft = file.parent.parent / f"word-{secrets.token_hex(6)}"
        try:
            draft.write_text(secrets.token_hex(8), encoding="ascii")
            with suppress(FileExistsError):
                os.link(draft, file)
        finally:
            draft.unlink(missing_ok=True)
    return file.read_text(encoding="ascii")


def _others(file: Path, now: float) -> int:
    """Return how many other namespaces there are."""
    with os.scandir(file.parent) as entries:
        return sum(entry.name != file.name and now - entry.stat().st_mtime < _GONE for entry in entries)
