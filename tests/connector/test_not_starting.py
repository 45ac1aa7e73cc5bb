"""Agents of an embedded grid that end before they are ready: every wait ends, and says what they said."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent import futures
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from htcgrid import Grid
from htcgrid.errors import AgentNotStartedError
from tests.agent import jobs

#: Far more than is needed: each wait is told within a second of the third start that goes wrong.
LONGEST = 120.0


def added(grid: Grid) -> None:
    with grid.open_session(jobs.echo, ahead=1) as session:
        for number in count():
            session.add(number)


def sealed(grid: Grid) -> None:
    session = grid.open_session(jobs.echo, ahead=1)
    session.extend([1])
    session.add(2)
    session.seal()


def in_executor(wait: Callable[[futures.Executor], Any]) -> Callable[[Grid], Any]:
    def run(grid: Grid) -> Any:
        with grid.executor() as executor:
            return wait(executor)

    return run


def first_error(done: set[futures.Future[Any]]) -> None:
    for future in done:
        future.result()


WAITS: dict[str, Callable[[Grid], Any]] = {
    "results": lambda grid: grid.submit(jobs.echo, [1]).results(),
    "results with a time-out": lambda grid: grid.submit(jobs.echo, [1]).results(timeout=LONGEST),
    "results with exceptions among them": lambda grid: grid.submit(jobs.echo, [1]).results(return_exceptions=True),
    "results of another handle": lambda grid: grid.session(grid.submit(jobs.echo, [1]).id).results(),
    "results of a generator": lambda grid: grid.submit(jobs.echo, iter([1])).results(),
    "results of one that is held back": lambda grid: grid.submit(jobs.echo, count(), ahead=1).results(),
    "outcomes": lambda grid: list(grid.submit(jobs.echo, [1]).outcomes()),
    "wait": lambda grid: grid.submit(jobs.echo, [1]).wait(),
    "wait with a bar": lambda grid: grid.submit(jobs.echo, [1]).wait(progress=True),
    "a task's result": lambda grid: grid.submit(jobs.echo, [1]).task(0).result(),
    "a task's outcome": lambda grid: grid.submit(jobs.echo, [1]).task(0).outcome(timeout=LONGEST),
    "a task's exception": lambda grid: grid.submit(jobs.echo, [1]).task(0).exception(),
    "a callback": lambda grid: grid.submit(jobs.echo, [1]).on_outcome(print).wait(),
    "submitted": lambda grid: grid.submit(jobs.echo, count(), ahead=1).submitted(),
    "adding to a session": added,
    "sealing a session": sealed,
    "map": lambda grid: list(grid.map(jobs.echo, [1, 2])),
    "map without order": lambda grid: list(grid.map(jobs.echo, count(), ordered=False)),
    "a future": in_executor(lambda executor: executor.submit(jobs.echo, 1).result()),
    "a future's exception": in_executor(lambda executor: first_error({executor.submit(jobs.echo, 1)})),
    "futures as they end": in_executor(
        lambda executor: first_error(set(futures.as_completed([executor.submit(jobs.echo, n) for n in range(9)])))
    ),
    "futures that are waited for": in_executor(
        lambda executor: first_error(futures.wait([executor.submit(jobs.echo, n) for n in range(9)]).done)
    ),
    "an executor's map": in_executor(lambda executor: list(executor.map(jobs.echo, range(9)))),
}


def ends(grid: Grid) -> dict[str, BaseException | str]:
    """Return how each wait ended; they all begin before it is known that no agent starts."""
    found: dict[str, BaseException | str] = {}

    def run(name: str) -> None:
        try:
            WAITS[name](grid)
        except BaseException as error:  # noqa: BLE001 - it is what is asked for
            found[name] = error
        else:
            found[name] = "no error"

    threads = [threading.Thread(target=run, args=(name,), daemon=True) for name in WAITS]
    deadline = time.monotonic() + LONGEST
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return found


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BaseException | str]:
    """How waits ended on a grid whose agents find a module that cannot be imported in the place of one they need."""
    modules = tmp_path_factory.mktemp("modules")
    (modules / "tomllib.py").write_text("raise ImportError('nobody has this module')")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(modules))
        # It is closed although generators were held back, and would be for ever.
        with Grid.open(folder=tmp_path_factory.mktemp("broken"), workers=1) as grid:
            return ends(grid)


@pytest.mark.parametrize("name", WAITS)
def test_a_wait_ends_with_what_the_agent_said_last(ended: dict[str, BaseException | str], name: str) -> None:
    error = ended.get(name, "still waiting")
    assert isinstance(error, AgentNotStartedError), error
    assert "times in a row before it was ready" in str(error)
    assert str(error).endswith("ImportError: nobody has this module")


def test_agents_that_can_be_started_again_make_good_for_those_that_could_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "tomllib.py"
    broken.write_text("raise ImportError('for a while')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Grid.open(folder=tmp_path / "grid", workers=1) as grid:
        session, cancelled = grid.submit(jobs.echo, [1]), grid.submit(jobs.echo, [1])
        with pytest.raises(AgentNotStartedError, match="for a while"):
            session.results(timeout=LONGEST)
        with pytest.raises(AgentNotStartedError, match="for a while"):
            grid.submit(jobs.echo, [2])
        # What waits for nothing needs no agents.
        assert (session.status().total, cancelled.cancel().cancelled) == (1, 1)
        cancelled.delete()
        broken.unlink()
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            try:
                assert session.results(timeout=LONGEST) == [1]
                break
            except AgentNotStartedError:
                time.sleep(0.1)


CLIENT = """
import sys
from htcgrid import Grid

if __name__ == "__main__":
    with Grid.open(workers=1) as grid:
        grid.submit("math:sqrt", [4]).results()
"""
#: Becomes the client, which may have only so many descriptors.
LIMITED = """
import os, resource, sys
if limit := int(sys.argv[1]):
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
os.execv(sys.executable, [sys.executable, "client.py"])
"""
NO_WORKER = "import sys\nif 'htcgrid_agent.runtimes.python' in sys.orig_argv: sys.exit('no worker today')"
KILLED = "import os, sys\nif 'htcgrid_agent' in sys.orig_argv: os.kill(os.getpid(), 9)"
#: The descriptors, what each Python begins with, and what is said of it.
CAUSES = {
    "too few descriptors": (
        # Enough for the client, and too few for its agent.
        32,
        "",
        ["there are too few descriptors for it", "ulimit -n", "it is 32 here", "too few descriptors: this process may"],
    ),
    "a worker that ends": (0, NO_WORKER, ["no worker can be started: each was tried 3 times", "no worker today"]),
    "an agent that is killed": (0, KILLED, ["ended 3 times in a row", "(nothing)"]),
}


def ran(folder: Path, *words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, which has its temporary files, too."""
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder)} | variables,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )


@pytest.mark.parametrize("name", CAUSES)
def test_a_client_is_told_the_cause(name: str, tmp_path: Path) -> None:
    limit, site, said = CAUSES[name]
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(site)
    (tmp_path / "client.py").write_text(CLIENT)
    ended = ran(tmp_path, "-c", LIMITED, limit, PYTHONPATH=str(tmp_path / "site"))
    assert ended.returncode == 1
    assert "AgentNotStartedError" in ended.stderr
    for words in said:
        assert words in ended.stderr
    assert not list(tmp_path.glob("htcgrid-*"))


@pytest.mark.parametrize("limit", [12, 13, 14, 15, 16, 17, 18, 20, 22, 24, 26, 28])
def test_too_few_descriptors_are_called_that(limit: int, tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(CLIENT)
    ended = ran(tmp_path, "-c", LIMITED, limit)
    assert ended.returncode == 1
    last = ended.stderr[ended.stderr.rindex("htcgrid.errors.") :]
    assert "descriptors" in last
    assert "ulimit -n" in last


#: Waits for what its agent cannot write.
FULL = """
import os, resource
from htcgrid import Grid

def large(event):
    return "r" * event if event else os.getppid()

if __name__ == "__main__":
    with Grid.open(workers=1) as grid:
        [agent] = grid.submit(large, [0]).results()
        resource.prlimit(agent, resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))
        try:
            grid.submit(large, [1_000_000]).results(timeout=6)
        except TimeoutError as error:
            print(error)
"""


def test_who_waits_while_an_agent_cannot_write_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(FULL)
    ended = ran(tmp_path, "client.py")
    trouble = "the agent of this embedded grid cannot go on, and tries again: "
    assert trouble in ended.stdout, ended.stderr
    assert [line for line in ended.stderr.splitlines() if line.startswith("htcgrid: session ") and trouble in line]
    assert not list(tmp_path.glob("htcgrid-*"))
