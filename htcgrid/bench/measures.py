"""What is measured; each function works on an open grid, with agents that run :mod:`htcgrid.bench.work`."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

from htcgrid.bench.work import ECHO, NAP
from htcgrid.connector import Grid
from htcgrid.model import defaults

#: A payload of 120 bytes as JSON.
PAYLOAD = {"trade": "option", "strike": 8.0, "underlying": 7.0, "volatility": 0.1, "rate": 0.05, "note": "x" * 33}
#: How long any of these may take: seconds.
_PATIENCE = 600.0


class Run(NamedTuple):
    """Tasks that were submitted, run and fetched: seconds from the start of submit."""

    tasks: int
    #: Until all were accepted, and until every result was there.
    submitted: float
    ended: float


class Usage(NamedTuple):
    """How workers spent their time on tasks of one length."""

    #: The length that was asked for: seconds.
    seconds: float
    tasks: int
    #: The share of the workers' time, from submit to the last result, that passed in the tasks themselves.
    share: float
    #: What passed beside them, per task: seconds of one worker.
    overhead: float


def echoes(grid: Grid, count: int, ending: ExitStack, *, pool: str = defaults.POOL) -> Run:
    """Submit tasks that return their payload, and fetch all results; ``ending`` deletes the session."""
    tasks = [PAYLOAD] * count
    began = time.perf_counter()
    session = grid.submit(ECHO, tasks, pool=pool)
    submitted = time.perf_counter() - began
    ending.callback(session.delete)
    results = session.results(timeout=_PATIENCE)
    ended = time.perf_counter() - began
    if results != tasks:
        raise AssertionError("the results are not those of the tasks")
    return Run(count, submitted, ended)


def round_trips(grid: Grid, count: int, ending: ExitStack, *, pool: str = defaults.POOL) -> list[float]:
    """Return the sorted seconds that sessions of one task took, one after the other; ``ending`` deletes them."""
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        session = grid.submit(ECHO, [PAYLOAD], pool=pool)
        ending.callback(session.delete)
        session.results(timeout=_PATIENCE)
        seconds.append(time.perf_counter() - began)
    return sorted(seconds)


def usage(
    grid: Grid, seconds: float, count: int, workers: int, ending: ExitStack, *, pool: str = defaults.POOL
) -> Usage:
    """Run tasks that sleep for so long; return what part of the workers' time that was."""
    began = time.perf_counter()
    session = grid.submit(NAP, [seconds] * count, pool=pool)
    ending.callback(session.delete)
    busy = sum(session.results(timeout=_PATIENCE))
    wall = time.perf_counter() - began
    return Usage(seconds, count, busy / (workers * wall), (workers * wall - busy) / count)


def share(values: Sequence[float], percent: int) -> float:
    """Return the value below which so many percent of sorted ones are."""
    return values[min(len(values) - 1, len(values) * percent // 100)]
