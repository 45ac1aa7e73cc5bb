"""Files that are there whole or not at all, under names that every file system keeps apart."""

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from uuid import uuid4


def file_name(name: str) -> str:
    """Return a name for a file: one that a reader recognises, and no other ``name`` has.

    The digest keeps names apart that differ in case only, and those that are cut; what is left needs no escapes, and
    leads out of no folder.
    """
    plain = re.sub(r"[^a-z0-9_-]", "_", name.lower())
    return f"{plain[:32]}-{hashlib.sha256(name.encode()).hexdigest()[:24]}"


def written(folder: Path, data: bytes) -> Path:
    """Return a new file in ``folder``, under a name that nobody knows, that holds ``data`` and is on the disk."""
    file = folder / uuid4().hex
    try:
        with file.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        file.unlink(missing_ok=True)
        raise
    return file


def make_durable(folder: Path) -> None:
    """Write the names in ``folder`` to the disk; one that is gone is fine."""
    with suppress(FileNotFoundError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
