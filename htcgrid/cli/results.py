"""``htcgrid results``: print outcomes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from htcgrid.cli.options import complete_sessions, config_option, required_config

if TYPE_CHECKING:
    from htcgrid.connector import Outcome


@click.command()
@click.argument("session", shell_complete=complete_sessions)
@config_option
@click.option("--timeout", type=float, help="Seconds to wait at most; for ever when left out.")
@click.option(
    "--values", is_flag=True, help="Only the values, in the order of the tasks; fails with the first task that did."
)
@click.option("--json", is_flag=True, expose_value=False, help="Changes nothing: it is JSON anyway.")
def command(session: str, config: Path | None, timeout: float | None, *, values: bool) -> int:
    """Print the outcome of each task of SESSION as it becomes known, one JSON object a line.

    Exits with 1 when a task did not succeed.
    """
    from htcgrid.connector import Grid

    failed = False
    with Grid.open(required_config(config).file) as grid:
        handle = grid.session(session)
        if values:
            for value in handle.results(timeout=timeout):
                click.echo(msgspec.json.encode(_plain(value)))
            return 0
        for outcome in handle.outcomes(timeout=timeout):
            failed |= not outcome.succeeded
            click.echo(msgspec.json.encode(_shown(outcome)))
    return int(failed)


def _plain(value: Any) -> Any:
    """Return a value as JSON shows it: bytes in hexadecimal."""
    return value.hex() if isinstance(value, bytes) else value


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
    return shown
