"""``htcgrid results``: print outcomes."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from htcgrid.cli.facts import encoded_facts
from htcgrid.cli.options import complete_sessions, config_option, progress_option, required_config
from htcgrid.cli.say import say
from htcgrid.config import Config
from htcgrid.findings.failed import FailedTask
from htcgrid.findings.failures import Failures
from htcgrid.model import SessionId, TaskState
from htcgrid.model.codec import TYPED
from htcgrid.model.codec.lossy import as_json
from htcgrid.model.codec.shown import typed_as_json

if TYPE_CHECKING:
    from htcgrid.connector import Grid, Outcome, SessionHandle


@click.command()
@click.argument("session", shell_complete=complete_sessions)
@config_option
@click.option("--timeout", type=float, help="Seconds to wait at most; for ever when left out.")
@click.option(
    "--values", is_flag=True, help="Only the values, in the order of the tasks; fails with the first task that did."
)
@click.option("--failed", is_flag=True, help="Only those of tasks that failed.")
@progress_option
@click.option("--json", is_flag=True, expose_value=False, help="Changes nothing: it is JSON anyway.")
def command(
    session: str, config: Path | None, timeout: float | None, *, values: bool, failed: bool, progress: bool | None
) -> int:
    """Print the outcome of each task of SESSION as it becomes known, one JSON object a line.

    Exits with 1 when a task did not succeed; what several failed with is then summed up on stderr. In a session of
    tasks that were submitted again, "origin" is the task's index in the session in which it failed, as long as that is
    kept. Of values that JSON has not, tuples and sets are arrays, dataclasses objects, Enums their members' names,
    times and Decimals text, frames arrays of their rows, bytes hexadecimal; NaN and infinities are null.
    """
    from htcgrid.connector import Grid

    if values and failed:
        raise click.UsageError("--values and --failed cannot go together: failed tasks have none")
    grid_of = required_config(config)
    if failed:
        return _print_failed(grid_of, SessionId(session), timeout, progress=_bar(progress))
    some_failed, failures = False, Failures()
    with Grid.open(grid_of.file) as grid:
        handle = _handle(grid, session)
        if values:
            for value in handle.results(timeout=timeout, progress=progress):
                click.echo(encoded_facts(_plain(value)))
            return 0
        origins = grid.origins(session)
        for outcome in handle.outcomes(timeout=timeout, progress=_bar(progress)):
            some_failed |= not outcome.succeeded
            _note(failures, outcome)
            click.echo(encoded_facts(_shown(outcome) | _origin(origins, outcome.index)))
    _sum_up(failures)
    return int(some_failed)


def _note(failures: Failures, outcome: "Outcome") -> None:
    if outcome.error is not None:
        failures.add(FailedTask(index=outcome.index, type=outcome.error.type, message=outcome.error.message))


def _sum_up(failures: Failures) -> None:
    """Say what tasks have failed with; a lone one has its own line already."""
    if failures.count > 1:
        for line in failures.lines():
            say(f"htcgrid: {line}", err=True)


def _handle(grid: "Grid", session: str) -> "SessionHandle":
    """Return the session's handle; values of typed ones come as JSON has them, which takes no class of the client's."""
    handle = grid.session(session)
    return grid.session(session, decode=typed_as_json()) if handle.codec == TYPED else handle


def _print_failed(config: Config, session: SessionId, timeout: float | None, *, progress: bool | None) -> int:
    """Print the failed tasks only; nothing that a task returned is decoded, so nothing pickled is opened."""
    from htcgrid.cli.outcomes import reader_of
    from htcgrid.connector import Grid

    some_failed, failures = False, Failures()
    with Grid.open(config.file) as grid, ExitStack() as stack:
        state = stack.enter_context(closing(config.open_state()))
        payloads = stack.enter_context(closing(config.open_payloads()))
        origins = grid.origins(session)
        reader = reader_of(state.status([session])[0].session, state, payloads)
        for outcome in reader.outcomes(timeout, bar=reader.bar(progress)):
            some_failed |= not outcome.succeeded
            if outcome.state is TaskState.FAILED:
                _note(failures, outcome)
                click.echo(encoded_facts(_shown(outcome) | _origin(origins, outcome.index)))
    _sum_up(failures)
    return int(some_failed)


def _bar(progress: bool | None) -> bool | None:
    """Return whether there is a bar beside lines that come one by one: in a terminal, they say how far it is."""
    return False if progress is None and sys.stdout.isatty() else progress


def _origin(origins: Sequence[int], index: int) -> dict[str, int]:
    return {"origin": origins[index]} if index < len(origins) else {}


def _plain(value: Any) -> Any:
    """Return a value as JSON shows it, whatever codec it came by."""
    return as_json(value)


def _shown(outcome: "Outcome") -> dict[str, Any]:
    shown: dict[str, Any] = {"index": outcome.index, "state": outcome.state, "tries": outcome.tries}
    if outcome.succeeded:
        shown["value"] = _plain(outcome.value)
    if outcome.error is not None:
        shown["error"] = {"type": outcome.error.type, "message": outcome.error.message}
        if outcome.error.traceback:
            shown["error"]["traceback"] = outcome.error.traceback
    if outcome.committed is not None:
        shown |= {"worker": outcome.worker, "seconds": outcome.microseconds / 1e6, "committed": outcome.committed}
        shown |= {"code": outcome.code} if outcome.code else {}
    return shown
