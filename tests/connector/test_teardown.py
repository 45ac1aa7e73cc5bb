"""A module's ``teardown()``: called once for a worker that ends in good order, within the grace."""

import time
from pathlib import Path

import pytest

from htcgrid import Grid, RetryPolicy
from tests.connector.programs import runs, until

MODULE = """
import os, sys, time
from pathlib import Path

HERE = Path(__file__).parent

def note(word):
    with (HERE / "notes").open("a") as notes:
        notes.write(f"{{word}} {{os.getpid()}}\\n")

{setup}
{teardown}

def go(event):
    if event == "die":
        os._exit(1)
    if event == "wear":
        raise MemoryError
    if event == "hang":
        note("hangs")
        time.sleep(600)
    return os.getpid()
"""
SETUP = "def setup(): note('setup')"
NOTED = "def teardown(): note('teardown')"
HANGS = "def teardown(): note('teardown'); time.sleep(600)"

#: What the module has, the tasks, and how often teardown() is called for one worker, at least.
KINDS: list[tuple[str, str, list[str], int]] = [
    (SETUP, NOTED, ["a"], 1),
    ("", NOTED, ["a"], 1),
    ("", NOTED, ["a", "b", "c"], 1),
    (SETUP, "", ["a"], 0),
    ("def setup(): raise ValueError('no')", NOTED, ["a"], 0),
    (SETUP, "def teardown(needed): note('teardown')", ["a"], 0),
    (SETUP, "def teardown(given=1): note('teardown')", ["a"], 1),
    (SETUP, "teardown = 5", ["a"], 0),
    (SETUP, "from os import getpid as teardown", ["a"], 0),
    (SETUP, "class teardown: pass", ["a"], 0),
    (SETUP, "def teardown(): note('teardown'); raise ValueError('no')", ["a"], 1),
    (SETUP, "def teardown(): note('teardown'); sys.exit(3)", ["a"], 1),
    (SETUP, "def teardown(): note('teardown'); os._exit(3)", ["a"], 1),
    (SETUP, "def teardown(): note('teardown'); os.kill(os.getpid(), 9)", ["a"], 1),
    (SETUP, "def teardown(): note('teardown'); print('x' * 1_000_000)", ["a"], 1),
    (SETUP, "def teardown(): note('teardown'); os.close(1); os.close(2)", ["a"], 1),
    (SETUP, "def teardown(): note('teardown'); sys.stderr.close(); raise ValueError", ["a"], 1),
    (SETUP, "def teardown(): note('teardown'); __import__('threading').Thread(target=time.sleep, args=(600,)).start()",
     ["a"], 1),
    (SETUP, "def teardown(): note('teardown'); os.fork() or time.sleep(600)", ["a"], 1),
    (SETUP, NOTED, ["die"], 0),
    (SETUP, NOTED, ["wear"], 1),
    (SETUP, NOTED, ["wear", "a"], 2),
]  # fmt: skip


def notes(folder: Path) -> list[tuple[str, int]]:
    lines = (folder / "notes").read_text().splitlines() if (folder / "notes").exists() else []
    return [(word, int(pid)) for word, pid in (line.split() for line in lines)]


def written(folder: Path, setup: str, teardown: str) -> str:
    (folder / "torn.py").write_text(MODULE.format(setup=setup, teardown=teardown))
    return f"{folder / 'torn.py'}:go"


@pytest.mark.parametrize(("setup", "teardown", "tasks", "count"), KINDS)
def test_teardown_is_called_once_for_each_worker_that_ends_in_good_order(
    tmp_path: Path, setup: str, teardown: str, tasks: list[str], count: int
) -> None:
    handler = written(tmp_path, setup, teardown)
    with Grid.open(workers=1) as grid:
        for task in tasks:
            grid.submit(handler, [task], retry=RetryPolicy(tries=1)).wait(timeout=60)
    ended = [pid for word, pid in notes(tmp_path) if word == "teardown"]
    assert len(ended) == len(set(ended)) == count
    until(lambda: not any(runs(pid) for pid in ended))


def test_a_teardown_that_hangs_keeps_nobody_from_working_and_no_grid_from_closing(tmp_path: Path) -> None:
    handler = written(tmp_path, "", HANGS)
    with Grid.open(workers=1) as grid:
        grid.submit(handler, ["wear"], retry=RetryPolicy(tries=1)).wait(timeout=60)
        # Another worker takes its place.
        (pid,) = grid.submit(handler, ["a"]).results(timeout=60)
        until(lambda: bool(notes(tmp_path)))
        began = time.monotonic()
    # Five seconds are what a temporary grid gives.
    assert 4.5 < time.monotonic() - began < 30
    hanging = {pid for _, pid in notes(tmp_path)}
    assert hanging == {pid, *hanging}
    assert len(hanging) == 2
    assert not any(runs(pid) for pid in hanging)


def test_a_task_that_runs_when_the_grid_is_closed_is_not_waited_for(tmp_path: Path) -> None:
    handler = written(tmp_path, SETUP, NOTED)
    with Grid.open(workers=1) as grid:
        grid.submit(handler, ["hang"])
        until(lambda: "hangs" in dict(notes(tmp_path)))
    assert "teardown" not in dict(notes(tmp_path))


def test_what_a_teardown_prints_and_raises_is_shown_before_the_grid_is_closed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    handler = written(tmp_path, "", "def teardown(): print('bye'); raise ValueError('not so')")
    with Grid.open(workers=1) as grid:
        grid.submit(handler, ["a"]).wait(timeout=60)
    out, err = capfd.readouterr()
    assert out == "bye\n"
    assert err.startswith("teardown() of 'htcgrid_handler_torn_")
    assert err.endswith("ValueError: not so\n")


def test_modules_are_torn_down_in_the_reverse_of_their_order(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(
            f"def teardown(): print('{name}', file=open({str(tmp_path / 'order')!r}, 'a'))\n"
            "def go(event): return event\n"
        )
    with Grid.open(workers=1) as grid:
        for name in ("one", "two", "one"):
            grid.submit(f"{tmp_path / name}.py:go", [1]).wait(timeout=60)
    assert (tmp_path / "order").read_text() == "two\none\n"
