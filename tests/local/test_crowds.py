"""Many open one grid of one machine at once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from htcgrid import Grid

#: All of them begin at one moment; each tells how long it took, or what went wrong.
PROGRAM = """
import json, os, sys, threading, time
from htcgrid import Grid

CONFIG = {"state": {"provider": "local", "path": sys.argv[2]}}
COUNT = int(sys.argv[3])

def opened():
    began = time.monotonic()
    try:
        grid = Grid.open(CONFIG)
    except Exception as error:
        return repr(error)
    took = time.monotonic() - began
    grid.close()
    return took

def threads():
    found, together = [], threading.Barrier(COUNT)
    def one():
        together.wait()
        found.append(opened())
    crowd = [threading.Thread(target=one) for _ in range(COUNT)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    return found

def processes():
    Grid.open(CONFIG).close()
    gate, told = os.pipe(), os.pipe()
    for _ in range(COUNT):
        if not os.fork():
            os.close(gate[1])
            # Until the last one is there.
            os.read(gate[0], 1)
            os.write(told[1], json.dumps(opened()).encode() + b"\\n")
            os._exit(0)
    os.close(gate[1])
    os.close(told[1])
    with os.fdopen(told[0]) as answers:
        found = [json.loads(line) for line in answers]
    for _ in range(COUNT):
        os.wait()
    return found

print(json.dumps({"threads": threads, "processes": processes}[sys.argv[1]]()))
"""


@pytest.mark.parametrize(("crowd", "count"), [("threads", 300), ("processes", 100)])
def test_a_crowd_opens_a_grid_that_is_there(tmp_path: Path, crowd: str, count: int) -> None:
    Grid.open({"state": {"provider": "local", "path": str(tmp_path / "grid")}}).close()
    command = [sys.executable, "-c", PROGRAM, crowd, str(tmp_path / "grid"), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert len(found) == count
    assert [one for one in found if not isinstance(one, float)] == []
    assert max(found) < 10


def test_a_crowd_makes_a_grid_that_is_not_there(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, "threads", str(tmp_path / "grid"), "30"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [one for one in json.loads(done.stdout) if not isinstance(one, float)] == []


#: All get tasks at one moment: what it takes beside what was there before.
BURST = """
import json, sys, threading, time
from htcgrid import Grid

def megabytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

with Grid.open({"state": {"provider": "local", "path": sys.argv[1]}}, quiet=True) as grid:
    before, threads = megabytes(), threading.active_count()
    sessions = [grid.open_session("m:f") for _ in range(int(sys.argv[2]))]
    most = 0
    for number in range(2):
        for session in sessions:
            session.add(number)
            most = max(most, threading.active_count())
    for session in sessions:
        session.seal()
    counts = {session.submitted() for session in sessions}
    print(json.dumps([most - threads, megabytes() - before, sorted(counts)]))
"""


def test_thousands_of_sessions_that_get_tasks_at_once_share_few_threads(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BURST, str(tmp_path / "grid"), "3000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    threads, megabytes, counts = json.loads(done.stdout)
    assert counts == [2]
    assert threads <= 20
    assert megabytes < 100
