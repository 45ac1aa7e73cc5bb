"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from htcgrid.config import VARIABLE, Config, find_config, read_config
from htcgrid.errors import ConfigError

_Function = TypeVar("_Function", bound=Callable[..., object])


def config_option(function: _Function) -> _Function:
    """Give a command the option --config."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"The grid.toml; ${VARIABLE} or ./grid.toml when left out.",
    )(function)


def required_config(file: Path | None) -> Config:
    """Return the configuration of a grid that exists apart from this command.

    Raises:
        ConfigError: there is none, or it is not right.
    """
    found = file or find_config()
    if found is None:
        raise ConfigError(f"no grid: name its file with --config, set ${VARIABLE}, or go to a folder with a grid.toml")
    return read_config(found)
