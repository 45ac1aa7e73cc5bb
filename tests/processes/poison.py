"""One bad task in a hundred, of every kind, and what it costs the others: ``python -m tests.processes.poison``."""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random

import msgspec

from htcgrid import Grid, RetryPolicy
from htcgrid.config import read_config
from htcgrid.model import Pool, defaults

KINDS = ("segfault", "exit", "memory", "hang", "agent")
AGENTS, WORKERS = 2, 2
#: A try is ended after so many seconds; a task that fails is tried so often, with a pause.
TIMEOUT = 1.0
RETRY = RetryPolicy(tries=2, backoff=timedelta(seconds=0.1))
PATIENCE = 3600.0
#: How long a worker, and an agent with its workers, are not there until another has started, at most: seconds.
_WORKER, _AGENT = 0.5, 3.0
_WORK = """
import ctypes
import os
import signal
import time


def work(event, context):
    kind, seconds = event
    match kind:
        case "segfault":
            ctypes.string_at(0)
        case "exit":
            os._exit(3)
        case "memory":
            return len(b"x" * 10**10)
        case "hang":
            time.sleep(1e6)
        case "agent":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(10)
    time.sleep(seconds)
    return kind
"""
_TOML = f"""
[state]
provider = "local"
path = "state"

[compute]
provider = "local"
path = "state"
lifeline = true
grace = 0

[agent]
handlers = ["work:*"]
path = ["."]
workers = {WORKERS}
memory_megabytes = 1000
"""


@contextmanager
def kept_grid(folder: Path) -> Iterator[Grid]:
    """Yield a grid in whose agents' places others are started."""
    (folder / "work.py").write_text(_WORK)
    (folder / "grid.toml").write_text(_TOML)
    over = threading.Event()
    with closing(read_config(folder / "grid.toml").open_compute()) as compute:
        compute.apply(Pool(name=defaults.POOL))

        def keep() -> None:
            while not over.is_set():
                compute.scale(defaults.POOL, AGENTS)
                over.wait(0.2)

        keeper = threading.Thread(target=keep)
        keeper.start()
        try:
            with Grid.open(folder / "grid.toml") as grid:
                yield grid
        finally:
            over.set()
            keeper.join()


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What bad tasks cost; times in seconds."""

    #: When the last healthy task had ended, with and without bad ones.
    healthy: float
    without: float
    bad: int
    #: Agents that were started.
    agents: int
    #: What the bad tasks kept the grid's workers from, shared among all of them.
    took: float


def run(folder: Path, *, tasks: int, seconds: float, seed: int) -> Cost:
    """Run so many tasks twice, the second time with one bad task for each hundred.

    Raises:
        AssertionError: a healthy task failed, or a bad one did not.
    """
    bad = Random(seed).sample(range(tasks), tasks // 100)
    kinds = ["well"] * tasks
    for place, index in enumerate(bad):
        kinds[index] = KINDS[place % len(KINDS)]
    with kept_grid(folder) as grid:
        # When its workers have started.
        grid.submit("work:work", [("well", 0.2)] * AGENTS * WORKERS * 5).results(timeout=PATIENCE)
        before = len(list(grid.agents()))
        without, _ = _ended(grid, [(kind, seconds) for kind in kinds if kind == "well"])
        healthy, tries = _ended(grid, [(kind, seconds) for kind in kinds])
        lost = len(list(grid.agents())) - before
    each = {"hang": TIMEOUT}
    took = sum(count * (each.get(kind, seconds) + _WORKER) for kind, count in tries.items() if kind != "agent")
    # While an agent that is to be lost has its workers do nothing else, they wait for what the others run.
    took += lost * WORKERS * (_AGENT + 2 * seconds)
    return Cost(
        healthy=round(healthy, 1),
        without=round(without, 1),
        bad=len(bad),
        agents=lost,
        took=round(took / AGENTS / WORKERS, 1),
    )


def _ended(grid: Grid, events: list[tuple[str, float]]) -> tuple[float, dict[str, int]]:
    """Run tasks; return how long it took until all healthy ones had ended, and how often each bad kind was tried."""
    began, ended, tries = time.monotonic(), 0.0, dict.fromkeys(KINDS, 0)
    session = grid.submit("work:work", events, timeout=TIMEOUT, retry=RETRY)
    for outcome in session.outcomes(timeout=PATIENCE):
        kind, _ = events[outcome.index]
        assert outcome.succeeded is (kind == "well"), outcome
        if outcome.succeeded:
            ended = time.monotonic() - began
        else:
            tries[kind] += outcome.tries
    return ended, tries


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.processes.poison", description=__doc__)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=0.1, help="how long a healthy task takes")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="htcgrid-poison-") as folder:
        cost = run(Path(folder), tasks=options.tasks, seconds=options.seconds, seed=options.seed)
    sys.stdout.write(
        f"{options.tasks - cost.bad:,} healthy tasks ended in {cost.without} s, and beside {cost.bad} bad ones, which "
        f"all failed and cost {cost.agents} agents, in {cost.healthy} s; those kept the workers for {cost.took} s\n"
    )
    return int(cost.healthy > cost.without + cost.took)


if __name__ == "__main__":
    sys.exit(main())
