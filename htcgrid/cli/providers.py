"""``htcgrid providers``: what is installed."""

import click

from htcgrid.cli.facts import json_option, print_facts
from htcgrid.cli.say import say
from htcgrid.errors import ProviderNotFoundError


@click.command()
@json_option
def command(*, as_json: bool) -> None:
    """List the installed providers, and in which tables of grid.toml each may stand."""
    from htcgrid.plugins import installed_providers, load_installed

    for installed in installed_providers():
        tables: list[str] = []
        wrong = None
        try:
            tables.extend(load_installed(installed).interfaces)
        except ProviderNotFoundError as error:
            wrong = str(error)
        if as_json:
            facts = {"provider": installed.name, "distribution": installed.distribution}
            print_facts(facts | {"tables": tables, "error": wrong})
            continue
        offers = f"cannot be used: {wrong}" if wrong else ", ".join(f"[{table}]" for table in tables)
        say(f"{installed.name}  ({installed.distribution})  {offers}")
