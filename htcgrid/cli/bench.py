"""``htcgrid bench``: measure a grid."""

import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

import click

from htcgrid.cli.facts import json_option, print_facts
from htcgrid.cli.options import Number, config_option
from htcgrid.cli.say import say
from htcgrid.config import find_config, read_config
from htcgrid.cores import usable_cores

if TYPE_CHECKING:
    from htcgrid.bench.bench import Row


@click.command()
@config_option
@click.option(
    "--tasks", type=click.IntRange(1, 10_000_000), default=10_000, show_default=True, help="Tasks of a bulk session."
)
@click.option("--trips", type=click.IntRange(1, 100_000), default=200, show_default=True, help="Lone tasks of a run.")
@click.option("--runs", type=click.IntRange(1, 1000), default=3, show_default=True, help="Runs; the median is shown.")
@click.option(
    "--seconds",
    type=Number(0.01, 3600),
    default=10.0,
    show_default=True,
    help="Tasks of 1, 10, 100 and 1000 ms are run for so long each.",
)
@click.option(
    "--workers", type=click.IntRange(1, 1024), help="Workers of its agent, or of --pool; one per usable core."
)
@click.option("--pool", help="A pool whose agents are measured; an agent of its own when left out.")
@json_option
def command(
    config: Path | None,
    tasks: int,
    trips: int,
    runs: int,
    seconds: float,
    workers: int | None,
    pool: str | None,
    *,
    as_json: bool,
) -> int:
    """Measure a grid: submit, throughput, round trip, overhead by task length, and requests per task.

    It starts an agent of its own here, in a pool of its own. With --pool the agents of that pool are measured, whose
    'handlers' must have "htcgrid.bench.work:*". Without a grid.toml it measures a grid that it makes for the time.
    """
    from htcgrid.agent_process import agent_process
    from htcgrid.bench.bench import Bench, Plan
    from htcgrid.bench.work import HANDLERS
    from htcgrid.connector import Grid
    from htcgrid.model import check_name

    check_name("pool", "bench" if pool is None else pool)
    file = config or find_config()
    count = workers or usable_cores().count
    own = pool or f"bench-{token_hex(4)}"
    with ExitStack() as stack:
        if file is None:
            file = _made(stack)
        read_config(file)
        grid = stack.enter_context(Grid.open(file))
        start = partial(agent_process, file, pool=own, workers=count, handlers=[HANDLERS])
        agent: Callable[[], AbstractContextManager[object]] | None = start if pool is None else None
        plan = Plan(tasks=tasks, trips=trips, runs=runs, seconds=seconds, workers=count, pool=own)
        bench = Bench(grid, plan, agent)
        if not as_json:
            say(f"{file}: {count} workers, the median of {runs} runs", err=True)
        for row in bench.rows():
            if as_json:
                print_facts(_facts(row))
            else:
                say(_line(row))
    return 0


def _made(stack: ExitStack) -> Path:
    import tempfile

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="htcgrid-bench-", ignore_cleanup_errors=True)))
    file = folder / "grid.toml"
    file.write_text('[state]\nprovider = "local"\npath = "state"\n', encoding="utf-8")
    return file


def _line(row: "Row") -> str:
    spread = f"  ({_number(min(row.values))} to {_number(max(row.values))})" if len(row.values) > 1 else ""
    return f"{row.name:<42} {_number(statistics.median(row.values)):>11} {row.unit:<8}{spread}".rstrip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.3g}"


def _facts(row: "Row") -> dict[str, object]:
    return {"measure": row.name, "unit": row.unit, "median": statistics.median(row.values), "runs": row.values}
