"""How long it takes until Python code or a person can begin."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.settings import Settings
from htcgrid import Grid
from htcgrid.bench.bench import Row

_IMPORT = "import time; began = time.perf_counter(); import htcgrid; print(time.perf_counter() - began)"


def rows(settings: Settings) -> Iterator[Row]:
    """Yield the milliseconds of an import, of a command that only helps, and of an embedded grid's first task and end.

    The first of each is not counted.
    """
    _imported(), _helped(), _first_task()
    yield Row("import of htcgrid", "ms", [1000 * _imported() for _ in range(settings.of(10) * settings.runs)])
    yield Row("htcgrid --help", "ms", [1000 * _helped() for _ in range(settings.of(10) * settings.runs)])
    times = [_first_task() for _ in range(settings.of(10) * settings.runs)]
    yield Row("Grid.open to the first result", "ms", [1000 * first for first, _ in times])
    yield Row("close of an embedded grid", "ms", [1000 * end for _, end in times])


def _imported() -> float:
    return float(subprocess.run([sys.executable, "-c", _IMPORT], check=True, capture_output=True).stdout)


def _helped() -> float:
    began = time.perf_counter()
    subprocess.run([Path(sys.executable).parent / "htcgrid", "--help"], check=True, capture_output=True)
    return time.perf_counter() - began


def _first_task() -> tuple[float, float]:
    """Return how long it takes from opening an embedded grid to a first result, and to close it: seconds."""
    began = time.perf_counter()
    with Grid.open(workers=1) as grid:
        grid.submit("math:sqrt", [4]).results(timeout=60)
        first = time.perf_counter()
    return first - began, time.perf_counter() - first
