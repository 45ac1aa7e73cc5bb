"""Agents that a command starts end with it, however it ends, also while a process that it has forked lives on."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connector.programs import Program, runs, until

PROGRAM = """
import multiprocessing, os, sys, time
from pathlib import Path

from htcgrid.agent_process import agent_process
from htcgrid.drill.crew import Crew
from htcgrid.drill.plan import Plan

STARTS, THEN = sys.argv[1:]
Path("grid.toml").write_text(
    '[state]\\nprovider = "local"\\npath = "state"\\n[agent]\\nworkers = 1\\nhandlers = ["*"]\\n'
)

def hold(pid):
    if THEN == "forks":
        multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,)).start()
    print(pid, flush=True)
    if THEN == "becomes another":
        os.execvp("sleep", ["sleep", "600"])
    time.sleep(600)

if STARTS == "agent_process":
    with agent_process(Path("grid.toml"), workers=1) as pid:
        hold(pid)
else:
    plan = Plan(tasks=1, seconds=60.0, strikes=(), agents=1, workers=1, pool="default")
    crew = Crew(plan, Path("grid.toml"), Path())
    crew.fill()
    hold(crew.agents[0].process.pid)
"""


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[list[Program]]:
    started: list[Program] = []
    yield started
    for program in started:
        program.kill()


@pytest.mark.parametrize("then", ["waits", "forks", "becomes another"])
@pytest.mark.parametrize("starts", ["agent_process", "crew"])
def test_an_agent_ends_with_the_command_that_started_it(
    tmp_path: Path, programs: list[Program], starts: str, then: str
) -> None:
    programs.append(Program(tmp_path, PROGRAM, starts, then))
    agent = int(programs[0].line())
    if then != "becomes another":
        assert runs(agent)
        os.kill(programs[0].process.pid, signal.SIGKILL)
    until(lambda: not runs(agent))
