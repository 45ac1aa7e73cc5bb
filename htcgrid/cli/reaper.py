"""``htcgrid reaper``: run the reaper alone."""

import signal
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random

import click

from htcgrid.cli.facts import encoded_facts, json_option
from htcgrid.cli.options import config_option, required_config
from htcgrid.cli.say import say


@click.command()
@config_option
@click.option("--pool", multiple=True, help="A pool whose lost hints are sent again; that of [agent] when left out.")
@json_option
def command(config: Path | None, pool: tuple[str, ...], *, as_json: bool) -> int:
    """Return bundles of lost agents to the queue and collect old sessions, until SIGTERM or Ctrl-C.

    Agents do the same by themselves unless their grid.toml says 'reaper = false'. What it says goes to stderr.
    """
    from htcgrid.model import check_name
    from htcgrid.reaper import Reaper
    from htcgrid.services import Leave, open_services

    say = _say_facts if as_json else _say
    grid = required_config(config)
    for name in pool:
        check_name("pool", name)
    pools = pool or (grid.agent.pool,)
    with ExitStack() as stack:
        try:
            state, queue, payloads = open_services(grid, stack, say=say)
        except Leave:
            return 0
        reaper = Reaper(state, queue, payloads, pools=pools, seed=Random().getrandbits(32), log=say)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: reaper.stop())
        say("reaper started")
        reaper.run()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Python ends by giving signals their defaults back: one more would change the status of what has ended well.
        signal.signal(number, signal.SIG_IGN)
    return 0


# A reaper outlives whoever read what it says.
def _say(event: str, **fields: object) -> None:
    with suppress(OSError):
        say(" ".join([event, *(f"{name}={value}" for name, value in fields.items())]), err=True)


def _say_facts(event: str, **fields: object) -> None:
    with suppress(OSError):
        click.echo(encoded_facts({"event": event} | {name: str(value) for name, value in fields.items()}), err=True)
