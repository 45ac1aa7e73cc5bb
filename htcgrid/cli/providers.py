"""``htcgrid providers``: what is installed."""

import click

from htcgrid.errors import ProviderNotFoundError


@click.command()
def command() -> None:
    """List the installed providers, and in which tables of grid.toml each may stand."""
    from htcgrid.plugins import installed_providers, load_provider

    for installed in installed_providers():
        try:
            offers = ", ".join(f"[{table}]" for table in load_provider(installed.name).interfaces)
        except ProviderNotFoundError as error:
            offers = f"cannot be used: {error}"
        click.echo(f"{installed.name}  ({installed.distribution})  {offers}")
