"""Calls of a function that captures 40 MB, beside joblib's in the same run: ``python -m benchmarks.captured``.

Prints the median seconds of 200 calls by ``grid.map`` and by an executor, and their ratio to joblib's, run by run: from
nothing, as a script meets it, and on workers that have begun. Ends with 1 when a median ratio from nothing is above 2.
On workers that have begun joblib is faster with arrays: it puts them into shared memory, by their identity and for the
life of the process, where a grid makes them durable under their digest.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from benchmarks.peers.environment import interpreter
from benchmarks.peers.joblib.capturing import CALLS, KINDS, capturing, expected
from benchmarks.peers.program import said
from htcgrid import Grid

_WORKERS = 2
#: What a median ratio to joblib may be at most.
_TARGET = 2.0


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.captured", description="Compare with joblib.")
    parser.add_argument("--runs", type=int, default=5, help="of each, in turns")
    runs: int = parser.parse_args().runs
    python = interpreter(Path(__file__).parent / "peers" / "joblib")
    # What is warned of is what is measured.
    warnings.filterwarnings("ignore", message=".* with what it captures", category=UserWarning)
    ratios = [_compared(python, kind, start, runs) for kind in KINDS for start in ("cold", "warm")]
    # The first of each kind is from nothing.
    return int(max(ratios[::2]) > _TARGET)


def _compared(python: Path, kind: str, start: str, runs: int) -> float:
    """Print the rows of one kind; return the worst median ratio."""
    peer: list[float] = []
    ours: dict[str, list[float]] = {name: [] for name in _WAYS}
    for _ in range(runs):
        peer.append(_joblib(python, kind, start))
        for name, way in _WAYS.items():
            ours[name].append(_measured(kind, start, way))
    print(f"{kind}, {start}, joblib: {statistics.median(peer):.2f} s", flush=True)
    worst = 0.0
    for name, seconds in ours.items():
        ratios = [mine / theirs for mine, theirs in zip(seconds, peer, strict=True)]
        ratio = statistics.median(ratios)
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        took = statistics.median(seconds)
        print(f"{kind}, {start}, {name}: {took:.2f} s, {ratio:.2f} of joblib's ({spread})", flush=True)
        worst = max(worst, ratio)
    return worst


def _map(grid: Grid, function: Callable[[int], int]) -> list[int]:
    return list(grid.map(function, range(CALLS), codec="pickle"))


def _executor(grid: Grid, function: Callable[[int], int]) -> list[int]:
    with grid.executor(codec="pickle") as executor:
        return [future.result() for future in [executor.submit(function, number) for number in range(CALLS)]]


_WAYS: dict[str, Callable[[Grid, Callable[[int], int]], list[int]]] = {"grid.map": _map, "executor": _executor}


def _measured(kind: str, start: str, way: Callable[[Grid, Callable[[int], int]], list[int]]) -> float:
    """Return the seconds of the calls on a new grid, whose start counts when it is cold."""
    function = capturing(kind)
    began = time.perf_counter()
    with Grid.open(workers=_WORKERS) as grid:
        if start == "warm":
            grid.submit("htcgrid.testing.handlers:echo", range(100)).results(timeout=60)
            began = time.perf_counter()
        found = way(grid, function)
        seconds = time.perf_counter() - began
    assert found == expected(kind)
    return seconds


def _joblib(python: Path, kind: str, start: str) -> float:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        text = said(python, "joblib.measure_captured", [kind, str(_WORKERS), start], Path(folder, "measure.log"))
        return float(json.loads(text.splitlines()[-1])["seconds"])


if __name__ == "__main__":
    sys.exit(main())
