"""The network namespace of a process, in which sockets have names that are no files."""

import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

#: How often it is looked whether processes in other namespaces have come: seconds.
_LOOK = 1.0


class Network:
    """Tells whether all processes that use ``folder`` are in one network namespace, and names sockets there.

    Each namespace has a file in the folder with a word that nobody else can guess, for such names know no permissions
    (unix(7), abstract socket addresses). Linux has them; elsewhere no process is in any.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._word = _word(folder)
        self._only = False
        self._looked = float("-inf")

    @property
    def is_only(self) -> bool:
        """Whether nobody who uses the folder is elsewhere, as of a second ago."""
        now = time.monotonic()
        if self._word is not None and now - self._looked > _LOOK:
            self._looked = now
            with suppress(OSError):
                self._only = len(os.listdir(self._folder)) == 1  # noqa: PTH208 - only their number is needed
        return self._only

    def address(self, name: str) -> str:
        """Return the address of a socket."""
        return f"\0htcgrid-{self._word}-{name}"


def _word(folder: Path) -> str | None:
    """Return the word of this process's namespace, made up by whoever comes first; None if it cannot be had."""
    try:
        file = folder / str(Path("/proc/self/ns/net").stat().st_ino)
        if not file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            # Complete or not there: a file is written under another name, and linked.
            draft = folder.parent / f"word-{secrets.token_hex(6)}"
            draft.write_text(secrets.token_hex(8))
            with suppress(FileExistsError):
                os.link(draft, file)
            draft.unlink()
        return file.read_text()
    except OSError:
        return None
