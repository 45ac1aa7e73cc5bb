"""Real programs that wait in vain: what comes to their stderr, by their way to wait and by their logging."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from htcgrid import Grid
from htcgrid.connector.notices import Notices
from htcgrid.host import RealHost
from tests.cli.conftest import until, write_grid

_HEAD = "import logging, sys, threading\nfrom concurrent.futures import as_completed\nfrom htcgrid import Grid\n"
_TOLD = "waits: no agent of pool default has reported in the last day; start one: 'htcgrid agent'"

#: What a program does with a grid that has no agent; each waits for ever.
WAITS = {
    "results": "grid.submit('math:sqrt', [1]).results()",
    "results of a generator": "grid.submit('math:sqrt', iter([1])).results(return_exceptions=True)",
    "wait": "grid.submit('math:sqrt', [1]).wait()",
    "outcomes": "list(grid.submit('math:sqrt', [1]).outcomes())",
    "a session from elsewhere": "grid.session('risk').results()",
    "a task": "grid.submit('math:sqrt', [1, 2]).task(1).result()",
    "on_outcome": "grid.submit('math:sqrt', [1]).on_outcome(print).wait()",
    "submitted": "grid.submit('math:sqrt', iter(range(100)), ahead=2).submitted()",
    "map": "list(grid.map('math:sqrt', [1, 2]))",
    "map as they come": "next(grid.map('math:sqrt', [1, 2], ordered=False))",
    "a future": "grid.executor().submit(abs, -1).result()",
    "futures": "list(as_completed([grid.executor().submit(abs, n) for n in (1, 2)]))",
    "an executor's map": "list(grid.executor().map(abs, [1, 2]))",
    "a thread": "thread = threading.Thread(target=grid.submit('math:sqrt', [1]).wait); thread.start(); thread.join()",
}
COMMANDS = {
    "htcgrid results": ["results", "risk"],
    "htcgrid results --values": ["results", "risk", "--values"],
    "htcgrid results --failed": ["results", "risk", "--failed"],
    "htcgrid watch": ["watch", "risk"],
    "htcgrid watch --json": ["watch", "risk", "--json"],
    "htcgrid run": ["run", "example", "--input", "in.json", "--config", "grid.toml"],
}
#: How logging is set up, how the grid is opened, and what then comes to stderr.
SETTINGS = {
    "nothing": ("", "", f"htcgrid: session risk {_TOLD}"),
    "basicConfig": ("logging.basicConfig()", "", f"WARNING:htcgrid:htcgrid: session risk {_TOLD}"),
    "a format": ("logging.basicConfig(format='! %(message)s')", "", f"! htcgrid: session risk {_TOLD}"),
    "only errors": ("logging.basicConfig(level=logging.ERROR)", "", ""),
    "a level of ours": ("logging.getLogger('htcgrid').setLevel(logging.ERROR)", "", ""),
    "a handler of ours": ("logging.getLogger('htcgrid').addHandler(logging.NullHandler())", "", ""),
    "a file": ("logging.basicConfig(filename='log')", "", ""),
    "disabled": ("logging.disable()", "", ""),
    "a filter that raises": ("logging.getLogger('htcgrid').addFilter(lambda record: 1 / 0)", "", ""),
    "quiet": ("", ", quiet=True", ""),
    "quiet, with basicConfig": ("logging.basicConfig()", ", quiet=True", ""),
}
_EXAMPLE = """
HANDLER = "prices:price"

def split(document):
    return document

def merge(document, results):
    return results
"""
_WAIT = """
try:
    grid.session("risk").wait(timeout=6)
except TimeoutError as error:
    print(error, "ENDED", file=sys.stderr)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder with a grid without agents, a session that waits, and an example."""
    write_grid(tmp_path)
    (tmp_path / "example").mkdir()
    (tmp_path / "example" / "client.py").write_text(_EXAMPLE)
    (tmp_path / "example" / "prices.py").write_text("def price(event, context): return event\n")
    (tmp_path / "in.json").write_text("[1]")
    with Grid.open(tmp_path / "grid.toml") as grid:
        grid.submit("work:echo", [1], id="risk")
    return tmp_path


@contextmanager
def program(folder: Path, words: list[str], name: str) -> Iterator[Path]:
    """Run a Python program; what it writes to stderr is in the file that is yielded."""
    file = folder / f"{name}.err"
    with file.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr
        )
    try:
        yield file
    finally:
        process.kill()
        process.wait()


def code(line: str, *, before: str = "", how: str = "") -> list[str]:
    return ["-c", f"{_HEAD}{before}\ngrid = Grid.open('grid.toml'{how})\n{line}\n"]


def test_every_way_to_wait_says_why_nothing_goes_on(folder: Path) -> None:
    waits = {name: code(line) for name, line in WAITS.items()}
    waits |= {name: ["-m", "htcgrid.cli", *words] for name, words in COMMANDS.items()}
    with ExitStack() as stack:
        files = {name: stack.enter_context(program(folder, words, name)) for name, words in waits.items()}
        for name, file in files.items():
            until(lambda file=file: file.read_text().endswith("\n"), 120)  # type: ignore[misc]
            [line] = file.read_text().splitlines()
            assert line.startswith("htcgrid: session "), name
            assert line.endswith(_TOLD), (name, line)


def test_logging_decides_what_becomes_of_it(folder: Path) -> None:
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(program(folder, code(_WAIT, before=before, how=how), name))
            for name, (before, how, _) in SETTINGS.items()
        }
        for name, file in files.items():
            until(lambda file=file: file.read_text().endswith("ENDED\n"), 120)  # type: ignore[misc]
            *lines, end = file.read_text().splitlines()
            assert lines == [SETTINGS[name][2]] * bool(SETTINGS[name][2]), name
            assert "but none runs now: no agent of pool default" in end, name
    assert f"session risk {_TOLD}" in (folder / "log").read_text()


def test_the_reasons_of_sessions_past_are_not_kept_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    notices = Notices(host=RealHost())
    for session in [*range(1500), 1499, 0]:
        notices.tell(f"s-{session}", "it has no agent", f"reason {session}")
    told = [record.args for record in caplog.records]
    assert len(told) == 1501
    # The last is known yet, and the first is not.
    assert told[-1] == ("s-0", "it has no agent")
