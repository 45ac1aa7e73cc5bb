"""``htcgrid doctor``: whether a grid is well."""

import platform
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from htcgrid import __version__
from htcgrid.cli.exits import Exit
from htcgrid.cli.facts import json_option, print_facts
from htcgrid.cli.options import config_option, required_file
from htcgrid.cli.say import say
from htcgrid.config import read_config

if TYPE_CHECKING:
    from htcgrid.cli.examination import Check


@click.command()
@config_option
@json_option
def command(config: Path | None, *, as_json: bool) -> int:
    """Try every part of a grid: grid.toml, the stores, the agents, their versions and clocks.

    Each line is OK, WARN, or FAIL with what to do; the exit status is 2 when one is FAIL. What it writes to the payload
    store, under "doctor/", it deletes again. It makes about a dozen requests, and 1 more per 100 agents.
    """
    failed = False
    for check in _checks(required_file(config)):
        failed |= check.level == "FAIL"
        if as_json:
            facts = {"check": check.name, "level": check.level, "message": check.message}
            print_facts(facts | {"advice": check.advice or None})
            continue
        say(f"{check.level:4}  {check.name}: {check.message}")
        if check.advice:
            say(f"      {check.advice}")
    return Exit.WRONG if failed else Exit.DONE


def _checks(file: Path) -> "Iterator[Check]":
    from htcgrid.cli.checked import checked_config
    from htcgrid.cli.examination import Check, Examination, Level

    checked = checked_config(file)
    for problem in checked.problems:
        advice = "correct it: 'htcgrid config check' shows what the file comes to"
        level = Level.FAIL
        if problem.agents:
            level, advice = Level.WARN, "that is well if no agent is to run here"
        yield Check(name="config", level=level, message=problem.message, advice=advice)
    if not all(problem.agents for problem in checked.problems):
        return
    yield Check(name="config", level=Level.OK, message=f"{file} is right")
    examination = Examination(checked, read_config(file), version=__version__, python=platform.python_version())
    yield from examination.checks()
