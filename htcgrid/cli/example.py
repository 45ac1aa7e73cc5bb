"""An example: a folder with a handler module and a small client that splits the input and merges the results."""

import importlib.util
import time
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from rich.console import Console

from htcgrid.connector import Grid, Outcome
from htcgrid.connector.progress import progress_bar
from htcgrid.errors import ConfigError


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """An outcome, and when this client had it."""

    outcome: Outcome
    #: Seconds since the epoch.
    fetched: float


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of an example gave."""

    output: Any
    outcomes: list[Timed]
    #: Seconds since the epoch at which submitting began, had ended, and everything was fetched.
    submitting: float
    submitted: float
    ended: float

    @property
    def failed(self) -> list[Outcome]:
        """The tasks that did not succeed."""
        return [timed.outcome for timed in self.outcomes if not timed.outcome.succeeded]


class Example:
    """A folder with ``client.py``: ``HANDLER``, ``split(document)`` and ``merge(document, results)``.

    ``HANDLER`` is ``module:function`` of a module in the same folder. ``merge`` gets one result per task, in order: the
    handler's, or the error that stands for a task that failed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.client: Any = _load(self.folder)
        module, _, function = str(self.client.HANDLER).rpartition(":")
        self.handler = f"{self.folder / module}.py:{function}"

    def run(self, grid: Grid, document: Any, console: Console) -> Run:
        """Split ``document``, run its tasks with a live bar, merge the results."""
        submitting = time.time()
        try:
            tasks = list(self.client.split(document))
        except ValueError as error:
            raise ConfigError(f"the input of {self.folder.name} is not right: {error}") from error
        session = grid.submit(self.handler, tasks)
        submitted = time.time()
        outcomes = []
        try:
            with progress_bar(self.folder.name, console) as bar:
                failed = 0
                for outcome in session.outcomes():
                    outcomes.append(Timed(outcome=outcome, fetched=time.time()))
                    failed += not outcome.succeeded
                    bar.show(ended=len(outcomes), total=len(tasks), failed=failed)
        except KeyboardInterrupt:
            session.cancel()
            raise
        outcomes.sort(key=lambda timed: timed.outcome.index)
        output = self.client.merge(document, [_result(timed.outcome) for timed in outcomes])
        return Run(output=output, outcomes=outcomes, submitting=submitting, submitted=submitted, ended=time.time())


def default_folder(name: str) -> Path:
    """Return the folder of an example that comes with htcgrid, installed or checked out.

    Raises:
        ConfigError: it is in neither place.
    """
    package = Path(__file__).parent.parent
    places: Iterable[Path] = (package / "examples" / name, package.parent / "examples" / name)
    for place in places:
        if place.is_dir():
            return place
    raise ConfigError(f"the example {name!r} did not come with this installation of htcgrid: check the project out")


def _load(folder: Path) -> ModuleType:
    file = folder / "client.py"
    if not file.is_file():
        raise ConfigError(f"{folder} is no example: it has no client.py with HANDLER, split and merge")
    spec = importlib.util.spec_from_file_location(f"htcgrid_example_{folder.name}", file)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{file} is no Python module")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"{file} fails at import: {type(error).__name__}: {error}") from error
    if missing := [name for name in ("HANDLER", "split", "merge") if not hasattr(module, name)]:
        raise ConfigError(f"{file} lacks {', '.join(missing)}")
    return module


def _result(outcome: Outcome) -> Any:
    return outcome.value if outcome.succeeded else outcome.exception()
