"""The disk under a grid is full for a while: a submit says so, and nothing that was accepted is lost."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from htcgrid import Grid
from htcgrid.errors import ProviderUnavailableError
from tests.processes.conftest import Processes, until

LONG = 180.0
MEGABYTE = 1_000_000
#: The size of the disk.
_SIZE = 24 * MEGABYTE
_SMALL = 256 * MEGABYTE


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a small disk of its own, or on the small one that containers have in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        return
    shared = Path("/dev/shm")
    if not shared.is_dir() or shutil.disk_usage(shared).total > _SMALL:
        pytest.skip("no small disk can be mounted here, and /dev/shm is none")
    folder = shared / f"htcgrid-{os.getpid()}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class Filler:
    """A file that takes the space of a disk, but for some of it."""

    def __init__(self, disk: Path) -> None:
        self._file = disk / "filler"

    def fill(self, free: int = 0) -> None:
        """Leave so many bytes free."""
        with self._file.open("ab") as file:
            try:
                while (left := shutil.disk_usage(self._file.parent).free - free) > 0:
                    file.write(b"\0" * min(left, MEGABYTE))
                    file.flush()
            except OSError:
                # There are no more.
                return

    def empty(self) -> None:
        """Give the space back."""
        self._file.unlink()


@pytest.fixture
def full(processes: Processes, disk: Path) -> Filler:
    """What fills the disk that the grid's state is on."""
    processes.config.write_text(processes.config.read_text().replace('path = "state"', f'path = "{disk / "state"}"'))
    return Filler(disk)


def test_a_submit_to_a_full_disk_says_so_and_succeeds_once_there_is_space(processes: Processes, full: Filler) -> None:
    processes.agent()
    with Grid.open(processes.config) as grid:
        assert grid.submit("work:square", range(10)).results(timeout=LONG) == [n * n for n in range(10)]
        full.fill()
        with pytest.raises(ProviderUnavailableError, match=r"full|No space left"):
            grid.submit("work:quote", [{"does": "price", "secret": "x" * MEGABYTE}] * 5, id="large")
        with pytest.raises(ProviderUnavailableError, match=r"full|No space left"):
            grid.submit("work:square", range(200_000), id="many")
        full.empty()
        assert grid.submit("work:square", range(10)).results(timeout=LONG) == [n * n for n in range(10)]
        large = grid.submit("work:quote", [{"does": "price", "secret": "x" * MEGABYTE}] * 5, id="large")
        assert large.results(timeout=LONG) == [MEGABYTE] * 5


def test_outcomes_wait_or_are_run_again_while_the_disk_is_full(processes: Processes, full: Filler) -> None:
    agent = processes.agent()
    with Grid.open(processes.config) as grid:
        session = grid.submit("work:square", range(400))
        until(lambda: session.status().succeeded > 0)
        full.fill()
        before = session.status().succeeded
        # Longer than a lease.
        time.sleep(5)
        assert agent.poll() is None
        assert session.status().succeeded < 400
        assert session.status().succeeded >= before
        full.empty()
        assert session.results(timeout=LONG) == [n * n for n in range(400)]
    assert agent.poll() is None
