"""``htcgrid config``: what is said of a grid.toml."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from htcgrid.cli.exits import Exit
from htcgrid.cli.facts import json_option, print_facts
from htcgrid.cli.options import config_option, required_file
from htcgrid.cli.say import say
from htcgrid.cli.suggesting import SuggestingGroup

if TYPE_CHECKING:
    from htcgrid.cli.checked import CheckedConfig, CheckedTable


@click.group(cls=SuggestingGroup)
def command() -> None:
    """Look at a grid.toml."""


@command.command()
@config_option
@json_option
def check(config: Path | None, *, as_json: bool) -> int:
    """Check a grid.toml without touching any service, and show what it comes to: providers, settings and defaults.

    Every problem is told, by file, table and key, and the exit status is 2 when there is one that is no affair of
    agents alone. Values from the environment are not shown.
    """
    from htcgrid.cli.checked import checked_config

    found = checked_config(required_file(config))
    if as_json:
        facts = {"file": str(found.file), "problems": found.problems}
        print_facts(facts | {"tables": {table.table: _facts(table) for table in found.tables}})
    else:
        _show(found)
    return Exit.WRONG if any(not problem.agents for problem in found.problems) else Exit.DONE


def _facts(table: "CheckedTable") -> dict[str, object]:
    from htcgrid.cli.checked import without_passwords

    facts: dict[str, object] = {"provider": table.provider, "distribution": table.distribution}
    return facts | {
        "left_out": table.left_out,
        "settings": without_passwords(table.settings),
        "defaults": table.defaults,
    }


def _show(found: "CheckedConfig") -> None:
    from htcgrid.cli.checked import shown_value

    say(str(found.file))
    for table in found.tables:
        say(f"[{table.table}]{_source(table)}")
        if table.left_out and table.table != "agent":
            continue
        for key, value in table.settings.items():
            if key != "provider":
                say(f"  {key} = {shown_value(value)}")
        for key, value in table.defaults.items():
            say(f"  {key} = {shown_value(value)}  (default)")
    for problem in found.problems:
        say(f"htcgrid: {problem.message}", err=True)


def _source(table: "CheckedTable") -> str:
    if table.table == "agent":
        return ""
    if table.provider is None:
        return "  left out, and the provider of [state] has none: agents are started by hand"
    of = f"{table.provider} of {table.distribution}" if table.distribution else table.provider
    return f"  left out, so as [state]: {of}" if table.left_out else f"  {of}"
