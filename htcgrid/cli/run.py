"""``htcgrid run``: run an example folder on a document."""

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click
import msgspec

from htcgrid.cli.document import decoded
from htcgrid.cli.facts import json_option, print_facts
from htcgrid.cli.options import config_option, progress_option
from htcgrid.cli.say import say, say_error
from htcgrid.errors import ConfigError, EncodingError
from htcgrid.model.codec import codec_of
from htcgrid.plain_text import plain_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from htcgrid.cli.example import Run
    from htcgrid.connector import Outcome


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--input", "source", type=click.File("rb"), required=True, help="The document, as JSON; - for stdin.")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Where the result goes; stdout when left out."
)
@config_option
@click.option("--workers", type=click.IntRange(1, 1024), help="Workers of the embedded grid; one per usable core.")
@progress_option
@json_option
def command(
    folder: Path,
    source: IO[bytes],
    output: Path | None,
    config: Path | None,
    workers: int | None,
    *,
    progress: bool | None,
    as_json: bool,
) -> int:
    """Split a document into tasks as FOLDER's client says, run them, and merge the results.

    Without a grid.toml an embedded grid runs the tasks. Exits with 1 when a task failed. With --json, what goes to
    stdout is one object with the numbers of "tasks" and "failed" ones, the "seconds" that it took, and the "result",
    or the file's name as "output".
    """
    if output is not None:
        _check_output(output)
    from htcgrid.cli.example import Example
    from htcgrid.connector import Grid

    example = Example(folder)
    document = decoded(source.read(), source.name)
    with Grid.open(config, workers=workers, output="stderr") as grid:
        run = example.run(grid, document, progress=progress)
    # First: what a task failed with may be why the result cannot be written.
    _say_failures(run.failed)
    if run.failed:
        say(f"htcgrid: {len(run.failed)} of {len(run.outcomes)} tasks failed", err=True)
    result = _encoded(run.output, example.folder)
    if as_json:
        _print_run(run, result, output)
    else:
        _write(result, output)
    return int(bool(run.failed))


def _say_failures(failed: "Sequence[Outcome]") -> None:
    """Say what tasks failed with, what is equal once, with the traceback of the first."""
    from htcgrid.findings.failed import FailedTask
    from htcgrid.findings.failures import Failures

    errors = {outcome.index: outcome for outcome in failed}
    failures = Failures(
        FailedTask(index=outcome.index, type=outcome.error.type, message=outcome.error.message)
        for outcome in failed
        if outcome.error is not None
    )
    for group in failures.groups()[:5]:
        if group.count > 1:
            say(f"htcgrid: {group}; the first:", err=True)
        say_error(errors[group.first.index].exception())


def _print_run(run: "Run", result: bytes, output: Path | None) -> None:
    facts: dict[str, object] = {"tasks": len(run.outcomes), "failed": len(run.failed)}
    facts["seconds"] = round(run.ended - run.submitting, 3)
    if output is None:
        print_facts(facts | {"result": msgspec.Raw(result)})
        return
    _write(result, output)
    print_facts(facts | {"output": str(output)})


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
        return plain_json(codec_of("json", lossy=True).encode(merged))
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
