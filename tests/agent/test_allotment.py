"""What workers of a real agent make of the cores that it may use."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from htcgrid import Grid
from htcgrid.agent_process import agent_process
from htcgrid.cores import allotted, usable_cores

#: The variables that a case leaves to the agent.
NAMES = allotted(usable_cores(), None, {}).variables
_LOOK = """
import os

def look(event, context):
    threads = {name: text for name, text in os.environ.items() if name.endswith("_THREADS")}
    return [context.worker.rpartition("/")[2], len(os.sched_getaffinity(0)), threads]
"""


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.endswith("_THREADS") or name == "PYTHON_CPU_COUNT"]:
        monkeypatch.delenv(name)


@pytest.fixture
def handler(tmp_path: Path) -> str:
    file = tmp_path / "threads.py"
    file.write_text(_LOOK)
    return f"{file}:look"


@pytest.fixture
def one_core() -> Iterator[None]:
    """This thread, and the processes that it starts, may use one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


class User(NamedTuple):
    """What somebody set, and what their workers have of it."""

    shell: Mapping[str, str] = MappingProxyType({})
    #: The key ``environment`` of ``[agent]``.
    environment: str = "{}"
    workers: int | None = 1
    expected: Mapping[str, str] = MappingProxyType({})


USERS = {
    "nothing": User(workers=None),
    "workers": User(),
    "in the shell": User({"OMP_NUM_THREADS": "3"}, expected={"OMP_NUM_THREADS": "3"}),
    "in the file": User({}, '{OMP_NUM_THREADS = "4"}', expected={"OMP_NUM_THREADS": "4"}),
    "in both": User({"OMP_NUM_THREADS": "3"}, '{OMP_NUM_THREADS = "4"}', expected={"OMP_NUM_THREADS": "4"}),
    "by a reference": User({"MINE": "5"}, '{OMP_NUM_THREADS = {env = "MINE"}}', expected={"OMP_NUM_THREADS": "5"}),
    "of libraries": User(
        {"MKL_NUM_THREADS": "7"},
        '{NUMBA_NUM_THREADS = "6"}',
        expected={"MKL_NUM_THREADS": "7", "NUMBA_NUM_THREADS": "6"},
    ),
}


def begun(folder: Path) -> dict[str, Any]:
    """Return what the agent of an embedded grid said first."""
    [log] = (folder / "agents").glob("*.log")
    first: dict[str, Any] = json.loads(log.read_text().splitlines()[0])
    return first


@pytest.mark.usefixtures("one_core")
def test_where_a_process_may_use_one_core_its_grid_has_one_worker(tmp_path: Path, handler: str) -> None:
    with Grid.open(folder=tmp_path / "grid") as grid:
        looks = grid.submit(handler, range(20)).results(timeout=60)
    assert all(look == ["0", 1, dict.fromkeys(NAMES, "1")] for look in looks)
    said = begun(tmp_path / "grid")
    assert (said["event"], said["workers"], said["threads"]) == ("agent started", 1, 1)
    assert said["why"] == f"one worker per usable core: {_reason_of_one()}"


def _reason_of_one() -> str:
    """Return why one core is all, as it is told in this thread, whatever machine this is."""
    found = usable_cores()
    assert found.count == 1
    return found.reason


@pytest.mark.usefixtures("one_core")
def test_fewer_cores_do_not_change_how_many_workers_were_asked_for(tmp_path: Path, handler: str) -> None:
    with Grid.open(folder=tmp_path / "grid", workers=2) as grid:
        grid.submit(handler, [0]).results(timeout=60)
    said = begun(tmp_path / "grid")
    assert (said["workers"], said["threads"]) == (2, 1)
    assert said["why"].startswith("workers as set, on ")


@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
def test_workers_share_the_cores_unless_the_user_set_how_many_threads_they_have(
    tmp_path: Path, handler: str, monkeypatch: pytest.MonkeyPatch, user: User
) -> None:
    for name, text in user.shell.items():
        monkeypatch.setenv(name, text)
    config = tmp_path / "grid.toml"
    agent = f"handlers = ['*']\nenvironment = {user.environment}\n"
    config.write_text(f"[state]\nprovider = 'local'\npath = 'state'\n[agent]\n{agent}")
    with Grid.open(config) as grid, agent_process(config, workers=user.workers):
        [[_, _, threads]] = grid.submit(handler, [0]).results(timeout=60)
    shared = dict.fromkeys(NAMES, str(usable_cores().count if user.workers == 1 else 1))
    assert threads == (user.expected if "OMP_NUM_THREADS" in user.expected else {**shared, **user.expected})
