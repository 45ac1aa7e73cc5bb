"""The tests that CPython has for executors, on a grid's.

They are not copied: Debian has them in libpython3.11-testsuite, and other distributions with the interpreter.
"""

import importlib.util
import os
import sys
import unittest
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import cloudpickle
import pytest

from htcgrid import Grid
from htcgrid.connector import GridExecutor

_FILE = "test_concurrent_futures.py"
#: Tests that start a script which imports the executor by its name from concurrent.futures, where a grid's is not.
_SCRIPT = "its script imports the executor from concurrent.futures; test_executor_at_exit.py has the same for a grid"
#: What is left out, and why.
EXCLUDED = {
    "ExecutorShutdownTest": {
        "test_interpreter_shutdown": _SCRIPT,
        "test_submit_after_interpreter_shutdown": _SCRIPT,
        "test_hang_gh83386": _SCRIPT,
    }
}
WORKERS = 5


def found() -> Path | None:
    """Return the file with the tests: beside the interpreter, or where Debian has it."""
    folders = [Path(os.__file__).parent / "test", Path("/usr/lib/python3.11/test")]
    return next((folder / _FILE for folder in folders if (folder / _FILE).is_file()), None)


def loaded() -> ModuleType:
    """Return CPython's tests as a module."""
    if sys.version_info >= (3, 12):
        pytest.skip("CPython 3.12 has split the file; the tests of 3.11 are run on 3.11", allow_module_level=True)
    file = found()
    if file is None:
        reason = f"{_FILE} is not installed (Debian: apt install libpython3.11-testsuite)"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason, allow_module_level=True)
    spec = importlib.util.spec_from_file_location("cpython_test_concurrent_futures", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    # Workers know no module of this name: what it defines travels whole, as what a script defines does.
    cloudpickle.register_pickle_by_value(module)
    return module


cpython = loaded()


@pytest.fixture(scope="module")
def five_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid.open(folder=tmp_path_factory.mktemp("grid"), workers=WORKERS) as grid:
        yield grid


class OnGrid:
    """What CPython's mixins are for its own executors."""

    worker_count = WORKERS
    executor_kwargs: ClassVar[dict[str, Any]] = {}
    grid: Grid

    @pytest.fixture(autouse=True)
    def _on_grid(self, five_workers: Grid) -> None:
        type(self).grid = five_workers
        # CPython's tests note each dead child that nobody waited for. Those of other tests are not theirs.
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    def executor_type(self, max_workers: int | None = None) -> GridExecutor:
        """Return a new executor."""
        return self.grid.executor(max_workers, codec="pickle")


def on_grid(name: str) -> type:
    """Return one of CPython's classes of tests, as a case on a grid."""
    tests = getattr(cpython, name)
    left_out = {test: unittest.skip(why)(getattr(tests, test)) for test, why in EXCLUDED.get(name, {}).items()}
    bases = (OnGrid, tests, cpython.ExecutorMixin, cpython.BaseTestCase)
    return type(name, bases, left_out)


TestExecutor = on_grid("ExecutorTest")
TestWait = on_grid("WaitTests")
TestAsCompleted = on_grid("AsCompletedTests")
TestExecutorShutdown = on_grid("ExecutorShutdownTest")


@pytest.mark.parametrize(("case", "name"), [(case, name) for case, names in EXCLUDED.items() for name in names])
def test_what_is_left_out_is_there(case: str, name: str) -> None:
    assert callable(getattr(getattr(cpython, case), name))


def test_what_was_run_was_the_tests_of_cpython() -> None:
    cases = (TestExecutor, TestWait, TestAsCompleted, TestExecutorShutdown)
    names = [name for case in cases for name in dir(case) if name.startswith("test_")]
    assert len(names) >= 26
    assert not cpython.support.environment_altered, "an executor left threads behind"
