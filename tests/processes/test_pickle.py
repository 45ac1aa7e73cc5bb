"""Agents that an operator has started unpickle only when they are told to."""

import functools

import pytest

from htcgrid import Grid
from htcgrid.errors import TaskFailedError
from tests.processes.conftest import Processes


def test_an_agent_refuses_to_unpickle_until_it_is_told_to(processes: Processes) -> None:
    processes.agent()
    with Grid.open(processes.config) as grid, grid.executor(codec="pickle") as executor:
        with pytest.raises(TaskFailedError, match=r"PickleNotAllowed: agent .* set 'pickle = true' in its"):
            executor.submit(int, "5").result(timeout=20)
        # Functions are allowed and refused by their names.
        assert list(grid.map("work:square", [3], ["no context"])) == [9]
        with pytest.raises(TaskFailedError, match="HandlerNotAllowed: handler 'builtins:int' is not allowed"):
            next(grid.map(int, ["5"]))


def test_an_agent_that_may_unpickle_runs_whatever_is_sent(processes: Processes) -> None:
    text = processes.config.read_text()
    processes.config.write_text(f"{text}pickle = true\n")
    processes.agent()
    with Grid.open(processes.config) as grid, grid.executor(codec="pickle") as executor:
        assert executor.submit(functools.partial(int, base=2), "101").result(timeout=20) == 5
        with pytest.raises(TaskFailedError, match="HandlerNotAllowed"):
            next(grid.map("builtins:int", ["5"], codec="pickle"))
