"""From where this process imports modules, as the workers of its embedded grid are to do."""

import os
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path

from htcgrid.errors import ConfigError
from htcgrid.model.script import home_of

#: Most bytes of what was added to it since the grid was opened: it stands in the session's record.
_ADDED = 3_000
#: Most folders, and letters of each, that a session tells of where its client imports from.
_FOLDERS = 4
_FOLDER = 200


def search_path() -> tuple[str, ...]:
    """Return what :data:`sys.path` holds now, with whole paths: a relative one starts where this process is."""
    entries = tuple(map(_text, sys.path))
    if all(entry is None or entry.startswith("/") for entry in entries):
        return tuple(entry for entry in entries if entry is not None)
    return _whole(entries, _here())


def _text(entry: object) -> str | None:
    """Return an entry as text; None of what is no path, which Python passes over."""
    if isinstance(entry, str):
        return entry
    return os.fsdecode(entry) if isinstance(entry, bytes | os.PathLike) else None


def _here() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - as fast as it can be: this is asked for each session
    except OSError:
        # The folder is gone, and what is relative to it leads nowhere.
        return None


@lru_cache(maxsize=4)
def _whole(entries: tuple[str | None, ...], here: str | None) -> tuple[str, ...]:
    def whole() -> Iterator[str]:
        for entry in entries:
            if entry is not None and (here is not None or entry.startswith("/")):
                yield str(Path(here or "/", entry))

    return tuple(whole())


@lru_cache(maxsize=4)
def added(before: tuple[str, ...], now: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """Return the entries that came since the grid was opened, and their places.

    Raises:
        ConfigError: they are too many to be told.
    """
    known = set(before)
    new = tuple((place, home_of(entry)) for place, entry in enumerate(now) if entry not in known)
    if sum(len(entry.encode()) + 10 for _, entry in new) > _ADDED:
        raise ConfigError(
            f"sys.path has got {len(new)} entries since the grid was opened, which are more than a session can tell "
            "its workers: add them before Grid.open"
        )
    return new


@lru_cache(maxsize=4)
def folders_of(path: Sequence[str]) -> tuple[str, ...]:
    """Return the first folders of a path, for messages, without those of the interpreter and of what is installed."""
    installed = tuple({str(Path(prefix, "lib")) for prefix in (sys.prefix, sys.base_prefix)})
    own = (one for one in path if not one.startswith(installed) and one.isprintable() and len(one) <= _FOLDER)
    return tuple(islice(own, _FOLDERS))
