"""The clock of a client, an agent or a reaper is 400 days off, or jumps by them: nothing goes early.

libfaketime gives real processes such a clock; the monotonic one stays, as on a machine whose clock is set.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from htcgrid import Grid
from htcgrid.errors import SessionNotFoundError
from htcgrid.testing.samples import new_id
from tests.processes.conftest import Processes, until

#: Where Debian, and others, put it.
_LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
_SHIFTS = ("-400d", "+400d", "jumping")
_ROLES = ("client", "agent", "reaper")
_LOCAL = '[state]\nprovider = "local"\npath = "state"\npatience = 120\n'
_REDIS = '[state]\nprovider = "redis"\nurl = "{url}"\nname = "{name}"\n'
_AGENT = """
[agent]
handlers = ["work:*"]
path = ["."]
workers = 2
lease = 5.0
heartbeat = 0.5
reaper = false
"""
_CLIENT = """
import json
import sys
import time
from datetime import timedelta

from htcgrid import Grid, RetryPolicy

if __name__ == "__main__":
    print("begun", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    with Grid.open("grid.toml") as grid:
        kept = grid.submit("work:steady", range(20), timeout=60, keep_for=timedelta(days=7), id="kept")
        over = grid.submit("work:steady", range(5), keep_for=timedelta(0), id="over")
        retry = RetryPolicy(tries=2, backoff=timedelta(seconds=1))
        failing = grid.submit("work:quote", [{"does": "raise", "secret": ""}], retry=retry, id="failing")
        values = kept.results(timeout=60)
        (failed,) = failing.outcomes(timeout=60)
        over.wait(timeout=60)
    found = {"values": values, "tries": failed.tries, "seconds": time.monotonic() - began}
    print(json.dumps(found), flush=True)
"""
_LOOK = """
import json
from contextlib import closing
from pathlib import Path

from htcgrid.config import read_config

with closing(read_config(Path("grid.toml")).open_state()) as state:
    print(json.dumps(state.expired(10)))
"""


class Clocks:
    """Runs processes, one of them with a wrong clock."""

    def __init__(self, processes: Processes, wrong: str, shift: str) -> None:
        self.processes = processes
        self._wrong = wrong
        self._file = processes.folder / "shift"
        self._file.write_text("+0d" if shift == "jumping" else shift)
        self.environment = {
            "LD_PRELOAD": str(_LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def of(self, role: str) -> dict[str, str]:
        """Return the environment of a process in a role."""
        return self.environment if role == self._wrong else {}

    def jump(self, shift: str) -> None:
        """Set the wrong clock again."""
        new = self._file.with_suffix(".new")
        new.write_text(shift)
        new.replace(self._file)


@pytest.fixture(params=["local", "redis"])
def store(request: pytest.FixtureRequest) -> str:
    if not _LIBRARIES:
        why = "libfaketime is not installed (Debian: apt install libfaketime)"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    if request.param == "local":
        return _LOCAL
    return _REDIS.format(url=request.getfixturevalue("redis_url"), name=new_id())


@pytest.fixture
def grid(processes: Processes, store: str) -> Iterator[Grid]:
    processes.config.write_text(store + _AGENT)
    with Grid.open(processes.config) as grid:
        yield grid


@pytest.mark.parametrize("shift", _SHIFTS)
@pytest.mark.parametrize("wrong", _ROLES)
def test_a_clock_that_is_wrong_ends_and_collects_nothing_early(
    processes: Processes, grid: Grid, wrong: str, shift: str
) -> None:
    clocks = Clocks(processes, wrong, shift)
    processes.agent(environment=clocks.of("agent"))
    reaper = processes.reaper(environment=clocks.of("reaper"))
    client, printed = processes.client(_CLIENT, environment=clocks.of("client"), stdin=subprocess.PIPE)
    until(lambda: "begun" in printed.read_text())
    assert client.stdin is not None
    client.stdin.write(b"\n")
    client.stdin.close()
    if shift == "jumping":
        until(lambda: _ended(grid, "kept") >= 3)
        clocks.jump("-400d")
        until(lambda: _ended(grid, "kept") >= 10)
        clocks.jump("+400d")
    assert client.wait(120) == 0, printed.read_text()
    found = json.loads(printed.read_text().splitlines()[-1])
    assert (found["values"], found["tries"]) == ([n * n for n in range(20)], 2)
    assert 0.5 <= found["seconds"] < 60
    ran = (processes.folder / "runs").read_text().split()
    assert sorted(ran) == sorted({f"kept/{n}" for n in range(20)} | {f"over/{n}" for n in range(5)}), "no lease lapsed"
    if wrong == "reaper":
        # It would look again after a minute.
        reaper.kill()
        for off in ("-400d", "+400d"):
            clocks.jump(off)
            assert _collected(clocks) == [], "nothing is collected by whose clock is wrong"
        assert grid.session("over").status().succeeded == 5
        clocks.jump("+0d")
        assert _collected(clocks) == ["over"], "as whose clock is right says in the same place"
    # It looks at once.
    processes.reaper()
    until(lambda: _is_gone(grid, "over"))
    assert grid.session("kept").status().succeeded == 20


def test_doctor_tells_of_a_clock_that_is_wrong(processes: Processes, grid: Grid) -> None:
    grid.submit("work:square", [1])
    for shift, told in (("-400d", "behind"), ("+400d", "ahead of")):
        clocks = Clocks(processes, "doctor", shift)
        doctor, printed = processes.command("doctor", "--config", processes.config, environment=clocks.of("doctor"))
        doctor.wait(120)
        assert told in printed.read_text()
    doctor, printed = processes.command("doctor", "--config", processes.config)
    doctor.wait(120)
    assert "the store's" not in printed.read_text()


def _collected(clocks: Clocks) -> list[str]:
    """Return what a reaper with the wrong clock would collect now; it asks the store once at its start."""
    script = clocks.processes.folder / "look.py"
    script.write_text(_LOOK)
    found = subprocess.run(
        [sys.executable, script],
        cwd=clocks.processes.folder,
        env=os.environ | clocks.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    sessions = json.loads(found.stdout)
    assert isinstance(sessions, list)
    return sessions


def _ended(grid: Grid, session: str) -> int:
    try:
        return grid.session(session).status().ended
    except SessionNotFoundError:
        return 0


def _is_gone(grid: Grid, session: str) -> bool:
    try:
        grid.session(session).status()
    except SessionNotFoundError:
        return True
    return False
