"""``htcgrid init``: a grid.toml to begin with."""

import click

from htcgrid.errors import ConfigError


@click.command()
@click.option("--provider", default="local", show_default=True, help="The provider of the grid's state.")
def command(provider: str) -> None:
    """Print a grid.toml to begin with, with a word on each key: 'htcgrid init > grid.toml'."""
    from htcgrid.plugins import load_provider

    example = load_provider(provider).example
    if not example:
        raise ConfigError(f"provider {provider!r} has no grid.toml to begin with: its documentation says what it needs")
    click.echo(example, nl=not example.endswith("\n"))
