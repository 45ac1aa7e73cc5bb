"""How a process knows that it is a worker's, or was started by one, and of which grid.

A handler that waits for its own grid holds the worker that would run what it waits for; with enough of them nothing
goes on. And a grid that is embedded in each task is a whole grid per task.
"""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from htcgrid.config import Config
from htcgrid.errors import ConfigError

#: What names, in a worker's environment, its grid: processes that handlers start inherit it.
VARIABLE = "HTCGRID_WORKER_OF"
_INSTEAD = "return what is to be done next, and submit it from the client"


def mark_of(config: Config) -> str:
    """Return what tells a grid from others: its table ``[state]``, wherever the file stands."""
    values = dict(config.tables["state"])
    if isinstance(path := values.get("path"), str):
        # Of a home that is not there, opening it tells.
        with suppress(RuntimeError, ValueError):
            values["path"] = str((config.folder / Path(path).expanduser()).resolve())
    # What it says may name places that are nobody's business.
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


def refuse_embedded() -> None:
    """Raise inside a handler, where each task would start a grid.

    Raises:
        ConfigError: this process is a worker, or a handler has started it.
    """
    if VARIABLE in os.environ:
        raise ConfigError(
            f"an embedded grid cannot be opened inside a handler, where every task would start a grid: {_INSTEAD}; or "
            "name another grid, with agents of its own: Grid.open('path/of/grid.toml')"
        )


def refusal(mark: str) -> Callable[[], None] | None:
    """Return what raises where a wait for the grid with this mark would be one inside a handler of it; else None."""
    return _refuse_own if os.environ.get(VARIABLE) == mark else None


def _refuse_own() -> None:
    raise ConfigError(
        f"a handler cannot wait for tasks of its own grid, which may need the worker that it holds: {_INSTEAD}"
    )
