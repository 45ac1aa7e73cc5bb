"""The machine's clock is set back and forward an hour while a grid works."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from htcgrid import Grid, RetryPolicy
from tests.processes.conftest import Processes, until

LONG = 60.0
#: Python runs it before anything else: what a process takes for the time of day is off by what a file says.
_SHIFT = """
import time
from pathlib import Path

_FILE = Path(__file__).with_name("offset")
_time = time.time


def _shifted():
    return _time() + float(_FILE.read_text())


time.time = _shifted
"""


@pytest.fixture
def offset(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with what the clock of all agents is off: seconds."""
    site = processes.folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(_SHIFT)
    file = site / "offset"
    file.write_text("0")
    path = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", str(site) if path is None else f"{site}{os.pathsep}{path}")
    return file


def set_to(file: Path, seconds: float) -> None:
    """Set the agents' clock."""
    new = file.with_suffix(".new")
    new.write_text(str(seconds))
    new.replace(file)


@pytest.mark.parametrize("apart", [False, True], ids=["one-file", "queue-apart"])
@pytest.mark.parametrize("jumps", [(3600.0, 0.0), (-3600.0, 0.0), (3600.0, -3600.0)])
def test_a_clock_that_is_set_costs_neither_a_task_nor_an_hour(
    processes: Processes, offset: Path, jumps: tuple[float, ...], apart: bool
) -> None:
    processes.configure(apart=apart)
    agents = [processes.agent(), processes.agent()]
    retry = RetryPolicy(tries=3, backoff=timedelta(seconds=1))
    with Grid.open(processes.config) as grid:
        # Some wait for another try, some run, and some wait for an agent, when the clock is set.
        failing = grid.submit("work:quote", [{"does": "raise", "secret": ""}] * 5, retry=retry)
        session = grid.submit("work:square", range(400), retry=retry)
        for number, seconds in enumerate(jumps, start=1):
            until(lambda number=number: session.status().succeeded >= 100 * number)  # type: ignore[misc]
            set_to(offset, seconds)
        assert session.results(timeout=LONG) == [n * n for n in range(400)]
        status = failing.wait(timeout=LONG)
        assert (status.failed, {outcome.tries for outcome in failing.outcomes()}) == (5, {3})
        late = grid.submit("work:square", range(20))
        assert late.results(timeout=LONG) == [n * n for n in range(20)]
        # The clock was really set.
        assert all(abs(outcome.began - time.time() - jumps[-1]) < LONG for outcome in late.outcomes())
    assert all(agent.poll() is None for agent in agents)
