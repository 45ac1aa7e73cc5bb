"""Progress bars that come by themselves: when, where, for how long, and beside what else is printed."""

import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from htcgrid import Grid
from tests.cli.conftest import until, write_grid
from tests.cli.terminal import Terminal

_PYTHON = Path(sys.executable)
_HEAD = """
import logging, sys, threading, time
from contextlib import suppress
from htcgrid import Grid

def late(wait):
    try:
        return wait()
    except TimeoutError:
        print("LATE")

"""
_TAIL = "\nprint('RICH' if 'rich' in sys.modules else 'PLAIN')\nprint('DONE')\n"
_LIVE = "from rich.progress import Progress\nwith Progress() as bar: late(lambda: session.wait(timeout=5))"
# They print once all have ended: rich draws the bar again below a line that another thread prints at its very end.
_THREADS = """
late_ones = []
def wait():
    try:
        session.wait(timeout=5)
    except TimeoutError:
        late_ones.append("LATE")

threads = [threading.Thread(target=wait) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(*late_ones, sep="\\n")
"""
#: How a program waits for a session of which nothing runs, how its grid is opened, and whether a bar is seen.
PROGRAMS: dict[str, tuple[str, str, bool]] = {
    "results": ("late(lambda: session.results(timeout=5))", "", True),
    "wait": ("late(lambda: session.wait(timeout=5))", "", True),
    "outcomes, asked": ("late(lambda: list(session.outcomes(timeout=5, progress=None)))", "", True),
    "outcomes": ("late(lambda: list(session.outcomes(timeout=5)))", "", False),
    "results at once": ("late(lambda: session.results(timeout=0.5, progress=True))", "", True),
    "wait at once": ("late(lambda: session.wait(timeout=0.5, progress=True))", "", True),
    "results without": ("late(lambda: session.results(timeout=5, progress=False))", "", False),
    "wait without": ("late(lambda: session.wait(timeout=5, progress=False))", "", False),
    "a short wait": ("late(lambda: session.wait(timeout=0.2))", "", False),
    "a task": ("late(lambda: session.task(0).result(timeout=5))", "", False),
    "quiet": ("late(lambda: session.results(timeout=5))", ", quiet=True", False),
    "quiet, asked": ("late(lambda: session.results(timeout=1, progress=True))", ", quiet=True", True),
    "stderr is a file": ("sys.stderr = open('err', 'w')\nlate(lambda: session.results(timeout=5))", "", False),
    "stderr is closed": ("sys.stderr.close()\nlate(lambda: session.results(timeout=5))", "", False),
    "stderr is none": ("sys.stderr = None\nlate(lambda: session.results(timeout=5))", "", False),
    "threads": (_THREADS, "", True),
    "beside rich": (_LIVE, "", False),
    "a logging handler": ("logging.basicConfig()\nlate(lambda: session.results(timeout=5))", "", True),
    "an error": ("with suppress(TimeoutError): session.results(timeout=5)\nprint('LATE')", "", True),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with a grid without agents, and a session that waits."""
    write_grid(tmp_path)
    with Grid.open(tmp_path / "grid.toml") as grid:
        grid.submit("work:echo", [1, 2, 3], id="risk")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def screen(raw: str) -> list[str]:
    """Return the lines that are on a wide screen after what was written; rich moves up by lines, and erases them."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", raw):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part.startswith("\x1b"):
            if part.endswith("A"):
                row -= int(part[2:-1] or 1)
            elif part.endswith("K"):
                lines[row] = ""
        else:
            lines[row] = lines[row].ljust(column)[:column] + part + lines[row][column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in lines if line.strip()]


def has_ended(terminal: Terminal) -> bool:
    """Read what a program has written; return whether it has ended."""
    terminal.until(lambda: True)
    return terminal.process.poll() is not None


def test_bars_come_by_themselves_where_somebody_sees_them_and_leave_nothing(folder: Path) -> None:
    with ExitStack() as stack:
        terminals = {
            name: stack.enter_context(
                Terminal(
                    "-c",
                    f"{_HEAD}grid = Grid.open('grid.toml'{how})\nsession = grid.session('risk')\n{line}{_TAIL}",
                    columns=300,
                    program=_PYTHON,
                )
            )
            for name, (line, how, _) in PROGRAMS.items()
        }
        # All are read meanwhile: a terminal that nobody reads holds its program up.
        until(lambda: sum(map(has_ended, terminals.values())) == len(terminals), 120)
        for name, terminal in terminals.items():
            assert terminal.ended() == 0, (name, terminal.lines)
            shown = screen(terminal.raw)
            sees = PROGRAMS[name][2]
            assert ("work:echo" in terminal.raw and "━" in terminal.raw) == sees, (name, shown)
            stays = "progress=True" in PROGRAMS[name][0]
            assert any("0/3" in line for line in shown) == stays, (name, shown)
            # What was printed meanwhile is whole.
            texts = [line for line in shown if "━" not in line]
            notes = [line for line in texts if "session risk waits" in line]
            assert all(line.endswith("start one: 'htcgrid agent'") for line in notes), (name, shown)
            assert all(line.startswith(("htcgrid: session", "WARNING:htcgrid:htcgrid: ")) for line in notes), name
            assert set(texts) - set(notes) <= {"LATE", "RICH", "PLAIN", "DONE"}, (name, shown)
            assert shown.count("LATE") == (3 if name == "threads" else 1), (name, shown)
            assert ("RICH" in shown) == (sees or name == "beside rich"), (name, shown)
            # The cursor is there again.
            assert terminal.raw.count("\x1b[?25l") == terminal.raw.count("\x1b[?25h"), name


def test_without_a_terminal_there_is_no_bar_and_no_rich(folder: Path) -> None:
    code = f"{_HEAD}grid = Grid.open('grid.toml')\nlate(lambda: grid.session('risk').results(timeout=3)){_TAIL}"
    done = subprocess.run([_PYTHON, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["LATE", "PLAIN", "DONE"]
    assert "━" not in done.stderr


def test_a_terminal_that_cannot_move_its_cursor_has_no_bar(folder: Path) -> None:
    code = f"{_HEAD}grid = Grid.open('grid.toml')\nlate(lambda: grid.session('risk').results(timeout=3)){_TAIL}"
    with Terminal("-c", code, kind="dumb", program=_PYTHON) as terminal:
        assert terminal.ended() == 0
        assert "━" not in terminal.raw
        assert "PLAIN" in terminal.raw


def test_what_goes_to_a_file_goes_there_also_while_a_bar_is_shown(folder: Path) -> None:
    code = (
        f"{_HEAD}sys.stdout = open('out', 'w')\ngrid = Grid.open('grid.toml')\n"
        "threading.Timer(0.5, print, ['meanwhile']).start()\n"
        "late(lambda: grid.session('risk').wait(timeout=2, progress=True))\nsys.stdout.close()\n"
    )
    with Terminal("-c", code, program=_PYTHON) as terminal:
        assert terminal.ended() == 0
        assert "0/3" in terminal.raw
        assert "meanwhile" not in terminal.raw
    assert (folder / "out").read_text() == "meanwhile\nLATE\n"


def test_a_map_shows_its_bar_above_which_the_program_prints(folder: Path) -> None:
    code = (
        f"{_HEAD}import work\nif __name__ == '__main__':\n"
        "    with Grid.open(workers=1) as grid:\n"
        "        for value in grid.map(work.sleep, [0.1, 3.0, 0.2]):\n"
        "            print('value', value)\n"
        "    print('DONE')\n"
    )
    (folder / "mapped.py").write_text(code)
    (folder / "grid.toml").unlink()
    with Terminal("mapped.py", columns=200, program=_PYTHON) as terminal:
        assert terminal.ended() == 0, terminal.lines
        assert "━" in terminal.raw
        assert screen(terminal.raw) == ["value 0.1", "value 3.0", "value 0.2", "DONE"]


@pytest.mark.parametrize(
    ("words", "sees"),
    [
        (["results", "risk", "--timeout", "4", "--values"], True),
        (["results", "risk", "--timeout", "4", "--values", "--no-progress"], False),
        (["results", "risk", "--timeout", "1", "--progress"], True),
        (["results", "risk", "--timeout", "4"], False),
        (["results", "risk", "--timeout", "1", "--failed", "--progress"], True),
        (["results", "risk", "--timeout", "1", "--failed", "--no-progress"], False),
    ],
)
def test_commands_show_a_bar_in_a_terminal(folder: Path, words: list[str], sees: bool) -> None:
    with Terminal(*words) as terminal:
        assert terminal.ended() == 124
        assert ("━" in terminal.raw) == sees
