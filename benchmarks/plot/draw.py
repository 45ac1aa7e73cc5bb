"""Draw a comparison: ``draw.py NUMBERS.json CHART.svg``, by the Python of an environment that has matplotlib.

The same numbers give the same file, byte for byte.
"""

import json
import statistics
import sys
import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_OURS, _PEERS, _LOOP = "#0b6e99", "#9aa5ad", "#d8dde0"
_LOOP_NAME = "JSON loop, no grid"


def main() -> None:
    """Write the chart."""
    numbers, chart = map(Path, sys.argv[1:])
    facts = json.loads(numbers.read_text())
    # Text stays text, in the reader's own font; ids are the same each time.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "htcgrid", "font.family": "sans-serif"})
    rates = _rates(facts)
    names = sorted(rates, key=lambda name: statistics.median(rates[name]))
    # As wide as a phone, whose reader can still read it.
    figure = Figure(figsize=(5.2, 1.2 + 0.36 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    for row, name in enumerate(names):
        middle, least, most = statistics.median(rates[name]), min(rates[name]), max(rates[name])
        axes.barh(row, middle, height=0.68, color=_colour(name))
        axes.plot([least, most], [row, row], color="#333333", linewidth=1.2)
        axes.text(most * 1.08, row, f"{middle:,.0f}", va="center", fontsize=10)
    every = [rate for found in rates.values() for rate in found]
    axes.set_xscale("log")
    axes.set_xlim(min(100, *every) / 1.2, max(every) * 8)
    _dress(axes, names, facts["machine"])
    figure.savefig(chart, format="svg", metadata={"Date": None, "Creator": None})


def _rates(facts: dict[str, Any]) -> dict[str, list[float]]:
    """Return the tasks per second of all runs, by name."""
    rates: dict[str, list[float]] = {_LOOP_NAME: []}
    for run in facts["runs"]:
        rates[_LOOP_NAME].append(run["json_loop"])
        for name, found in run["measurements"].items():
            rates.setdefault(name, []).append(found["tasks"] / found["bulk"])
    return rates


def _colour(name: str) -> str:
    if name == _LOOP_NAME:
        return _LOOP
    return _OURS if name.startswith("htcgrid") else _PEERS


def _dress(axes: Axes, names: list[str], machine: str) -> None:
    axes.set_yticks(range(len(names)), names)
    under = "tasks per second, logarithmic; bars: medians, lines: least to most"
    axes.set_xlabel(textwrap.fill(f"{under}; {machine}", 48), fontsize=9)
    title = "Echo tasks of 120 bytes, two workers, one client that fetches every result"
    axes.set_title(textwrap.fill(title, 44), fontsize=10, loc="left")
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


if __name__ == "__main__":
    main()
