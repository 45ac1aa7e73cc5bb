"""``htcgrid run``: run an example folder on a document."""

import sys
from pathlib import Path
from typing import IO

import click

from htcgrid.cli.document import decoded
from htcgrid.cli.options import config_option
from htcgrid.errors import ConfigError, EncodingError
from htcgrid.model.codec import codec_of


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
    if output is not None:
        _check_output(output)
    from rich.console import Console

    from htcgrid.cli.example import Example
    from htcgrid.connector import Grid

    example = Example(folder)
    document = decoded(source.read(), source.name)
    with Grid.open(config, workers=workers) as grid:
        run = example.run(grid, document, Console(stderr=True))
    # First: what a task failed with may be why the result cannot be written.
    for failed in run.failed[:5]:
        click.echo(f"htcgrid: {failed.exception()}", err=True)
    if run.failed:
        click.echo(f"htcgrid: {len(run.failed)} of {len(run.outcomes)} tasks failed", err=True)
    _write(_encoded(run.output, example.folder), output)
    return int(bool(run.failed))


def _check_output(output: Path) -> None:
    """Find out before the work whether its result can be written; the file is left as it is.

    Raises:
        ConfigError: it cannot.
    """
    if output.exists() and not output.is_file():
        # A pipe or a terminal would take even an empty write as one.
        return
    there = output.exists()
    try:
        with output.open("ab"):
            pass
        if not there:
            output.unlink()
    except OSError as error:
        raise ConfigError(
            f"the output {output} cannot be written: {error.strerror or error}; name another file with --output"
        ) from error


def _encoded(merged: object, folder: Path) -> bytes:
    try:
        return codec_of("json").encode(merged)
    except EncodingError as error:
        raise EncodingError(f"what merge of {folder / 'client.py'} returns is no JSON document: {error}") from error


def _write(data: bytes, output: Path | None) -> None:
    """Write the result to its file or to stdout; there, too, when the file has become unusable meanwhile.

    Raises:
        ConfigError: the file could not be written.
    """
    if output is not None:
        try:
            output.write_bytes(data + b"\n")
        except OSError as error:
            _write(data, None)
            raise ConfigError(
                f"the output {output} cannot be written: {error.strerror or error}; the result went to stdout instead"
            ) from error
        return
    try:
        sys.stdout.buffer.write(data + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigError(f"the result cannot be written to stdout: {error.strerror or error}") from error
