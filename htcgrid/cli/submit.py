"""``htcgrid submit``: submit tasks from a file."""

import sys
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Literal

import click

from htcgrid.cli.document import decoded
from htcgrid.cli.facts import json_option, print_facts
from htcgrid.cli.options import config_option, required_config, to_duration, to_labels
from htcgrid.cli.say import say
from htcgrid.errors import ConfigError, EncodingError
from htcgrid.model import KeepOutput, RetryPolicy, defaults


@click.command()
@click.argument("handler")
@click.option(
    "--input", "source", type=click.File("rb"), default="-", help="A JSON array of payloads; stdin when left out."
)
@click.option("--lossy", is_flag=True, help="Results that JSON does not keep become what comes near: tuples arrays.")
@click.option("--lines", is_flag=True, help="The input has one JSON value a line.")
@config_option
@click.option("--id", "session_id", help="The session's id; with it, submitting again is one submission.")
@click.option(
    "--priority",
    type=click.IntRange(0, defaults.PRIORITY_LIMIT),
    default=defaults.PRIORITY,
    show_default=True,
    help="Higher first.",
)
@click.option("--pool", default=defaults.POOL, show_default=True, help="Which agents run it.")
@click.option("--timeout", type=float, help="Seconds that one try of one task may take.")
@click.option(
    "--tries",
    type=click.IntRange(1, 1000),
    default=defaults.TRIES,
    show_default=True,
    help="Runs of a task before it fails.",
)
# Eager: they are refused before the input is opened, which click would not close again.
@click.option(
    "--label", "labels", multiple=True, is_eager=True, callback=to_labels, help="NAME=VALUE; may be repeated."
)
@click.option(
    "--keep-for", is_eager=True, callback=to_duration, help="How long it is kept after its last task, as 12h or 7d."
)
@click.option(
    "--output",
    type=click.Choice([str(kept) for kept in KeepOutput]),
    default=str(KeepOutput.FAILED),
    show_default=True,
    help="Of which tasks it is kept what their handler printed.",
)
@click.option(
    "--backoff",
    type=float,
    default=defaults.BACKOFF.total_seconds(),
    show_default=True,
    help="Seconds before the second try; twice as many before each further one.",
)
@json_option
def command(
    handler: str,
    source: IO[bytes],
    config: Path | None,
    session_id: str | None,
    priority: int,
    pool: str,
    timeout: float | None,
    tries: int,
    backoff: float,
    labels: dict[str, str],
    keep_for: timedelta | None,
    output: Literal["failed", "all", "none"],
    *,
    lines: bool,
    lossy: bool,
    as_json: bool,
) -> None:
    """Submit one task per item to HANDLER, as 'module:function', and print the session's id.

    With --json, the object has the id as "session" and the number of tasks as "total".
    """
    from htcgrid.connector import Grid

    file = required_config(config).file
    retry = RetryPolicy(tries=tries, backoff=_backoff(backoff))
    with Grid.open(file) as grid:
        session = grid.submit(
            handler,
            _tasks(source, lines=lines),
            id=session_id,
            priority=priority,
            codec="json",
            lossy=lossy,
            pool=pool,
            timeout=timeout,
            retry=retry,
            labels=labels,
            keep_for=keep_for,
            output=output,
            # The command ends when all is accepted, whoever runs it, and when.
            ahead=sys.maxsize,
        )
        total = session.submitted()
        if as_json:
            print_facts({"session": session.id, "total": total})
        else:
            say(session.id)


def _backoff(seconds: float) -> timedelta:
    if not 0 <= seconds <= 86_400:
        raise ConfigError(f"--backoff must be a number of seconds from 0 to 86400, not {seconds:g}")
    return timedelta(seconds=seconds)


def _tasks(source: IO[bytes], *, lines: bool) -> Iterable[Any]:
    """Return the tasks of a JSON array, or of a file with one JSON value a line, which is not read as a whole."""
    if lines:
        return _lines(source)
    tasks = decoded(source.read(), source.name)
    if not isinstance(tasks, list):
        raise EncodingError(f"{source.name} holds no JSON array of tasks; for one JSON value a line there is --lines")
    return tasks


def _lines(source: IO[bytes]) -> Iterator[Any]:
    for number, line in enumerate(source, start=1):
        if line.strip():
            yield decoded(line, f"line {number} of {source.name}")
