"""``htcgrid demo``: price a portfolio on an embedded grid, and show where the time went."""

import statistics
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from typing import Any

import click
from rich.table import Table

from htcgrid.agent_process import agent_process
from htcgrid.cli.console import Screen
from htcgrid.cli.example import Example, Run, Timed, default_folder
from htcgrid.cli.facts import json_option, print_facts
from htcgrid.cli.say import say
from htcgrid.connector import Grid
from htcgrid.cores import usable_cores
from htcgrid.document import brief
from htcgrid.errors import ProviderNotFoundError


@click.command()
@click.option("--trades", type=click.IntRange(1, 1_000_000), default=4000, show_default=True, help="Options to price.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Worker processes; one per usable core when left out.")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A grid.toml: its grid is used, with an agent of the demo's own here; an embedded grid when left out.",
)
@json_option
def command(trades: int, workers: int | None, config: Path | None, *, as_json: bool) -> int:
    """Price a portfolio of European and American equity options with QuantLib, on an embedded grid or one of yours."""
    if find_spec("QuantLib") is None:
        raise ProviderNotFoundError("the demo needs QuantLib: pip install 'htcgrid[demo]' installs it")
    example = Example(default_folder("portfolio"))
    document = example.client.sample(trades)
    count = workers or usable_cores().count
    grids = f"The grid of {config}" if config else "An embedded grid"
    say(brief(f"{grids} with {count} workers prices {trades:,} options with QuantLib."), err=True)
    if config is None:
        with Grid.open(workers=count) as grid:
            run = example.run(grid, document, progress=True)
    else:
        pool = f"demo-{token_hex(4)}"
        with Grid.open(config) as grid, agent_process(config, pool=pool, workers=count, handlers=["*"]):
            run = example.run(grid, document, progress=True, pool=pool)
    rows = example.client.summarise(document, run.output)
    if as_json:
        _print(run, rows, count)
    else:
        _show(run, rows, count)
    return int(bool(run.failed))


def _print(run: Run, rows: Sequence[Any], workers: int) -> None:
    names = ("exercise", "engine", "trades", "errors", "value")
    wall = run.ended - run.submitting
    ended = [timed for timed in run.outcomes if timed.outcome.began]
    print_facts(
        {
            "workers": workers,
            "tasks": len(run.outcomes),
            "failed": len(run.failed),
            "seconds": round(wall, 3),
            "tasks_per_second": round(len(run.outcomes) / wall, 1),
            "worker_utilisation": round(_utilisation(ended, workers), 4) if ended else None,
            "portfolio": [{name: getattr(row, name) for name in names} for row in rows],
        }
    )


def _show(run: Run, rows: Sequence[Any], workers: int) -> None:
    console = Screen()
    # 80 columns have no room for a column of nothing but zeros.
    counts = ("trades", "errors") if any(row.errors for row in rows) else ("trades",)
    values = Table("exercise", "engine", title="The portfolio", title_justify="left")
    for name in (*counts, "value"):
        values.add_column(name, justify="right")
    for row in rows:
        if row.exercise == "total":
            values.add_section()
        values.add_row(row.exercise, row.engine, *(f"{getattr(row, name):,}" for name in counts), f"{row.value:,.2f}")
    console.print(values)
    console.print(_stages(run, workers))


def _stages(run: Run, workers: int) -> Table:
    # A task that was not run has no times to show.
    ended = [timed for timed in run.outcomes if timed.outcome.began]
    table = Table("", title="The grid", title_justify="left")
    for name in ("median", "longest"):
        table.add_column(name, justify="right")
    wall = run.ended - run.submitting
    table.add_row("tasks", f"{len(run.outcomes):,}", "")
    table.add_row("wall time", f"{wall:.2f} s", "")
    table.add_row("tasks a second", f"{len(run.outcomes) / wall:,.0f}", "")
    if not ended:
        return table
    table.add_row("worker utilisation", f"{_utilisation(ended, workers):.1%}", "")
    table.add_section()
    for stage, seconds in _seconds(ended, run.submitted).items():
        table.add_row(stage, f"{statistics.median(seconds) * 1000:,.1f} ms", f"{max(seconds) * 1000:,.1f} ms")
    return table


def _seconds(ended: Sequence[Timed], submitted: float) -> dict[str, list[float]]:
    """Return what each task spent in each stage: waiting, in the handler, until its commit, until its client had it."""
    stages: dict[str, list[float]] = {"queued": [], "ran": [], "committed": [], "fetched": []}
    for timed in ended:
        outcome = timed.outcome
        end = outcome.began + outcome.microseconds / 1e6
        committed = outcome.committed.timestamp() if outcome.committed else end
        stages["queued"].append(max(0.0, outcome.began - submitted))
        stages["ran"].append(outcome.microseconds / 1e6)
        stages["committed"].append(max(0.0, committed - end))
        stages["fetched"].append(max(0.0, timed.fetched - committed))
    return stages


def _utilisation(ended: Sequence[Timed], workers: int) -> float:
    """Return the share of the workers' time, from the first task's start to the last one's end, spent in handlers."""
    begins = [timed.outcome.began for timed in ended]
    ends = [timed.outcome.began + timed.outcome.microseconds / 1e6 for timed in ended]
    busy = sum(timed.outcome.microseconds for timed in ended) / 1e6
    return busy / (workers * max(1e-9, max(ends) - min(begins)))
