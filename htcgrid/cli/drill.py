"""``htcgrid drill``: strike a grid while it works, and judge what it promised."""

import math
import secrets
import shutil
import signal
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from htcgrid.cli.facts import json_option, print_facts
from htcgrid.cli.options import Number, config_option, required_file
from htcgrid.cli.say import say
from htcgrid.config import Config, find_config, read_config
from htcgrid.errors import HtcGridError

if TYPE_CHECKING:
    from htcgrid.drill.plan import Plan, Strike
    from htcgrid.drill.verdict import Verdict

#: The grid of a drill that is given none: its queue stands apart from its state, so that hints can be lost.
_TOML = """
[state]
provider = "local"
path = "state"

[queue]
provider = "local"
path = "queue"

[agent]
lease = 5
heartbeat = 1
grace = 8
"""


@click.command()
@config_option
@click.option("--tasks", type=click.IntRange(1, 10_000_000), default=10_000, show_default=True, help="Tasks to run.")
@click.option(
    "--minutes",
    type=Number(0.05, 10_000),
    default=1.0,
    show_default=True,
    help="Strike for so long at most.",
)
@click.option("--every", type=Number(0.05), default=2.0, show_default=True, help="Seconds between strikes.")
@click.option("--faults", help="What strikes, separated by commas; all when left out.")
@click.option("--seed", type=click.IntRange(0), help="Decides what strikes when; made up when left out.")
@click.option("--agents", type=click.IntRange(1, 1000), default=3, show_default=True, help="Agents to start.")
@click.option("--workers", type=click.IntRange(1, 1024), default=2, show_default=True, help="Workers of each.")
@click.option("--pool", help="The pool of its agents; one of its own when left out.")
@click.option("--observe", is_flag=True, help="Start no agents and strike nothing: others do.")
@json_option
def command(
    config: Path | None,
    tasks: int,
    minutes: float,
    every: float,
    faults: str | None,
    seed: int | None,
    agents: int,
    workers: int,
    pool: str | None,
    *,
    observe: bool,
    as_json: bool,
) -> int:
    """Run checkable tasks on a grid, strike it meanwhile, and judge whether it kept its promises.

    It starts agents of its own in a pool of their own, so that other sessions go on unharmed. Without a grid.toml it
    makes a grid on this machine for the time. With --observe it only submits, reads and judges, beside agents of
    [agent] pool that others kill; their 'handlers' must have "htcgrid.drill.work:*". Exits with 1 when a promise was
    broken, and says which task and why.
    """
    from htcgrid.drill.plan import Plan, parse_strikes
    from htcgrid.model import check_name

    check_name("pool", "drill" if pool is None else pool)
    if not math.isfinite(minutes) or not math.isfinite(every):
        raise click.BadParameter("--minutes and --every must be numbers")
    if observe and faults is not None:
        raise click.UsageError("--observe strikes nothing, so --faults cannot go with it")
    strikes = () if observe else parse_strikes(faults or "all")
    file = required_file(config) if observe else config or find_config()
    folder = Path(tempfile.mkdtemp(prefix="htcgrid-drill-"))
    # A terminal that is closed ends it, too.
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        grid = read_config(file or _made(folder))
        plan = Plan(
            tasks=tasks,
            seconds=60 * minutes,
            every=every,
            strikes=strikes,
            seed=secrets.randbelow(1_000_000) if seed is None else seed,
            agents=agents,
            workers=workers,
            pool=pool or (grid.agent.pool if observe else f"drill-{secrets.token_hex(4)}"),
            patience=max(60.0, 4 * grid.agent.lease + 60.0),
        )
        verdict = _run(grid, plan, folder, observe=observe)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    never = [strike for strike in plan.strikes if strike not in verdict.strikes]
    if as_json:
        _print(plan, verdict, never)
    else:
        _show(plan, verdict, never)
    if verdict.kept:
        shutil.rmtree(folder, ignore_errors=True)
        return 0
    say(f"htcgrid: what its processes said is in {folder}", err=True)
    return 1


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """End as Ctrl-C does: agents and clients are ended, too."""
    raise KeyboardInterrupt


def _made(folder: Path) -> Path:
    file = folder / "grid.toml"
    file.write_text(_TOML, encoding="utf-8")
    return file


def _run(config: Config, plan: "Plan", folder: Path, *, observe: bool) -> "Verdict":
    from rich.console import Console

    from htcgrid.connector import Grid
    from htcgrid.connector.progress import progress_bar
    from htcgrid.drill.drill import Drill

    console = Console(stderr=True)
    drill = Drill(config, plan, folder, observe=observe)
    console.print(
        f"Session {drill.session}: {plan.tasks:,} tasks of {plan.task_seconds * 1000:.0f} ms; a strike every "
        f"{plan.every:g} s for {plan.seconds:g} s, from seed {plan.seed}."
        if plan.strikes
        else f"Session {drill.session}: {plan.tasks:,} tasks; nothing is struck from here.",
        highlight=False,
    )
    with progress_bar("drill", console) as bar:
        verdict = drill.run(
            lambda status, _struck: bar.show(ended=status.ended if status else 0, total=plan.tasks, failed=0)
        )
    if verdict.kept:
        # What was broken is left to be looked at.
        with suppress(HtcGridError), Grid.open(config.file) as grid:
            grid.session(drill.session).delete()
    return verdict


def _print(plan: "Plan", verdict: "Verdict", never: Sequence["Strike"]) -> None:
    print_facts(
        {
            "seed": plan.seed,
            "tasks": verdict.tasks,
            "faults": {str(strike): count for strike, count in verdict.strikes.items()},
            "never_happened": [str(strike) for strike in never],
            "lost": len(verdict.lost),
            "committed_twice": len(verdict.twice),
            "wrong_bytes": len(verdict.wrong),
            "executed_again": verdict.again,
            "executed_again_bound": verdict.bound,
            "recovery_seconds": {
                str(strike): {"p50": _share(values, 50), "p99": _share(values, 99), "count": len(values)}
                for strike, values in verdict.recovery.items()
                if values
            },
            "broken": verdict.broken,
        }
    )


def _show(plan: "Plan", verdict: "Verdict", never: Sequence["Strike"]) -> None:
    from rich.table import Table

    from htcgrid.cli.console import Screen

    screen = Screen()
    strikes = Table("fault", title=f"Faults from seed {plan.seed}", title_justify="left")
    for name in ("times", "recovery p50", "p99"):
        strikes.add_column(name, justify="right")
    for strike, count in sorted(verdict.strikes.items(), key=lambda item: -item[1]):
        values = verdict.recovery.get(strike, [])
        shares = [f"{_share(values, share):.2f} s" if values else "" for share in (50, 99)]
        strikes.add_row(strike.about, f"{count:,}", *shares)
    screen.print(strikes)
    again = "not known: no agent noted its runs here" if verdict.again is None else f"{verdict.again:,}"
    facts = Table("promise", title="Promises", title_justify="left")
    facts.add_column("found", justify="right")
    facts.add_column("must be", justify="right")
    facts.add_row("tasks accepted", f"{verdict.tasks:,}", f"{plan.tasks:,}")
    facts.add_row("lost", f"{len(verdict.lost):,}", "0")
    facts.add_row("committed twice", f"{len(verdict.twice):,}", "0")
    facts.add_row("wrong bytes", f"{len(verdict.wrong):,}", "0")
    facts.add_row("executed again", again, "" if verdict.bound is None else f"at most {verdict.bound:,}")
    screen.print(facts)
    if never:
        say(f"never happened, for there was no occasion: {', '.join(strike.about for strike in never)}")
    for sentence in verdict.broken:
        say(f"broken: {sentence}")
    say("every promise was kept" if verdict.kept else f"{len(verdict.broken)} findings: promises were broken")


def _share(values: Sequence[float], percent: int) -> float:
    """Return the value that so many percent of the values are at most."""
    return round(
        statistics.quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0], 3
    )
