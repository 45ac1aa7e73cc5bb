"""The settings of the local provider, and what stands where in the grid's folder."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Literal

import msgspec

from htcgrid.errors import ConfigError
from htcgrid.interfaces import Source
from htcgrid.model import defaults
from htcgrid.secrets import without_texts

#: Who may use a grid's folder: its user alone, or a group of users.
Mode = Literal["private", "group"]
#: What the names of all that a grid puts into its folder begin with.
_GRIDS_OWN = ("agents", "bells", "embedded.toml", "grid.db", "grid.toml", "payloads")
#: How long a call waits for other processes' writes before it says that the grid is busy.
PATIENCE = timedelta(seconds=10)


class LocalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One set of keys for all four tables, since a table that is left out takes those of ``[state]``."""

    #: The grid's folder; it is made when it is not there.
    path: str
    #: How long to wait for other processes' writes: seconds.
    patience: float = PATIENCE.total_seconds()
    #: Workers of each agent that is started; the agent's own setting when left out.
    workers: int | None = None
    #: Whether agents that this process starts end with it.
    lifeline: bool = False
    #: How long such agents may go on when this process closes its grid, before they are killed: seconds.
    grace: float = defaults.GRACE.total_seconds()
    #: Who may use the folder. With ``group``, all users of its group may read all payloads and results there, submit,
    #: and so have any handler that its agents allow run as these agents' users.
    mode: Mode = "private"

    __repr__ = without_texts

    def __post_init__(self) -> None:
        if not self.path.strip():
            raise ValueError("`path` must name a folder")
        if "\0" in self.path:
            raise ValueError("`path` must name a folder, and no name has a NUL")
        if self.workers is not None and not 1 <= self.workers <= 1024:
            raise ValueError(f"`workers` must be from 1 to 1024, not {self.workers}")
        if not 0 < self.patience <= 3600 or not 0 <= self.grace <= 86_400:
            raise ValueError("`patience` must be more than 0 and at most 3600, `grace` from 0 to 86400 seconds")

    def folder(self, source: Source) -> Path:
        """Return the grid's folder; a relative path starts where grid.toml stands.

        Raises:
            ConfigError: it begins with the home of somebody who is not there.
        """
        try:
            return (source.folder / Path(self.path).expanduser()).absolute()
        except RuntimeError as error:
            raise ConfigError(f"{source.table}: 'path' is {self.path!r}: {error}; name another folder") from error


def make_folder(folder: Path, inside: str = "", *, mode: Mode = "private") -> Path:
    """Return the grid's folder, or one inside it; both are made if they are not there, with those above them.

    Whoever can write there can have anything run by the grid's agents, and whoever can read there sees all payloads and
    results. So a ``private`` one is its user's alone. A ``group`` one is open to those of its group: they may do all
    that, and so may stop each other.

    Raises:
        ConfigError: it cannot be made, something else has its name, it is somebody else's, or others may use it.
    """
    wanted = folder / inside
    if mode == "group":
        _check_umask()
    try:
        made = _make(folder, 0o700 if mode == "private" else 0o2770)
        found = folder.stat()
        wanted.mkdir(exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"the grid's folder {wanted} cannot be made: {reason}; name another folder as 'path'"
        ) from error
    if not made:
        _check_owner(folder, found, mode)
        _check_open(folder, found, mode)
    return wanted


def _make(folder: Path, mode: int) -> bool:
    """Make a folder; return whether it was not there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_dir():
            raise
        return False
    if mode != 0o700:
        folder.chmod(mode)
    return True


def _check_umask() -> None:
    """Refuse a mask by which the files of one user could not be written by the group's others."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines()
        mask = next(int(line.split()[1], 8) for line in lines if line.startswith("Umask:"))
    except (OSError, StopIteration):
        # Only Linux tells.
        return
    if mask & 0o070:
        raise ConfigError(
            f'with mode = "group", what this process writes is to be the group\'s, too, and its umask is {mask:03o}: '
            "run 'umask 007' before it"
        )


def _check_owner(folder: Path, found: os.stat_result, mode: Mode) -> None:
    if mode == "private" and found.st_uid != os.geteuid():
        raise ConfigError(
            f"the grid's folder {folder} belongs to user {_user(found.st_uid)}, who could have anything run: name one "
            "of your own as 'path', or set mode = \"group\" for a grid of a group of users who trust each other"
        )
    if mode == "group" and found.st_gid not in {os.getegid(), *os.getgroups()}:
        raise ConfigError(
            f"the grid's folder {folder} belongs to group {found.st_gid}, which is none of this user's: have it set by "
            "chgrp, or name another folder as 'path'"
        )


def _check_open(folder: Path, found: os.stat_result, mode: Mode) -> None:
    """Shut a folder of ours to others, unless there are other things in it."""
    others = found.st_mode & (0o077 if mode == "private" else 0o007)
    missing = mode == "group" and (found.st_mode & 0o2070) != 0o2070
    if not others and not missing:
        return
    if found.st_uid == os.geteuid() and _holds_only_grid(folder):
        folder.chmod(0o700 if mode == "private" else 0o2770)
        return
    need = "700" if mode == "private" else "2770"
    raise ConfigError(
        f"the grid's folder {folder} is open to others, or shut to its group (mode {found.st_mode & 0o7777:o}), and "
        f"holds more than a grid: name a folder of its own as 'path', or run: chmod {need} {folder}"
    )


def _holds_only_grid(folder: Path) -> bool:
    return all(file.name.startswith(_GRIDS_OWN) for file in folder.iterdir())


def _user(uid: int) -> str:
    try:
        import pwd  # noqa: PLC0415 - for a message only

        return repr(pwd.getpwuid(uid).pw_name)
    except (ImportError, KeyError):
        return str(uid)
