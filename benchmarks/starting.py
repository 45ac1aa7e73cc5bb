"""How long it takes until Python code or a person can begin."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.settings import Settings
from htcgrid.bench.bench import Row

_IMPORT = "import time; began = time.perf_counter(); import htcgrid; print(time.perf_counter() - began)"


def rows(settings: Settings) -> Iterator[Row]:
    """Yield the milliseconds of an import, and of a command that only helps; the first of each is not counted."""
    _imported(), _helped()
    yield Row("import of htcgrid", "ms", [1000 * _imported() for _ in range(settings.of(10) * settings.runs)])
    yield Row("htcgrid --help", "ms", [1000 * _helped() for _ in range(settings.of(10) * settings.runs)])


def _imported() -> float:
    return float(subprocess.run([sys.executable, "-c", _IMPORT], check=True, capture_output=True).stdout)


def _helped() -> float:
    began = time.perf_counter()
    subprocess.run([Path(sys.executable).parent / "htcgrid", "--help"], check=True, capture_output=True)
    return time.perf_counter() - began
