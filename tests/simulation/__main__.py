"""Runs the simulation of many seeds, or shows that of one: ``python -m tests.simulation --help``."""

import argparse
import sys
import time
from collections import Counter

from rich.console import Console
from rich.table import Table

from htcgrid.model import TaskState
from tests.simulation.faults import Fault, Site
from tests.simulation.many import quietly, simulated
from tests.simulation.simulation import Report, simulate
from tests.simulation.sites import call_sites, unreached

#: Seeds from which on a fault is to have befallen every call site.
_ENOUGH = 5000


class Totals:
    """What many runs come to."""

    def __init__(self) -> None:
        self.seeds = 0
        self.tasks = Counter[TaskState]()
        self.faults = Counter[Fault]()
        self.calls = Counter[Site]()
        self.faulted = Counter[Site]()
        self.virtual = 0.0
        self.wrong: list[Report] = []

    def add(self, report: Report) -> None:
        """Add a run."""
        self.seeds += 1
        self.tasks += Counter(report.tasks)
        self.faults += Counter(report.faults)
        self.calls += Counter(report.calls)
        self.faulted += Counter(report.faulted)
        self.virtual += report.seconds
        if report.wrong:
            self.wrong.append(report)

    @property
    def missing(self) -> list[Site]:
        """Call sites that no fault befell."""
        return unreached(set(self.faulted))

    @property
    def good(self) -> bool:
        """Whether every promise was kept, and, by enough seeds for that, everything was tried."""
        return not self.wrong and (not self.missing or self.seeds < _ENOUGH)


def show(totals: Totals, console: Console, seconds: float) -> None:
    """Print what many runs come to."""
    faults = Table("fault", "times", title=f"{totals.faults.total():,} faults of {len(totals.faults)} kinds")
    for fault, count in totals.faults.most_common():
        faults.add_row(str(fault), f"{count:,}")
    console.print(faults)
    sites = Table("call site", "calls", "faults", title=f"{len(call_sites())} call sites")
    for site, last in sorted(call_sites().items()):
        lines = [place for place in totals.calls if place.file == site.file and site.line <= place.line <= last]
        calls, faulted = (sum(counts[place] for place in lines) for counts in (totals.calls, totals.faulted))
        sites.add_row(f"{site.file}:{site.line}", f"{calls:,}", f"{faulted:,}" if faulted else "[red]none")
    console.print(sites)
    ended = ", ".join(f"{count:,} {state.lower()}" for state, count in sorted(totals.tasks.items()))
    console.print(f"{totals.seeds:,} seeds in {seconds:.0f} s: {totals.tasks.total():,} tasks, of which {ended}")
    for report in totals.wrong:
        console.print(f"python -m tests.simulation --seed {report.seed}: [red]{report.wrong}[/]", highlight=False)
    if totals.missing:
        console.print("[red]no fault befell[/] " + ", ".join(f"{site.file}:{site.line}" for site in totals.missing))
    console.print("every promise was kept" if not totals.wrong else f"[red]{len(totals.wrong)} seeds broke a promise")


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=sys.modules[__name__].__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to simulate")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--processes", type=int, help="in how many processes; one for each usable core without this")
    parser.add_argument("--seed", type=int, help="simulate this one, and print everything that happens")
    parser.add_argument("--about", default="", help="with --seed: only what has this word, as a session or an agent")
    options = parser.parse_args()
    console = Console()
    if options.seed is not None:
        quietly()
        report = simulate(options.seed, keep=None)
        for line in report.trace:
            if options.about in line:
                sys.stdout.write(f"{line}\n")
        sys.stdout.write(f"{report.digest}\n{report.wrong or 'every promise was kept'}\n")
        return 1 if report.wrong else 0
    began, totals = time.monotonic(), Totals()
    for report in simulated(range(options.first, options.first + options.seeds), options.processes):
        totals.add(report)
        if report.wrong:
            console.print(f"[red]seed {report.seed}[/]: {report.wrong}", highlight=False)
    show(totals, console, time.monotonic() - began)
    return 0 if totals.good else 1


if __name__ == "__main__":
    sys.exit(main())
