"""How soon outcomes are seen after their tasks have ended."""

import time
from collections.abc import Iterator

from benchmarks.grids import Measured
from benchmarks.settings import Settings
from htcgrid.bench.bench import Row
from htcgrid.bench.work import NAP


def rows(on: Measured, settings: Settings) -> Iterator[Row]:
    """Yield the time from the end of a task of 100 ms until its client has the outcome, by the machine's clock."""
    streams = [_delays(on, settings.of(20) * on.workers) for _ in range(settings.runs)]
    yield Row("stream of 100 ms tasks: first outcome after its task", "ms", [1000 * delays[0] for delays in streams])
    yield Row("stream of 100 ms tasks: latest after its task", "ms", [1000 * max(delays) for delays in streams])
    yield Row(
        "lone task of 100 ms: outcome after it",
        "ms",
        [1000 * _delays(on, 1)[0] for _ in range(settings.of(10) * settings.runs)],
    )


def _delays(on: Measured, count: int) -> list[float]:
    outcomes = on.grid.submit(NAP, [0.1] * count).outcomes(timeout=600)
    return [time.time() - outcome.began - outcome.microseconds / 1e6 for outcome in outcomes]
