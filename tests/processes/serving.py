"""Agents of a grid as users run them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from htcgrid.config import read_config
from htcgrid.interfaces import StateStore
from tests.cli.conftest import PATIENCE, until


@contextmanager
def serving(file: Path, *, agents: int) -> Iterator[None]:
    """Run agents of the grid of a file, which have reported when the block begins; none may end by itself."""
    with ExitStack() as stack:
        processes = [_started(stack, file, number) for number in range(agents)]
        state = read_config(file).open_state()
        stack.callback(state.close)
        until(lambda: _reported(state) == agents)
        yield
        assert [process.poll() for process in processes] == [None] * agents


def _started(stack: ExitStack, file: Path, number: int) -> subprocess.Popen[bytes]:
    log = stack.enter_context((file.parent / f"agent-{number}.log").open("wb"))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "htcgrid.cli", "agent", "--config", file, "--log", "json"], stderr=log
    )

    def end() -> None:
        process.terminate()
        process.wait(PATIENCE)

    stack.callback(end)
    return process


def _reported(state: StateStore) -> int:
    return sum(agent.alive for agent in state.agents().agents)
