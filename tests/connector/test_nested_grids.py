"""A grid inside a handler of an embedded grid: refused at once when it would be embedded, or the handler's own."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from htcgrid import Grid, TaskError
from htcgrid.agent_process import agent_process
from htcgrid.errors import ConfigError
from htcgrid.nesting import refusal, refuse_embedded
from tests.agent import jobs

EMBEDDED = "an embedded grid cannot be opened inside a handler"
OWN = "a handler cannot wait for tasks of its own grid"
INSTEAD = "return what is to be done next, and submit it from the client"
#: A pool without agents, so that what is waited for never ends.
NOBODY = "nobody"
CODE = "from htcgrid import Grid\nGrid.open()"


def opened(_file: str, folder: str) -> object:
    with Grid.open() as grid:
        return grid.submit(jobs.echo, [1]).results()


def opened_on_a_folder(_file: str, folder: str) -> object:
    with Grid.open(folder=folder) as grid:
        return grid.submit(jobs.echo, [1]).results()


def opened_on_its_own_folder(file: str, _folder: str) -> object:
    with Grid.open(folder=Path(file).parent) as grid:
        return grid.submit(jobs.echo, [1]).results()


def opened_with_workers(_file: str, _folder: str) -> object:
    return Grid.open(workers=1)


def opened_in_a_thread(file: str, folder: str) -> object:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(opened, file, folder).result()


def opened_in_a_process(file: str, folder: str) -> object:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(opened, (file, folder))


def opened_in_a_forked_process(file: str, folder: str) -> object:
    with get_context("fork").Pool(1) as pool:
        return pool.apply(opened, (file, folder))


def opened_in_a_program(_file: str, _folder: str) -> object:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False, timeout=60)
    raise ConfigError(done.stderr)


def results(file: str, _folder: str) -> object:
    with Grid.open(file) as grid:
        return grid.submit(jobs.echo, [1], pool=NOBODY).results()


def results_with_a_timeout(file: str, _folder: str) -> object:
    with Grid.open(file) as grid:
        return grid.submit(jobs.echo, [1], pool=NOBODY).results(timeout=500)


def results_in_a_thread(file: str, folder: str) -> object:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(results, file, folder).result()


def results_in_a_process(file: str, folder: str) -> object:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(results, (file, folder))


def results_of_a_generator(file: str, _folder: str) -> object:
    with Grid.open(file) as grid:
        return grid.submit(jobs.echo, iter([1]), pool=NOBODY).results()


def waited(file: str, _folder: str) -> object:
    with Grid.open(file) as grid:
        return grid.submit(jobs.echo, [1], pool=NOBODY).wait()


def outcomes(file: str, _folder: str) -> object:
    with Grid.open(file) as grid:
        return list(grid.submit(jobs.echo, [1], pool=NOBODY).outcomes())


def a_task(file: str, _folder: str) -> object:
    with Grid.open(file) as grid:
        return grid.submit(jobs.echo, [1], pool=NOBODY).task(0).result()


def a_callback(file: str, _folder: str) -> object:
    with Grid.open(file) as grid:
        return grid.submit(jobs.echo, [1], pool=NOBODY).on_outcome(print).wait()


def mapped(file: str, _folder: str) -> object:
    with Grid.open(file) as grid:
        return list(grid.map(jobs.echo, [1], pool=NOBODY))


def executor(file: str, _folder: str) -> object:
    with Grid.open(file) as grid, grid.executor(pool=NOBODY) as pool:
        return pool.submit(jobs.echo, 1).result()


def executor_map(file: str, _folder: str) -> object:
    with Grid.open(file) as grid, grid.executor(pool=NOBODY) as pool:
        return list(pool.map(jobs.echo, [1]))


def of_the_file_as_a_mapping(file: str, _folder: str) -> object:
    state = {"provider": "local", "path": str(Path(file).parent / "." / "")}
    with Grid.open({"state": state}) as grid:
        return grid.submit(jobs.echo, [1], pool=NOBODY).results()


KINDS: dict[Callable[[str, str], object], str] = {
    opened: EMBEDDED,
    opened_on_a_folder: EMBEDDED,
    opened_on_its_own_folder: EMBEDDED,
    opened_with_workers: EMBEDDED,
    opened_in_a_thread: EMBEDDED,
    opened_in_a_process: EMBEDDED,
    opened_in_a_forked_process: EMBEDDED,
    opened_in_a_program: EMBEDDED,
    results: OWN,
    results_with_a_timeout: OWN,
    results_in_a_thread: OWN,
    results_in_a_process: OWN,
    results_of_a_generator: OWN,
    waited: OWN,
    outcomes: OWN,
    a_task: OWN,
    a_callback: OWN,
    mapped: OWN,
    executor: OWN,
    executor_map: OWN,
    of_the_file_as_a_mapping: OWN,
}


def nested(event: list[str]) -> Any:
    name, *places = event
    return globals()[name](*places)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_grid_inside_a_handler_is_refused_by_an_error_that_says_what_to_do(
    grid: Grid, tmp_path: Path, kind: Callable[[str, str], object]
) -> None:
    assert grid.config is not None
    session = grid.submit(nested, [[kind.__name__, str(grid.config.file), str(tmp_path)]])
    # A deadlock would last.
    with pytest.raises(TaskError, match=KINDS[kind]) as raised:
        session.results(timeout=60)
    assert INSTEAD in str(raised.value)
    # It is no use to try again.
    assert session.task(0).tries == 1


def read_again(event: list[str]) -> Any:
    file, session = event
    with Grid.open(file) as grid:
        return grid.session(session).results()


def submit_more(file: str) -> str:
    with Grid.open(file) as grid:
        return grid.submit(jobs.echo, [5]).id


def test_a_handler_may_read_what_has_ended_on_its_own_grid_and_submit_to_it(grid: Grid) -> None:
    assert grid.config is not None
    first = grid.submit(jobs.echo, [1, 2])
    first.wait(timeout=60)
    file = str(grid.config.file)
    assert grid.submit(read_again, [[file, first.id]]).results(timeout=60) == [[1, 2]]
    (more,) = grid.submit(submit_more, [file]).results(timeout=60)
    assert grid.session(more).results(timeout=60) == [5]


def call_another(file: str) -> Any:
    with Grid.open(file) as grid:
        return grid.submit(jobs.echo, [7]).results(timeout=60)


def test_a_handler_may_wait_for_another_grid_with_agents_of_its_own(grid: Grid, tmp_path: Path) -> None:
    file = tmp_path / "grid.toml"
    file.write_text('[state]\nprovider = "local"\npath = "state"\n[agent]\nhandlers = ["*:*"]\nworkers = 1\n')
    with agent_process(file):
        assert grid.submit(call_another, [str(file)]).results(timeout=60) == [[7]]


UNGUARDED = """
from htcgrid import Grid

def handler(event):
    return event

with Grid.open(workers=1) as grid:
    try:
        print(grid.submit(handler, [1]).results(timeout=60))
    except Exception as error:
        print(error)
"""


def test_a_script_that_opens_a_grid_without_a_guard_is_told(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(UNGUARDED)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=90
    )
    assert "put the code that opens it under 'if __name__ == \"__main__\":'" in done.stdout


def test_a_process_that_no_worker_has_started_is_not_concerned() -> None:
    refuse_embedded()
    assert refusal("any") is None
