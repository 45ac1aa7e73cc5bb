"""A side of the comparison: a checkout, and the Python that runs it."""

import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.ab.checkout import Checkout, NotComparableError
from benchmarks.program import ProgramError, output

#: How long it may take to make an environment: seconds.
_SECONDS = 900.0
#: Variables of whoever starts this that would reach the measured, and of a make that would reach another make.
_LEFT_OUT = ("HTCGRID_", "PYTHON", "MAKE", "MFLAGS", "GNUMAKEFLAGS")


class Side(NamedTuple):
    """What is measured, and how it is run."""

    name: str
    source: Path
    python: Path
    variables: Mapping[str, str]


def with_its_environment(checkout: Checkout) -> Side:
    """Return a side with an environment of its own, made from its own lock by its own Makefile if it is not there.

    Raises:
        NotComparableError: the environment cannot be made.
    """
    make = shutil.which("make")
    if make is None:
        raise NotComparableError("make is not installed, and it makes the environments: install make")
    command = [make, "--no-print-directory", f"PYTHON={sys.executable}", ".venv/demo.stamp"]
    with tempfile.TemporaryDirectory(prefix="htcgrid-ab-") as folder:
        log = Path(folder) / "log"
        try:
            output(command, log, at=checkout.folder, variables=variables(), seconds=_SECONDS)
        except ProgramError as error:
            raise NotComparableError(
                f"no environment can be made for {checkout.name}: {_cause(log) or error}; "
                f"try `make .venv/demo.stamp` in {checkout.folder}"
            ) from error
    return Side(checkout.name, checkout.folder, checkout.folder / ".venv" / "bin" / "python", variables())


def _cause(log: Path) -> str:
    """Return the last that was said before make said that it failed; empty if nothing was."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line and not line.startswith("make: ")), "")


def with_this_environment(checkout: Checkout) -> Side:
    """Return a side that is run in the environment of this process, with its own files before all others."""
    document = tomllib.loads((checkout.folder / "pyproject.toml").read_text())
    folders = [str(checkout.folder / name) for name in document["tool"]["hatch"]["build"]["dev-mode-dirs"]]
    path = os.pathsep.join(folders)
    return Side(checkout.name, checkout.folder, Path(sys.executable), {**variables(), "PYTHONPATH": path})


def variables() -> dict[str, str]:
    """Return the variables of this process that both sides are given."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
