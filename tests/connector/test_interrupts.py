"""Ctrl-C shows the user's own lines, ends what waits, and leaves nothing; a second one ends at once."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.connector.programs import Ended, Program, until

PROGRAM = """
import concurrent.futures, time
from htcgrid import Grid

def slow(event):
    time.sleep(600)

def quick(event):
    return event

def never():
    yield 1
    time.sleep(600)

def ready():
    print("ready", flush=True)

if __name__ == "__main__":
    with Grid.open(workers=1) as grid:
        {body}
"""
STARTING = """
import time
print("ready", flush=True)
from htcgrid import Grid
while True:
    with Grid.open(workers=1) as grid:
        pass
"""
#: It is interrupted at a line of those that open and close its grid; without one, it says how many there are.
TRACED = """
import contextlib
import sys
from htcgrid import Grid, temporary
from htcgrid.connector import embedded, grid

line, seen = int(sys.argv[1]), 0
files = {module.__file__ for module in (temporary, embedded, grid, contextlib)}

def trace(frame, event, argument):
    global seen
    if frame.f_code.co_filename not in files:
        return None
    seen += event == "line"
    if event == "line" and seen == line:
        sys.settrace(None)
        raise KeyboardInterrupt
    return trace

sys.settrace(trace)
with Grid.open(workers=1):
    pass
sys.settrace(None)
print(seen)
"""
#: What the user's program is at.
MOMENTS: dict[str, str] = {
    "results": "session = grid.submit(slow, [1]); ready(); session.results()",
    "results with a timeout": "session = grid.submit(slow, [1]); ready(); session.results(timeout=500)",
    "wait": "session = grid.submit(slow, [1]); ready(); session.wait()",
    "outcomes": "session = grid.submit(slow, [1]); ready(); list(session.outcomes())",
    "a task's result": "task = grid.submit(slow, [1]).task(0); ready(); task.result()",
    "a callback": "watch = grid.submit(slow, [1]).on_outcome(print); ready(); watch.wait()",
    "submitted": "session = grid.submit(slow, never()); ready(); session.submitted()",
    "a generator that nobody waits for": "session = grid.submit(quick, never()); ready(); time.sleep(600)",
    "map": "ready(); list(grid.map(slow, [1]))",
    "map of a generator": "ready(); list(grid.map(quick, never()))",
    "an open session": "with grid.open_session(slow) as session: session.add(1); ready(); time.sleep(600)",
    "nothing": "ready(); time.sleep(600)",
    "a future": "with grid.executor() as pool: future = pool.submit(slow, 1); ready(); future.result()",
    "an executor's map": "with grid.executor() as pool: results = pool.map(slow, [1, 2]); ready(); list(results)",
    "as_completed": "with grid.executor() as pool: f = pool.submit(slow, 1); ready(); "
    "list(concurrent.futures.as_completed([f]))",
    "an executor's block": "with grid.executor() as pool: pool.submit(slow, 1); ready(); time.sleep(600)",
    "the end of an executor's block": "with grid.executor() as pool: pool.submit(slow, 1); ready()",
    "shutdown": "pool = grid.executor(); pool.submit(slow, 1); ready(); pool.shutdown()",
    "the end of the grid's block": "pool = grid.executor(); pool.submit(slow, 1); ready()",
    "the end of a generator's block": "grid.submit(slow, never()); ready()",
}
Start = Callable[[str], Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    programs: list[Program] = []

    def start(code: str) -> Program:
        programs.append(Program(tmp_path, code))
        return programs[-1]

    yield start
    for one in programs:
        one.kill()


def is_brief(ended: Ended) -> bool:
    """Whether what a program says of an interrupt is one traceback, in which nothing of ours stands."""
    # What Python itself shows of an interrupt that comes while it ends, and has no stderr any more.
    text = re.sub(r"object address .*lost sys\.stderr\n?", "KeyboardInterrupt", ended.err, flags=re.DOTALL)
    lines = text.splitlines()
    return (
        ended.status == -signal.SIGINT
        and ended.err.count("Traceback") == 1
        and lines[-1].startswith("KeyboardInterrupt")
        # Python's own futures and threads are among the user's lines.
        and len([line for line in lines if line.startswith("  File ")]) <= 5
        and "/htcgrid/" not in ended.err
        and "Exception ignored" not in ended.err
    )


def leaves_nothing(program: Program) -> None:
    until(lambda: not program.left())
    assert program.left_files() == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_ends_a_program_in_a_few_lines_whatever_it_is_at(start: Start, moment: str) -> None:
    program = start(PROGRAM.format(body=MOMENTS[moment]))
    assert program.line() == "ready"
    program.press_ctrl_c()
    ended = program.end()
    assert is_brief(ended), ended.err
    leaves_nothing(program)


@pytest.mark.parametrize("moment", ["results", "a future", "the end of an executor's block", "nothing"])
@pytest.mark.parametrize("pause", [0.0, 0.05, 0.1])
def test_a_second_ctrl_c_ends_the_end_at_once(start: Start, moment: str, pause: float) -> None:
    program = start(PROGRAM.format(body=MOMENTS[moment]))
    assert program.line() == "ready"
    program.press_ctrl_c()
    select.select([], [], [], pause)
    program.press_ctrl_c()
    ended = program.end()
    assert is_brief(ended), ended.err
    leaves_nothing(program)


@pytest.mark.parametrize("pause", [0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0])
def test_ctrl_c_in_the_first_second_leaves_nothing(start: Start, pause: float) -> None:
    program = start(STARTING)
    assert program.line() == "ready"
    select.select([], [], [], pause)
    program.press_ctrl_c()
    ended = program.end()
    assert ended.status == -signal.SIGINT
    # The package itself may be what is being imported.
    assert ended.err.count("/htcgrid/") <= 1, ended.err
    assert "Exception ignored" not in ended.err
    leaves_nothing(program)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many lines open and close a grid."""
    program = Program(tmp_path_factory.mktemp("lines"), TRACED, "0")
    return int(program.end().out)


@pytest.mark.parametrize("moment", [(number + 0.5) / 24 for number in range(24)])
def test_an_interrupt_at_any_line_of_opening_and_closing_leaves_nothing(
    tmp_path: Path, lines: int, moment: float
) -> None:
    assert lines > 200
    program = Program(tmp_path, TRACED, str(round(moment * lines)))
    assert program.end().status == -signal.SIGINT
    leaves_nothing(program)


def test_after_an_interrupt_that_the_program_catches_its_grid_goes_on(start: Start) -> None:
    # As in a notebook, whose cells end so, and whose grid is to serve the next ones.
    body = """session = grid.submit(slow, [1])
        for call in (session.results, session.wait, lambda: list(grid.map(slow, [1]))):
            try:
                ready()
                call()
            except KeyboardInterrupt:
                pass
        session.cancel()
        print(grid.submit(quick, [5]).results(timeout=60), flush=True)"""
    program = start(PROGRAM.format(body=body))
    for _ in range(3):
        assert program.line() == "ready"
        program.press_ctrl_c()
    assert program.line() == "[5]"
    ended = program.end()
    assert (ended.status, ended.err) == (0, "")


_WAITS = "htcgrid: waiting for 1 call of time:sleep to end; Ctrl-C gives up\n"


@pytest.mark.parametrize(("quiet", "said"), [("", _WAITS), ("quiet=True, ", "")])
def test_an_executor_waits_for_its_calls_after_an_error_and_says_what_for(start: Start, quiet: str, said: str) -> None:
    body = """
        with grid.executor() as pool:
            future = pool.submit(time.sleep, 6)
            ready()
            raise ValueError("the block's own")"""
    ended = start(PROGRAM.format(body=body).replace("Grid.open(", f"Grid.open({quiet}")).end()
    assert ended.err.startswith(f"{said}Traceback")
    assert "ValueError: the block's own" in ended.err


def test_a_terminal_shows_one_short_traceback_and_is_given_back(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.format(body=MOMENTS["results"]))
    ours, theirs = pty.openpty()
    code = (
        "import fcntl, runpy, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        "runpy.run_path('program.py', run_name='__main__')"
    )
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    # Later versions of Python colour what a terminal shows.
    environment = os.environ | {"NO_COLOR": "1"}
    process = subprocess.Popen(  # type: ignore[call-overload]
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, start_new_session=True, **streams
    )
    os.close(theirs)
    shown = b""
    while b"ready" not in shown:
        shown += os.read(ours, 1000)
    os.write(ours, b"\x03")
    with suppress(OSError):
        # Until the other end is closed.
        while True:
            shown += os.read(ours, 1000)
    process.wait(60)
    os.close(ours)
    assert shown.count(b"Traceback") == 1
    assert b"/htcgrid/" not in shown
    assert shown.rstrip().endswith(b"KeyboardInterrupt")
