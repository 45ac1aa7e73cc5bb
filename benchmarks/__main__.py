"""Measure grids on this machine, and hold the numbers against their targets.

``python -m benchmarks [--grid NAME] [--only GROUP] [--long] [--runs N] [--share S] [--json FILE]``. Each number is a
median of several runs. ``--long`` adds what takes many minutes.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks import basics, blobs, crowd, history, largest, machine, starting, steps, stream, uneven, urgent
from benchmarks.grids import GRIDS, Measured, opened
from benchmarks.settings import Settings
from benchmarks.targets import TARGETS
from htcgrid.bench.bench import Row

WORKERS = 2


#: What is measured of a grid that is open, by name.
GROUPS: dict[str, Callable[[Measured, Settings], Iterator[Row]]] = {
    "rates": basics.rates,
    "trips": basics.trips,
    "calls": basics.calls,
    "lengths": basics.lengths,
    "idle": basics.idle,
    "uneven": uneven.rows,
    "stream": stream.rows,
    "crowd": crowd.rows,
    "urgent": urgent.rows,
    "steps": steps.rows,
    # What it leaves to write to the disk is not to stand in the way of others.
    "payloads": blobs.rows,
}
#: What is measured of a grid of its own.
APART: dict[str, Callable[[str, int, Settings], Iterator[Row]]] = {"largest": largest.rows, "history": history.rows}
#: What is measured of no grid.
ALONE: dict[str, Callable[[Settings], Iterator[Row]]] = {"starting": starting.rows}
#: Left out unless they are asked for.
LONG = ("history",)


def main() -> int:
    """Print the table, and what reaches its target."""
    options = _options()
    names = options.only or [name for name in (*ALONE, *GROUPS, *APART) if options.long or name not in LONG]
    settings = Settings(options.runs, options.share)
    print(
        f"{machine.described()}. {WORKERS} workers, medians of up to {options.runs} runs (lowest to highest).",
        flush=True,
    )
    found = []
    for kind in options.grid or ["local"]:
        print(f"\n{kind}")
        for row in measured(kind, names, settings):
            found.append((kind, row))
            print(line(kind, row), flush=True)
    left = [name for kind, name in TARGETS if (kind, name) not in {(kind, row.name) for kind, row in found}]
    if left and not options.only:
        print(f"\nnot measured: {'; '.join(left)}")
    if options.json:
        facts = [{"grid": kind, **row._asdict()} for kind, row in found]
        options.json.write_text(json.dumps({"machine": machine.described(), "measures": facts}))
    return 0


def measured(kind: str, names: list[str], settings: Settings) -> Iterator[Row]:
    """Yield the measures of these groups, each once it is known."""
    with ExitStack() as stack:
        on: Measured | None = None
        for name in names:
            if name in GROUPS:
                on = on or stack.enter_context(opened(kind, WORKERS))
                yield from GROUPS[name](on, settings)
    for name in names:
        if name in APART:
            yield from APART[name](kind, WORKERS, settings)
        elif name in ALONE:
            yield from ALONE[name](settings)


def line(kind: str, row: Row) -> str:
    """Return a line that says what was measured, and whether that is what it was to be."""
    median = statistics.median(row.values)
    spread = f"({_number(min(row.values))} to {_number(max(row.values))})" if len(row.values) > 1 else ""
    target = TARGETS.get((kind, row.name))
    bound = "" if target is None else f"{target}  {'MISSED' if missed(kind, row) else 'ok'}"
    return f"{row.name:<62} {_number(median):>9} {row.unit:<11} {spread:<22} {bound}".rstrip()


def missed(kind: str, row: Row) -> bool:
    """Return whether a measure has a target and did not reach it."""
    target = TARGETS.get((kind, row.name))
    return target is not None and not target.holds(statistics.median(row.values))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.3g}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure grids.")
    parser.add_argument("--grid", choices=GRIDS, action="append", help="a grid to measure; local when left out")
    parser.add_argument("--only", choices=(*ALONE, *GROUPS, *APART), action="append", help="a group of measures")
    parser.add_argument("--long", action="store_true", help="also what takes many minutes")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median counts")
    parser.add_argument("--share", type=float, default=1.0, help="do only that much of each, to see that it works")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
