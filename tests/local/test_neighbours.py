"""Other users of the machine: what they cannot do to a grid, and what its group can."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from htcgrid import Grid
from htcgrid.errors import ConfigError
from htcgrid.local.doorbell import Doorbell, session_topic
from htcgrid.local.network import Network
from htcgrid.local.settings import make_folder

#: A user, and a group, that nobody is else.
STRANGER, GROUP = 65_533, 65_532

needs_root = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root can become another user, by setpriv"
)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can reach, as none below pytest's own can be."""
    with tempfile.TemporaryDirectory(prefix="htcgrid-public-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        if any(not above.stat().st_mode & 0o001 for above in folder.parents):
            pytest.skip(f"no other user can reach {folder.parent}")
        yield folder


def config(folder: Path, **keys: Any) -> dict[str, Any]:
    return {"state": {"provider": "local", "path": str(folder), **keys}}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def as_stranger(code: str, *words: object, group: int = STRANGER, umask: int = 0o022) -> str:
    """Run code as another user; return what it says."""
    command = ["setpriv", f"--reuid={STRANGER}", f"--regid={group}", "--clear-groups", sys.executable, "-c", code]
    done = subprocess.run(
        [*command, *map(str, words)],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        umask=umask,
        env={"PATH": os.environ["PATH"], "HOME": "/", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return done.stdout + done.stderr


def test_a_folder_that_a_grid_makes_is_its_user_s_alone(tmp_path: Path) -> None:
    with Grid.open(config(tmp_path / "made" / "grid")):
        assert mode_of(tmp_path / "made" / "grid") == 0o700
    with Grid.open(folder=tmp_path / "embedded", workers=1):
        assert mode_of(tmp_path / "embedded") == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o750, 0o1777, 0o711])
def test_a_folder_of_ours_that_is_open_is_shut_if_it_holds_nothing_else(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "grid"
    folder.mkdir()
    folder.chmod(mode)
    Grid.open(config(folder)).close()
    assert mode_of(folder) == 0o700
    folder.chmod(mode)
    # Once there is a grid in it.
    Grid.open(config(folder)).close()
    assert mode_of(folder) == 0o700


def test_an_open_folder_with_other_things_is_left_as_it_is_and_refused(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "notes.txt").touch()
    with pytest.raises(
        ConfigError, match=rf"is open to others.*\(mode 755\), and holds more .* run: chmod 700 {folder}"
    ):
        Grid.open(config(folder))
    assert mode_of(folder) == 0o755
    folder.chmod(0o700)
    Grid.open(config(folder)).close()


@pytest.mark.parametrize("inside", ["", "payloads", "agents"])
@needs_root
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, inside: str) -> None:
    folder = tmp_path / "grid"
    folder.mkdir()
    os.chown(folder, STRANGER, STRANGER)
    with pytest.raises(ConfigError, match=f"the grid's folder {folder} belongs to user {STRANGER}, who could have"):
        make_folder(folder, inside)


#: What a neighbour tries on a grid that is open: each says what came of it.
TRIES = {
    "list": "os.listdir(grid)",
    "read": "open(f'{grid}/grid.db', 'rb').read(1)",
    "copy the log": "open(f'{grid}/grid.db-wal', 'rb').read(1)",
    "lock": "fcntl.flock(os.open(f'{grid}/grid.db.lock', os.O_RDONLY), fcntl.LOCK_EX)",
    "lock the file": "fcntl.lockf(os.open(f'{grid}/grid.db', os.O_RDWR), fcntl.LOCK_EX)",
    "read payloads": "os.listdir(f'{grid}/payloads')",
    "write": "open(f'{grid}/mine', 'w')",
    "link": "os.symlink('/etc/passwd', f'{grid}/link')",
    "remove": "os.remove(f'{grid}/grid.db')",
    "rename": "os.rename(grid, f'{grid}-away')",
    "ring": "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'!', f'{grid}/bells/x')",
    "learn the word": "os.listdir(f'{grid}/bells/networks')",
    "watch": "os.scandir(f'{grid}/agents').__next__()",
    "enter": "os.chdir(grid)",
}


@pytest.mark.parametrize("name", TRIES)
@needs_root
def test_a_neighbour_can_do_nothing_to_a_grid(place: Path, name: str) -> None:
    grid = place / "grid"
    code = f"import fcntl, os, socket, sys; grid = sys.argv[1]; {TRIES[name]}; print('done')"
    with Grid.open(config(grid)) as opened:
        opened.submit("m:f", [1])
        assert "PermissionError" in as_stranger(code, grid)
    # With the rights of its user, it could.
    if name not in {"ring", "rename"}:
        subprocess.run([sys.executable, "-c", code, grid], check=False, capture_output=True)


#: Rings whoever listens by a name that is no file: the kernel tells everybody such names.
RINGS = """
import socket, sys
word = sys.argv[1]
names = [line.split()[-1] for line in open("/proc/net/unix") if f"@htcgrid-{word}" in line]
bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for name in names:
    for sent in (b"!", b"", bytes(16), name.encode()):
        bell.sendto(sent, name.replace("@", "\\0", 1))
print(len(names))
"""


@needs_root
def test_a_neighbour_rings_nobody(place: Path) -> None:
    topic = session_topic("one")
    with closing(Doorbell(place / "bells")) as doorbell, doorbell.listening(topic) as listener:
        word = Network(place / "bells" / "networks").address("").split("-")[1]
        assert as_stranger(RINGS, word) == "1\n"
        assert not listener.wait(0.2)
        with closing(Doorbell(place / "bells")) as other:
            other.ring(topic)
        assert listener.wait(10)


SUBMITS = """
import sys
from htcgrid import Grid
with Grid.open({"state": {"provider": "local", "path": sys.argv[1], "mode": "group"}}) as grid:
    session = grid.submit("m:f", [1, 2], id=sys.argv[2])
    print(session.status().total, [status.session.id for status in grid.sessions()])
"""


@needs_root
def test_a_grid_of_a_group_is_used_by_its_members_and_nobody_else(place: Path) -> None:
    folder = place / "grid"
    folder.mkdir()
    os.chown(folder, -1, GROUP)
    folder.chmod(0o2770)
    groups = os.getgroups()
    before = os.umask(0o007)
    try:
        os.setgroups([*groups, GROUP])
        with Grid.open(config(folder, mode="group")) as grid:
            grid.submit("m:f", [1], id="ours")
            assert as_stranger(SUBMITS, folder, "theirs", group=GROUP, umask=0o007) == "2 ['theirs', 'ours']\n"
            assert {status.session.id for status in grid.sessions()} == {"ours", "theirs"}
            assert "which is none of this user's" in as_stranger(SUBMITS, folder, "others", umask=0o007)
            assert "umask is 022: run 'umask 007'" in as_stranger(SUBMITS, folder, "others", group=GROUP, umask=0o022)
        assert mode_of(folder) == 0o2770
    finally:
        os.umask(before)
        os.setgroups(groups)


def test_a_new_grid_of_a_group_is_open_to_it_and_to_nobody_else(tmp_path: Path) -> None:
    before = os.umask(0o007)
    try:
        Grid.open(config(tmp_path / "grid", mode="group")).close()
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "grid") == 0o2770
    assert mode_of(tmp_path / "grid" / "grid.db") == 0o660


def test_no_link_is_followed_to_a_lock(tmp_path: Path) -> None:
    folder = tmp_path / "grid"
    folder.mkdir(mode=0o700)
    (folder / "grid.db.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=r"grid.db.lock cannot be written: Too many levels of symbolic links"):
        Grid.open(config(folder))
    assert not (tmp_path / "elsewhere").exists()
