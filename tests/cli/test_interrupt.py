"""Ctrl-C in ``htcgrid run``, at any moment: one clear line, exit status 130, and nothing is left running."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from htcgrid.local.network import Network
from tests.cli.conftest import ended, processes_in, started, until, write_grid

#: Each part says that it was reached; the document tells how long each of them takes.
CLIENT = """
import time
from pathlib import Path

HANDLER = "work:sleep"
HERE = Path(__file__).parent

def split(document):
    (HERE / "splitting").touch()
    time.sleep(document["splitting"])
    for number in range(document["tasks"]):
        yield document["seconds"]
    (HERE / "submitting").touch()

def merge(document, results):
    (HERE / "merging").touch()
    time.sleep(document["merging"])
    return len(results)
"""
WORK = """
import time
from pathlib import Path

def sleep(seconds):
    Path(__file__).with_name("running").touch()
    time.sleep(seconds)
    return seconds
"""
DOCUMENT = '{"splitting": %s, "tasks": %s, "seconds": %s, "merging": %s}'

Moment = Callable[[Path], bool]


@pytest.fixture(autouse=True)
def _example(folder: Path) -> Iterator[None]:
    (folder / "client.py").write_text(CLIENT)
    (folder / "work.py").write_text(WORK)
    yield
    until(lambda: not processes_in(folder), 20)


def interrupted(folder: Path, moment: Moment, delay: float = 0.0) -> str:
    """Press Ctrl-C at a moment of the run; return what is said of it."""
    with started("run", ".", "--input", "in.json", "--workers", "2", cwd=folder) as process:
        until(lambda: moment(folder) or process.poll() is not None)
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        status, out, err = ended(process)
    assert (status, out) == (130, ""), err
    return err


def reached(name: str) -> Moment:
    return lambda folder: (folder / name).exists()


def starting(folder: Path) -> bool:
    """Whether the embedded grid has a place: the earliest that can be seen of it."""
    return any((folder.parent / "temporary").glob("htcgrid-*"))


@pytest.mark.parametrize(
    ("moment", "document"),
    [
        (starting, DOCUMENT % (60, 10, 0, 0)),
        (reached("splitting"), DOCUMENT % (60, 10, 0, 0)),
        (reached("submitting"), DOCUMENT % (0, 300_000, 60, 0)),
        (reached("running"), DOCUMENT % (0, 100, 60, 0)),
        (reached("merging"), DOCUMENT % (0, 10, 0, 60)),
    ],
    ids=["starting", "splitting", "submitting", "waiting", "merging"],
)
def test_ctrl_c_ends_a_run_and_leaves_nothing(folder: Path, moment: Moment, document: str) -> None:
    (folder / "in.json").write_text(document)
    err = interrupted(folder, moment)
    assert err.splitlines()[-1] == "htcgrid: interrupted"
    assert "Traceback" not in err
    until(lambda: not processes_in(folder), 20)
    assert list((folder.parent / "temporary").iterdir()) == []


@pytest.mark.parametrize("seed", range(4))
def test_ctrl_c_ends_a_run_that_has_just_begun(folder: Path, seed: int) -> None:
    (folder / "in.json").write_text(DOCUMENT % (0, 50_000, 60, 0))
    err = interrupted(folder, starting, delay=Random(seed).uniform(0.0, 1.2))
    assert err.splitlines()[-1] == "htcgrid: interrupted"
    assert "Traceback" not in err
    until(lambda: not processes_in(folder), 20)
    assert list((folder.parent / "temporary").iterdir()) == []


IMPORTING = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from htcgrid.cli import main
main(["providers"])
"""


@pytest.mark.parametrize(
    "module",
    ["htcgrid.cli.commands", "click", "click.decorators", "htcgrid.errors", "htcgrid.cli.providers", "pluggy"],
)
def test_ctrl_c_while_a_command_is_imported_is_one_line(folder: Path, module: str) -> None:
    command = [sys.executable, "-c", IMPORTING.format(module=module)]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr.strip()) == (130, "", "htcgrid: interrupted")


def test_ctrl_c_cancels_what_was_submitted_to_a_grid_that_goes_on(folder: Path) -> None:
    file = write_grid(folder)
    file.write_text(file.read_text().replace("work:*", "*"))
    (folder / "work.py").write_text(WORK)
    (folder / "in.json").write_text(DOCUMENT % (0, 100, 60, 0))
    agent = started("agent", cwd=folder)
    try:
        with started("run", ".", "--input", "in.json", cwd=folder) as process:
            until((folder / "running").exists)
            process.send_signal(signal.SIGINT)
            assert ended(process).status == 130
        with started("status", "--json", cwd=folder) as status:
            assert '"state":"CANCELLED","finished":true,"total":100' in ended(status).out
    finally:
        agent.terminate()
        agent.terminate()
        assert ended(agent).status == 0


def test_ctrl_c_while_results_are_waited_for_leaves_the_session_alone(folder: Path) -> None:
    write_grid(folder)
    (folder / "tasks.json").write_text("[1, 2]")
    with started("submit", "work:echo", "--id", "waits", "--input", "tasks.json", cwd=folder) as process:
        assert ended(process).out == "waits\n"
    with started("results", "waits", cwd=folder) as process:
        # It has opened the state file, and waits for outcomes that nobody brings: its bell hangs.
        bell = Network(folder / "state" / "bells" / "networks").address("").replace("\0", "@")
        until(lambda: bell in Path("/proc/net/unix").read_text())
        process.send_signal(signal.SIGINT)
        status, out, err = ended(process)
    # The empty line ends the one that a terminal has begun with ^C.
    assert (status, out, err) == (130, "", "\nhtcgrid: interrupted\n")
    with started("status", "--json", cwd=folder) as process:
        assert '"state":"SEALED","finished":false,"total":2,"pending":2' in ended(process).out
