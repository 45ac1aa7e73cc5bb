"""An example: a folder with a handler module and a small client that splits the input and merges the results."""

import importlib.util
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any

import msgspec

from htcgrid.connector import Grid, Outcome
from htcgrid.errors import ConfigError
from htcgrid.model import defaults

_CLIENT = "client.py"


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
        if not module or not function:
            raise ConfigError(
                f"{self._file}: HANDLER must be 'module:function' of a module beside it, not {self.client.HANDLER!r}"
            )
        self.handler = f"{self.folder / module}.py:{function}"

    def run(self, grid: Grid, document: Any, *, progress: bool | None = None, pool: str = defaults.POOL) -> Run:
        """Split ``document``, run its tasks in a pool, merge the results; see :meth:`SessionHandle.results`."""
        submitting = time.time()
        tasks = self._split(document)
        session = grid.submit(self.handler, tasks, codec="json", pool=pool)
        submitted = time.time()
        outcomes = list[Timed]()
        try:
            outcomes.extend(
                Timed(outcome=outcome, fetched=time.time()) for outcome in session.outcomes(progress=progress)
            )
        except KeyboardInterrupt:
            session.cancel()
            raise
        outcomes.sort(key=lambda timed: timed.outcome.index)
        output = self._merge(document, [_result(timed.outcome) for timed in outcomes])
        return Run(output=output, outcomes=outcomes, submitting=submitting, submitted=submitted, ended=time.time())

    @property
    def _file(self) -> Path:
        return self.folder / _CLIENT

    def _split(self, document: Any) -> list[Any]:
        try:
            return list(self.client.split(document))
        except ValueError as error:
            raise ConfigError(f"the input of {self.folder.name} is not right: {error}") from error
        except Exception as error:
            raise self._broken("split", error) from error

    def _merge(self, document: Any, results: list[Any]) -> Any:
        try:
            return self.client.merge(document, results)
        except Exception as error:
            raise self._broken("merge", error) from error

    def _broken(self, function: str, error: Exception) -> ConfigError:
        """Return what tells the author of a client which of its lines went wrong."""
        lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == str(self._file)]
        where = f"{self._file}, line {lines[-1]}" if lines else str(self._file)
        return ConfigError(f"{where}: {function} fails: {type(error).__name__}: {error}")


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
    file = folder / _CLIENT
    if not file.is_file():
        raise ConfigError(f"{folder} is no example: it has no client.py with HANDLER, split and merge")
    spec = importlib.util.spec_from_file_location(f"htcgrid_example_{folder.name}", file)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{file} is no Python module")
    module = importlib.util.module_from_spec(spec)
    # As for a script: a client may import its neighbours, also when it is called.
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{file} fails at import: {type(error).__name__}: {error}") from error
    if missing := [name for name in ("HANDLER", "split", "merge") if not hasattr(module, name)]:
        raise ConfigError(f"{file} lacks {', '.join(missing)}")
    return module


def _result(outcome: Outcome) -> Any:
    return outcome.value if outcome.succeeded else outcome.exception()
