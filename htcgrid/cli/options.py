"""Options that several commands share."""

import re
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from datetime import timedelta
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from htcgrid.config import VARIABLE, Config, find_config, read_config
from htcgrid.errors import ConfigError, HtcGridError
from htcgrid.model.name import is_name
from htcgrid.plain_text import plain

#: Seconds in each unit in which a duration may be written.
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


#: More would not fit into a calendar: 100 years.
_LONGEST = 3_153_600_000


def to_duration(_ctx: click.Context, _param: click.Parameter, value: str | None) -> timedelta | None:
    """Return the duration that a word stands for, as 90, 30s, 15m, 2h or 7d; for an option's ``callback``."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d{1,10}(?:\.\d{1,6})?)([smhd]?)", value)
    seconds = float(match[1]) * _UNITS[match[2]] if match else _LONGEST + 1.0
    if seconds > _LONGEST:
        raise click.BadParameter(f"{value!r} is not a duration, as 90, 30s, 15m, 2h or 7d")
    return timedelta(seconds=seconds)


def to_labels(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Return labels, each written as NAME=VALUE; for an option's ``callback``."""
    labels: dict[str, str] = {}
    for value in values:
        name, is_there, word = value.partition("=")
        if not name or not is_there:
            raise click.BadParameter(f"{value!r} is not a label, as desk=rates")
        if name in labels:
            raise click.BadParameter(f"the label {name!r} is given twice, as {labels[name]!r} and as {word!r}")
        labels[name] = word
    return labels


def to_session(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Return the id of a session whose task may be named after it; for an argument's ``callback``."""
    session, slash, index = (value or "").partition("/")
    if slash:
        raise click.BadParameter(f"{value!r} is no session's id; a task is named by two words, as '{session} {index}'")
    return value


class Number(click.FloatRange):
    """A number of a range: of one that is none, as nan, nobody can say that it is out of it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number that a word stands for."""
        found: float = super().convert(value, param, ctx)
        if not isfinite(found):
            self.fail(f"{value!r} is no number that there is", param, ctx)
        return found


_Function = TypeVar("_Function", bound=Callable[..., object])


def config_option(function: _Function) -> _Function:
    """Give a command the option --config."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"The grid.toml; ${VARIABLE} or ./grid.toml when left out.",
    )(function)


def progress_option(function: _Function) -> _Function:
    """Give a command the options --progress and --no-progress, as ``progress``; None when neither is given."""
    return click.option(
        "--progress/--no-progress",
        default=None,
        help="Show a bar on stderr, or none; when left out, one comes after 2 s in a terminal.",
    )(function)


def required_config(file: Path | None) -> Config:
    """Return the configuration of a grid that exists apart from this command.

    Raises:
        ConfigError: there is none, or it is not right.
    """
    return read_config(required_file(file))


def required_file(file: Path | None) -> Path:
    """Return the grid.toml that is meant.

    Raises:
        ConfigError: none is.
    """
    found = file or find_config()
    if found is None:
        raise ConfigError(f"no grid: name its file with --config, set ${VARIABLE}, or go to a folder with a grid.toml")
    return found


def complete_sessions(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return those of the 100 newest sessions that begin so, for a shell; none when the grid cannot be asked."""
    with suppress(HtcGridError, OSError), closing(_config_of(ctx).open_state()) as state:
        newest = [status.session for status in state.sessions().sessions]
        return _items(incomplete, ((each.id, each.handler) for each in newest))
    return []


def complete_agents(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return those of the 100 agents heard of last that begin so, for a shell; none when the grid cannot be asked."""
    with suppress(HtcGridError, OSError), closing(_config_of(ctx).open_state()) as state:
        return _items(incomplete, ((each.report.id, each.state) for each in state.agents().agents))
    return []


def _items(incomplete: str, known: Iterable[tuple[str, str]]) -> list[CompletionItem]:
    """Return what a shell may complete a word to: names alone, for a shell would obey others."""
    return [
        CompletionItem(name, help=plain(about))
        for name, about in known
        if name.startswith(incomplete) and is_name(name)
    ]


def _config_of(ctx: click.Context) -> Config:
    return required_config(ctx.params.get("config"))
