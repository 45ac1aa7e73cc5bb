"""Measure grids on this machine, and hold the numbers against their floors.

``python -m benchmarks [--grid NAME] [--json FILE] [--million N] [--runs N]``. Each number is a median of several runs.
"""

import argparse
import json
import os
import platform
import statistics
import sys
from pathlib import Path

from benchmarks import measures
from benchmarks.grids import GRIDS, Measured
from htcgrid.bench.measures import share

#: What a two-core machine has to reach, by name: (unit, floor or ceiling, whether more is better).
FLOORS = {
    "end to end, 10,000 tasks": ("tasks/s", 20_000.0, True),
    "submission, 100,000 tasks": ("tasks/s", 80_000.0, True),
    "round trip of one task, p50": ("ms", 3.0, False),
    "agent without its workers, 1,000,000 tasks": ("MB", 200.0, False),
    "idle agent and workers": ("% of a core", 1.0, False),
}
WORKERS = 2


def main() -> int:
    """Print the table; return 1 when a floor is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure grids.")
    parser.add_argument("--grid", choices=GRIDS, action="append", help="a grid to measure; local when left out")
    parser.add_argument("--runs", type=int, default=5, help="runs of which the median counts")
    parser.add_argument(
        "--million", type=int, default=1_000_000, help="tasks of the largest session; 0 to leave it out"
    )
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {WORKERS} workers")
    missed, found = 0, {}
    for kind in options.grid or ["local"]:
        with GRIDS[kind](WORKERS) as grid:
            found[kind] = measured(grid, options.runs, options.million)
        print(f"\n{kind}")
        missed += shown(found[kind])
    if options.json:
        options.json.write_text(
            json.dumps(
                {
                    kind: {name: {"unit": unit, "runs": values} for name, (values, unit) in rows.items()}
                    for kind, rows in found.items()
                }
            )
        )
    return int(missed > 0)


def shown(rows: dict[str, tuple[list[float], str]]) -> int:
    """Print rows; return how many floors are missed."""
    missed = 0
    for name, (values, unit) in rows.items():
        _, limit, more = FLOORS.get(name, ("", None, True))
        median = statistics.median(values)
        held = limit is None or (median >= limit if more else median <= limit)
        missed += not held
        bound = "" if limit is None else f"{'≥' if more else '≤'} {limit:,.0f}  {'ok' if held else 'MISSED'}"
        print(f"{name:46} {median:12,.2f} {unit:8} (min {min(values):,.2f}, max {max(values):,.2f})  {bound}")
    return missed


def measured(on: Measured, runs: int, million: int) -> dict[str, tuple[list[float], str]]:
    """Return, by name, the numbers of the runs and their unit."""
    rows: dict[str, tuple[list[float], str]] = {}
    grid = on.grid
    rows["durable write of 4 KB (fsync), p50"] = ([measures.durable_write(on.folder) * 1000], "ms")
    rows["idle agent and workers"] = ([measures.idle(on.agent)], "% of a core")
    measures.end_to_end(grid, 1000)
    rows["end to end, 10,000 tasks"] = ([measures.end_to_end(grid, 10_000) for _ in range(runs)], "tasks/s")
    rows["end to end, 100,000 tasks"] = ([measures.end_to_end(grid, 100_000) for _ in range(runs)], "tasks/s")
    rows["submission, 100,000 tasks"] = ([measures.submission(grid, 100_000) for _ in range(runs)], "tasks/s")
    trips = [measures.round_trips(grid, 200) for _ in range(runs)]
    for percent in (50, 99):
        rows[f"round trip of one task, p{percent}"] = ([1000 * share(run, percent) for run in trips], "ms")
    rows["map, 100,000 calls"] = ([measures.mapped(grid, 100_000) for _ in range(runs)], "calls/s")
    for codec in ("json", "pickle"):
        found = [measures.calls(grid, 20_000, codec) for _ in range(runs)]
        rows[f"executor, {codec}: submit alone"] = ([submitted for submitted, _ in found], "calls/s")
        rows[f"executor, {codec}: 20,000 calls"] = ([ended for _, ended in found], "calls/s")
        trips = [measures.call_round_trips(grid, 200, codec) for _ in range(runs)]
        rows[f"executor, {codec}: round trip of one call, p50"] = ([1000 * share(run, 50) for run in trips], "ms")
    if million:
        rows[f"end to end, {million:,} tasks"] = ([measures.end_to_end(grid, million)], "tasks/s")
        rows[f"agent without its workers, {million:,} tasks"] = ([measures.memory(on.agent)], "MB")
    return rows


if __name__ == "__main__":
    sys.exit(main())
