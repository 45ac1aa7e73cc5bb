"""``htcgrid agent``: run an agent."""

import sys
from pathlib import Path

import click

from htcgrid.cli.options import config_option, required_config


@click.command()
@config_option
@click.option("--id", "agent", help="The agent's id; made up when left out.")
@click.option(
    "--workers", type=click.IntRange(1, 1024), help="Worker processes; [agent] workers, or one per usable core."
)
@click.option("--pool", help="The pool it belongs to; [agent] pool when left out.")
@click.option(
    "--log", type=click.Choice(["json", "console"]), help="How log lines look; console when stderr is a terminal."
)
@click.option("--verbose", is_flag=True, help="Log every claim, too.")
def command(
    config: Path | None, agent: str | None, workers: int | None, pool: str | None, log: str | None, *, verbose: bool
) -> int:
    """Run an agent until SIGTERM or Ctrl-C, which let it finish; a second one lets it give back at once."""
    from htcgrid_agent.main import run_agent

    style = log or ("console" if sys.stderr.isatty() else "json")
    return run_agent(required_config(config), agent=agent, workers=workers, pool=pool, log_style=style, verbose=verbose)
