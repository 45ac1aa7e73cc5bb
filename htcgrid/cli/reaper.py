"""``htcgrid reaper``: run the reaper alone."""

import signal
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from random import Random

import click

from htcgrid.cli.options import config_option, required_config


@click.command()
@config_option
def command(config: Path | None) -> int:
    """Return bundles of lost agents to the queue and collect old sessions, until SIGTERM or Ctrl-C.

    Agents do the same by themselves unless their grid.toml says 'reaper = false'.
    """
    from htcgrid.reaper import Reaper

    grid = required_config(config)
    with ExitStack() as stack:
        state = stack.enter_context(closing(grid.open_state()))
        queue = stack.enter_context(closing(grid.open_queue()))
        payloads = stack.enter_context(closing(grid.open_payloads()))
        reaper = Reaper(state, queue, payloads, seed=Random().getrandbits(32), log=_warn)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: reaper.stop())
        click.echo("reaper started", err=True)
        reaper.run()
    return 0


def _warn(event: str, **fields: object) -> None:
    # A reaper outlives whoever read what it says.
    with suppress(OSError):
        click.echo(" ".join([event, *(f"{name}={value}" for name, value in fields.items())]), err=True)
