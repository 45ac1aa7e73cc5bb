"""Quotas of processor time, which Linux sets for control groups of processes.

The files are those of cgroups(7), proc(5), the kernel's "Control Group v2" (``cpu.max``) and, for the first version,
"CFS Bandwidth Control" (``cpu.cfs_quota_us``, ``cpu.cfs_period_us``). Containers, systemd and batch systems use them.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

_V1, _V2 = "cgroup", "cgroup2"
#: Beyond what the kernel counts in.
_TOO_LARGE = 1 << 64


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What processor time a group of processes may use."""

    #: Seconds of processor time in a second, as 1.5.
    cores: float
    #: The file that says so.
    file: str


class _Mount(msgspec.Struct, frozen=True, kw_only=True):
    """A place where groups are seen as folders."""

    version: str
    #: The names on the way to the group that this place shows.
    root: list[str]
    folder: Path


def least_quota(root: Path = Path("/")) -> Quota | None:
    """Return the least quota of the groups that this process is in, and of all that these are in; None without one.

    What is missing, malformed or not to be read counts as no quota. ``root`` is the folder that holds ``proc`` and what
    ``proc`` names.
    """
    mounts = list(_mounts(root))
    folders = ((group, folder) for group, path in _groups(root) for folder in _folders(path, group, mounts))
    quotas = [quota for group, folder in folders if (quota := _quota(folder, group, root)) is not None]
    return min(quotas, key=lambda quota: quota.cores, default=None)


def _groups(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the groups of this process that may have a quota: the version of the interface, and the path."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        # A path may hold colons, too.
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not path.startswith("/"):
            continue
        if (number, controllers) == ("0", ""):
            yield _V2, _names(path)
        elif "cpu" in controllers.split(","):
            yield _V1, _names(path)


def _mounts(root: Path) -> Iterator[_Mount]:
    for line in _text(root / "proc/self/mountinfo").splitlines():
        place, _, source = line.partition(" - ")
        fields, (version, _, options) = place.split(" "), [*source.split(" "), "", "", ""][:3]
        if len(fields) < 6 or not (version == _V2 or (version == _V1 and "cpu" in options.split(","))):
            continue
        shown, folder = (_unescaped(field) for field in fields[3:5])
        yield _Mount(version=version, root=_names(shown), folder=root / folder.lstrip("/"))


def _folders(path: list[str], version: str, mounts: Iterable[_Mount]) -> Iterator[Path]:
    """Yield the folders of a group and of those that it is in, as far as they are to be seen."""
    mounts = [mount for mount in mounts if mount.version == version]
    below = [(mount, path[len(mount.root) :]) for mount in mounts if path[: len(mount.root)] == mount.root]
    # In a namespace of its own a process sees what is above and beside its namespace as "..": no folder has that name.
    seen = [(mount.folder, names) for mount, names in below if ".." not in names]
    if not seen:
        # A container may see its part of the groups and know it by another name; only not one beside its namespace.
        none: list[str] = []
        seen = [(mount.folder, none) for mount in mounts if path.count("..") <= mount.root.count("..")][:1]
    for folder, names in seen:
        for length in range(len(names), -1, -1):
            yield folder.joinpath(*names[:length])


def _quota(folder: Path, version: str, root: Path) -> Quota | None:
    files = ["cpu.max"] if version == _V2 else ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
    words = [word for name in files for word in _text(folder / name).split()]
    try:
        # Without a quota it says "max", or -1.
        quota, period = map(int, words)
    except ValueError:
        return None
    if not (0 < quota < _TOO_LARGE and 0 < period < _TOO_LARGE):
        return None
    file = f"/{(folder / files[0]).relative_to(root)}"
    return Quota(cores=quota / period, file=file.encode(errors="replace").decode())


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape")
    except (OSError, ValueError):
        # There is none, not for this user, or no file can have the name that a malformed line gave.
        return ""


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


def _unescaped(field: str) -> str:
    """Return a field of mountinfo, in which blanks and backslashes are octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
