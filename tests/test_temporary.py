"""Temporary folders of embedded grids: removed once nobody needs them, and no others."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from htcgrid import Grid
from htcgrid.errors import ConfigError
from htcgrid.temporary import TemporaryFolder, holding, remove_abandoned

LOCK = "in-use.lock"
PROGRAM = """
import os, signal, sys, threading
from htcgrid import Grid

if __name__ == "__main__":
    grid = Grid.open(workers=1)
    grid.submit("math:sqrt", [4]).results(timeout=60)
    agent = next(grid.agents()).report.pid
    print(grid.config.folder, agent, flush=True)
    {end}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def eventually(true: Callable[[], bool]) -> bool:
    """Wait until something is true, for at most a minute."""
    deadline = time.monotonic() + 60
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


def is_removed(folder: Path) -> bool:
    remove_abandoned(folder.parent)
    return not folder.exists()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Callable[[str], tuple["subprocess.Popen[str]", Path, int]]]:
    """Run a client that ends in some way; return it, its folder and its agent's process."""
    started: list[subprocess.Popen[str]] = []

    def start(end: str) -> tuple["subprocess.Popen[str]", Path, int]:
        file = tmp_path / f"client-{len(started)}.py"
        file.write_text(PROGRAM.format(end=end))
        process = subprocess.Popen(
            [sys.executable, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        started.append(process)
        assert process.stdout is not None
        folder, agent = process.stdout.readline().rsplit(maxsplit=1)
        return process, Path(folder), int(agent)

    yield start
    for process in started:
        process.kill()
        process.communicate()


ENDS = {
    "the end of the script": "pass",
    "an exit": "sys.exit(3)",
    "an exception": "raise ValueError",
    "Ctrl-C": "signal.raise_signal(signal.SIGINT)",
    "its end with a reader that goes on": "watch = grid.submit('time:sleep', [60]).on_outcome(print)",
    "a task that runs": "session = grid.submit('time:sleep', [60])",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_client_that_ends_without_close_takes_its_folder_along(
    end: str, place: Path, client: Callable[[str], tuple["subprocess.Popen[str]", Path, int]]
) -> None:
    process, folder, _ = client(ENDS[end])
    process.communicate(timeout=60)
    assert folder.parent == place
    assert not folder.exists()


FORKS = """child = os.fork()
    if child:
        print(child, flush=True)
        os._exit(1)
    signal.pause()"""
KILLS = {
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM)",
    "an end at once": "os._exit(1)",
    "a forked child that goes on": FORKS,
}


@pytest.mark.parametrize("kill", KILLS)
def test_what_a_client_that_was_killed_has_left_goes_with_the_next_grid(
    kill: str, place: Path, client: Callable[[str], tuple["subprocess.Popen[str]", Path, int]]
) -> None:
    process, folder, agent = client(KILLS[kill])
    assert process.stdout is not None
    child = int(process.stdout.readline()) if KILLS[kill] == FORKS else 0
    process.wait(60)
    try:
        assert (folder / LOCK).is_file()
        if child:
            # When an agent ends whose client has forked is not what this is about.
            os.kill(agent, signal.SIGKILL)
        with Grid.open(workers=1):
            # Its agent may still be ending, and holds it until then.
            assert eventually(lambda: is_removed(folder))
    finally:
        if child:
            os.kill(child, signal.SIGKILL)


def test_a_folder_stays_while_an_agent_of_a_client_that_is_gone_still_ends(
    place: Path, client: Callable[[str], tuple["subprocess.Popen[str]", Path, int]]
) -> None:
    process, folder, agent = client("sys.stdin.read()")
    os.kill(agent, signal.SIGSTOP)
    process.kill()
    process.wait(60)
    remove_abandoned(place)
    assert (folder / "grid.db").is_file()
    os.kill(agent, signal.SIGCONT)
    with Grid.open(workers=1) as grid:
        assert grid.submit("math:sqrt", [4]).results(timeout=60) == [2.0]
        assert eventually(lambda: is_removed(folder))


def test_folders_of_grids_that_live_stay(
    place: Path, client: Callable[[str], tuple["subprocess.Popen[str]", Path, int]]
) -> None:
    process, folder, _ = client("sys.stdin.read(); grid.submit('math:sqrt', [9]).results(timeout=60); sys.exit(7)")
    with Grid.open(workers=1) as grid, Grid.open(folder=place / "htcgrid-of-mine", workers=1) as mine:
        for _ in range(10):
            remove_abandoned(place)
        assert grid.submit("math:sqrt", [4]).results(timeout=60) == [2.0]
        assert mine.submit("math:sqrt", [4], id="kept").results(timeout=60) == [2.0]
        process.communicate("\n", timeout=60)
        assert process.returncode == 7
        assert not folder.exists()
    assert [file.name for file in place.iterdir()] == ["htcgrid-of-mine"]
    remove_abandoned(place)
    with Grid.open(folder=place / "htcgrid-of-mine", workers=1) as mine:
        assert mine.session("kept").results(timeout=60) == [2.0]


def abandoned(place: Path, name: str = "htcgrid-abandoned") -> Path:
    """Return a folder as a client that was killed leaves it."""
    folder = place / name
    (folder / "payloads" / "s").mkdir(parents=True)
    (folder / "payloads" / "s" / "pack").write_bytes(b"data")
    (folder / "grid.db").touch()
    (folder / LOCK).touch()
    return folder


def aged(folder: Path) -> Path:
    os.utime(folder, (time.time() - 7200,) * 2)
    return folder


def without(folder: Path, name: str = LOCK) -> Path:
    (folder / name).unlink()
    return folder


def empty(place: Path, name: str = "htcgrid-empty") -> Path:
    (place / name).mkdir()
    return place / name


def touched(file: Path) -> Path:
    file.touch()
    return file


def linked(place: Path) -> Path:
    abandoned(place.parent, "target")
    (place / "htcgrid-link").symlink_to(place.parent / "target")
    return place.parent / "target" / "grid.db"


def another_lock(place: Path, make: Callable[[Path], object]) -> Path:
    folder = without(abandoned(place))
    make(folder / LOCK)
    return folder


def another_users(place: Path) -> Path:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    folder = abandoned(place)
    os.chown(folder, 12345, 12345)
    return folder


def a_link_in_it(place: Path) -> Path:
    kept = place.parent / "kept"
    kept.mkdir()
    (kept / "file").touch()
    folder = abandoned(place)
    (folder / "link").symlink_to(kept)
    (folder / "payloads" / "link").symlink_to(kept)
    return kept / "file"


STAYS: dict[str, Callable[[Path], Path]] = {
    "one of another name": lambda place: abandoned(place, "mine"),
    "one of nearly that name": lambda place: abandoned(place, "HTCGRID-x"),
    "one without a lock": lambda place: aged(without(abandoned(place))),
    "an empty one that is new": empty,
    "an empty one of another kind": lambda place: aged(empty(place, "htcgrid-drill-x")),
    "another user's": another_users,
    "what a link leads to": linked,
    "what a link in one leads to": a_link_in_it,
    "one whose lock is a link": lambda place: another_lock(place, lambda lock: lock.symlink_to(place / "any")),
    "one whose lock is a pipe": lambda place: another_lock(place, os.mkfifo),
    "one whose lock is a folder": lambda place: another_lock(place, Path.mkdir),
    "a file of that name": lambda place: touched(place / "htcgrid-file"),
}
GOES: dict[str, Callable[[Path], Path]] = {
    "one that nobody holds": abandoned,
    "an empty one that is old": lambda place: aged(empty(place)),
    "one that was half removed": lambda place: without(abandoned(place), "grid.db"),
    "one that was removed but for its lock": lambda place: touched(empty(place) / LOCK).parent,
}


@pytest.mark.parametrize("name", STAYS)
def test_it_leaves_alone(name: str, place: Path) -> None:
    kept = STAYS[name](place)
    remove_abandoned(place)
    assert os.path.lexists(kept)


@pytest.mark.parametrize("kind", [fcntl.LOCK_SH, fcntl.LOCK_EX])
def test_it_leaves_one_alone_that_is_held(place: Path, kind: int) -> None:
    folder = aged(abandoned(place))
    with (folder / LOCK).open("rb") as lock:
        fcntl.flock(lock, kind)
        remove_abandoned(place)
        assert (folder / "grid.db").is_file()
    remove_abandoned(place)
    assert not folder.exists()


@pytest.mark.parametrize("name", GOES)
def test_it_removes(name: str, place: Path) -> None:
    gone = GOES[name](place)
    remove_abandoned(place)
    assert not os.path.lexists(gone)


#: Removes what is abandoned in a place, and a folder of its own, with so many free descriptors.
FEW = """
import os, resource, sys
from pathlib import Path
from htcgrid.temporary import TemporaryFolder, remove_abandoned

own = TemporaryFolder()
for name in ("agents", "bells"):
    (own.path / name).mkdir()
    (own.path / name / "file").touch()
taken = os.open("/dev/null", os.O_RDONLY) + 1
resource.setrlimit(resource.RLIMIT_NOFILE, (taken + int(sys.argv[2]),) * 2)
remove_abandoned(Path(sys.argv[1]))
own.remove()
"""


@pytest.mark.parametrize("free", range(7))
def test_what_few_descriptors_leave_is_removed_by_the_next_one(place: Path, free: int) -> None:
    abandoned(place)
    tried = subprocess.run(
        [sys.executable, "-c", FEW, place, str(free)], env={**os.environ, "TMPDIR": str(place)}, timeout=60, check=False
    )
    assert tried.returncode == 0
    assert all((folder / LOCK).is_file() for folder in place.iterdir())
    remove_abandoned(place)
    assert list(place.iterdir()) == []


def test_any_number_may_remove_and_make_folders_at_once(place: Path) -> None:
    for number in range(60):
        abandoned(place, f"htcgrid-{number}")
    errors: list[BaseException] = []
    begin = threading.Barrier(6)

    def work() -> None:
        try:
            begin.wait()
            for _ in range(20):
                mine = TemporaryFolder()
                remove_abandoned(place)
                with holding(mine.path) as is_temporary:
                    assert is_temporary
                assert (mine.path / LOCK).is_file()
                mine.remove()
                assert not mine.path.exists()
        except BaseException as error:  # noqa: BLE001 - the test raises it
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert list(place.iterdir()) == []


def test_an_agent_that_comes_while_its_folder_is_removed_is_told(place: Path) -> None:
    folder = abandoned(place)
    with (folder / LOCK).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="is being removed: the client of this agent is gone"), holding(folder):
            pass


def test_ten_grids_of_one_process_work_and_close(place: Path) -> None:
    grids = [Grid.open(workers=1) for _ in range(10)]
    assert len(list(place.iterdir())) == 10
    sessions = [grid.submit("math:sqrt", [number**2]) for number, grid in enumerate(grids)]
    assert [session.results(timeout=120) for session in sessions] == [[float(number)] for number in range(10)]
    for grid in grids:
        grid.close()
    assert list(place.iterdir()) == []
