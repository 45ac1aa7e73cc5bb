"""``htcgrid run``: run an example folder on a document."""

import sys
from pathlib import Path
from typing import IO

import click
import msgspec

from htcgrid.cli.options import config_option
from htcgrid.errors import EncodingError


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--input", "source", type=click.File("rb"), required=True, help="The document, as JSON; - for stdin.")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Where the result goes; stdout when left out."
)
@config_option
@click.option("--workers", type=click.IntRange(1, 1024), help="Workers of the embedded grid; one per core.")
def command(folder: Path, source: IO[bytes], output: Path | None, config: Path | None, workers: int | None) -> int:
    """Split a document into tasks as FOLDER's client says, run them, and merge the results.

    Without a grid.toml an embedded grid runs the tasks. Exits with 1 when a task failed.
    """
    from rich.console import Console

    from htcgrid.cli.example import Example
    from htcgrid.connector import Grid

    example = Example(folder)
    try:
        document = msgspec.json.decode(source.read())
    except msgspec.DecodeError as error:
        raise EncodingError(f"{source.name} is not JSON: {error}") from error
    with Grid.open(config, workers=workers) as grid:
        run = example.run(grid, document, Console(stderr=True))
    data = msgspec.json.encode(run.output) + b"\n"
    if output is None:
        sys.stdout.buffer.write(data)
    else:
        output.write_bytes(data)
    for failed in run.failed[:5]:
        click.echo(f"htcgrid: {failed.exception()}", err=True)
    if run.failed:
        click.echo(f"htcgrid: {len(run.failed)} of {len(run.outcomes)} tasks failed", err=True)
    return int(bool(run.failed))
