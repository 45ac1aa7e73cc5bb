"""One session of very many tasks: whether it is as fast as a short one, and what its client and its agent hold."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks import measures
from benchmarks.grids import opened
from benchmarks.settings import Settings
from htcgrid.bench.bench import Row

_TASKS = 1_000_000


def rows(kind: str, workers: int, settings: Settings) -> Iterator[Row]:
    """Yield the rate beside that of 10,000 tasks on the same grid, and the memory of both processes."""
    found = [_apart(kind, workers, settings.of(_TASKS)) for _ in range(settings.runs)]
    named = f"{_TASKS:,} tasks in one session"
    yield Row(named, "tasks/s", [run[0] for run in found])
    yield Row(f"{named}: of the rate of 10,000", "%", [100 * run[0] / run[1] for run in found])
    yield Row(f"{named}: client", "MB", [run[2] for run in found])
    yield Row(f"{named}: agent without workers", "MB", [run[3] for run in found])


def _apart(kind: str, workers: int, tasks: int) -> tuple[float, float, float, float]:
    """Measure in a new process, which holds nothing but the client."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_run, kind, workers, tasks).result()


def _run(kind: str, workers: int, tasks: int) -> tuple[float, float, float, float]:
    with opened(kind, workers) as on:
        measures.end_to_end(on.grid, 1000)
        short = [measures.end_to_end(on.grid, 10_000) for _ in range(3)]
        began = time.perf_counter()
        # As whoever has so many would: a generator in, outcomes as they come, and none of them kept.
        session = on.grid.submit(measures.ECHO, measures.payloads(tasks))
        ended = sum(outcome.succeeded for outcome in session.outcomes(timeout=1200))
        rate = tasks / (time.perf_counter() - began)
        assert ended == tasks
        return rate, sorted(short)[1], measures.memory(os.getpid()), measures.memory(on.agent)
