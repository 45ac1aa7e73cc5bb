"""What is made of the runs: medians, their spread, ratios, and the table."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from htcgrid.bench.measures import share

#: The one that the fastest peer is compared with.
OURS = "htcgrid, local"
JSON_LOOP = "JSON loop"


class Measurement(NamedTuple):
    """What one run found out about one grid."""

    version: str
    tasks: int
    #: From the start of submit to the last result: seconds.
    bulk: float
    #: Round trips of one task, one after the other: seconds.
    trips: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Tasks per second."""
        return self.tasks / self.bulk

    def percentile(self, percent: int) -> float:
        """Return the milliseconds that so many of a hundred round trips did not exceed."""
        return 1000 * share(sorted(self.trips), percent)


class Spread(NamedTuple):
    """The median of some runs, and their extremes."""

    median: float
    least: float
    most: float

    def shown(self, digits: int) -> str:
        """Return it as ``median (least–most)``."""
        middle, least, most = (f"{number:,.{digits}f}" for number in self)
        return f"{middle} ({least}–{most})"


def spread(numbers: Iterable[float]) -> Spread:
    """Return the median of numbers, the least and the most of them."""
    found = list(numbers)
    return Spread(statistics.median(found), min(found), max(found))


class Run(NamedTuple):
    """One run of everything, in alternation with the other runs."""

    measurements: Mapping[str, Measurement]
    #: Tasks per second of processes that only decode, call and encode.
    json_loop: float


def measurements(runs: Sequence[Run], name: str) -> list[Measurement]:
    """Return what the runs found out about one grid; less than there are runs, if some failed."""
    return [run.measurements[name] for run in runs if name in run.measurements]


def ratio_to_fastest(runs: Sequence[Run], peers: Sequence[str]) -> tuple[str, Spread] | None:
    """Return the peer with the best median, and how many times as many tasks ours does, each run by itself.

    None if no peer has been measured, or ours has not.
    """
    medians = {name: spread(one.rate for one in found).median for name in peers if (found := measurements(runs, name))}
    if not medians:
        return None
    fastest = max(medians, key=medians.__getitem__)
    ratios = [
        run.measurements[OURS].rate / run.measurements[fastest].rate
        for run in runs
        if OURS in run.measurements and fastest in run.measurements
    ]
    return (fastest, spread(ratios)) if ratios else None


def share_of_json_loop(runs: Sequence[Run], name: str) -> Spread:
    """Return the share of the JSON loop that a grid reaches, each run by itself."""
    return spread(run.measurements[name].rate / run.json_loop for run in runs if name in run.measurements)


def table(runs: Sequence[Run], names: Sequence[str]) -> list[str]:
    """Return a Markdown table, a row for each that has been measured: medians (least–most)."""
    titles = (
        "",
        "version",
        "tasks/s",
        "round trip p50, ms",
        "round trip p99, ms",
        "tasks in a bulk",
        "of the JSON loop",
    )
    rows = [f"| {' | '.join(titles)} |", "|---|---|--:|--:|--:|--:|--:|"]
    rows += [_row(runs, name, found) for name in names if (found := measurements(runs, name))]
    loop = spread(run.json_loop for run in runs).shown(0)
    return [*rows, f"| {JSON_LOOP} | | {loop} | | | | 100 % |"]


def _row(runs: Sequence[Run], name: str, found: Sequence[Measurement]) -> str:
    cells = (
        name,
        found[0].version,
        spread(one.rate for one in found).shown(0),
        spread(one.percentile(50) for one in found).shown(2),
        spread(one.percentile(99) for one in found).shown(2),
        f"{found[0].tasks:,}",
        f"{100 * share_of_json_loop(runs, name).median:.2g} %",
    )
    return f"| {' | '.join(cells)} |"
