"""Tasks of very different lengths: how near a session comes to the shortest time in which it can end."""

import random
import time
from collections.abc import Iterator

from benchmarks.grids import Measured
from benchmarks.settings import Settings
from htcgrid.bench.bench import Row
from htcgrid.bench.work import NAP


def log_normal(seed: int) -> list[float]:
    """Return lengths in seconds whose logarithms have a standard deviation of 2: a few are most of the work."""
    source = random.Random(seed)
    return [0.002 * source.lognormvariate(0.0, 2.0) for _ in range(1000)]


def one_in_hundred(seed: int) -> list[float]:
    """Return lengths in seconds of which one in a hundred is a hundred times the others."""
    source = random.Random(seed)
    return [0.5 if number % 100 == 0 else 0.005 for number in source.sample(range(2000), 2000)]


def rows(on: Measured, settings: Settings) -> Iterator[Row]:
    """Yield the time of a session, divided by the larger of the longest task and the work of one worker.

    What tasks took they measure themselves: a sleep is a little longer than it was to be.
    """
    for name, lengths in (("log-normal, sigma 2", log_normal), ("1 % a hundred times longer", one_in_hundred)):
        sessions = [lengths(seed) for seed in range(settings.runs)]
        values = [_stretch(on, session[: settings.of(len(session))]) for session in sessions]
        yield Row(f"uneven tasks, {name}: makespan", "of least", values)


def _stretch(on: Measured, lengths: list[float]) -> float:
    began = time.perf_counter()
    took: list[float] = on.grid.submit(NAP, lengths).results(timeout=600)
    wall = time.perf_counter() - began
    longest, share = max(took), sum(took) / on.workers
    return wall / max(longest, share)
