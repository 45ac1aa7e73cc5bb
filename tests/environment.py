"""A stranger's environment: htcgrid's wheel, what it requires, and no source folder."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
_UV = (sys.executable, "-m", "uv", "--offline", "--no-config", "--no-cache", "--quiet")


class Environment:
    """A virtual environment that is made of wheels."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        run(*_UV, "venv", "--no-project", "--python", sys.executable, folder)
        [self.packages] = folder.glob("lib/python*/site-packages")

    def command(self, name: str, *words: str | Path) -> list[str | Path]:
        """Return the words of a command that is installed here."""
        return [self.folder / "bin" / name, *words]

    def install(self, *wheels: Path) -> None:
        """Unpack wheels."""
        run(*_UV, "pip", "install", "--no-deps", "--no-index", "--python", self.folder, *wheels)

    def install_what_is_required(self, distribution_with_extras: str) -> None:
        """Link to what the development set has of all that the wheels require, and to nothing else.

        So nothing is fetched, on no machine, and still a requirement that a wheel forgets to name is missed: only what
        the wheels' metadata leads to is here, and htcgrid of the development set, which is its source folder, is not.
        """
        wanted, known = [Requirement(distribution_with_extras)], set[str]()
        while wanted:
            requirement = wanted.pop()
            if requirement.name not in known:
                known.add(requirement.name)
                found = self._found(requirement.name)
                assert requirement.specifier.contains(found.version, prereleases=True), (
                    f"{requirement}: {found.version}"
                )
                wanted += required(found, requirement.extras)

    def _found(self, name: str) -> Distribution:
        """Return the distribution of this name, which is here or comes from the development set."""
        for found in distributions(name=name, path=[str(self.packages)]):
            return found
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            (self.packages / top).symlink_to(Path(str(found.locate_file(top))))
        return found


def required(found: Distribution, extras: set[str]) -> Iterator[Requirement]:
    """Yield what a distribution requires on this machine, with these extras of it."""
    for requirement in map(Requirement, found.requires or ()):
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield requirement


def run(*words: str | Path, folder: Path | None = None) -> str:
    """Run a command that must succeed, and that is told of no source folder; return what it wrote to stdout."""
    ended = subprocess.run(
        words, cwd=folder, env=environment(), capture_output=True, text=True, timeout=110, check=False
    )
    assert ended.returncode == 0, f"{words}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def environment() -> dict[str, str]:
    """Return the variables of a stranger's shell."""
    ours = ("HTCGRID_", "PYTEST_", "PYTHON", "UV_", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"UV_PYTHON_DOWNLOADS": "never", "UV_LINK_MODE": "copy"}


def build(source: Path, folder: Path) -> Path:
    """Build the wheel of a distribution's source folder into an empty folder, and return it."""
    run(*_UV, "build", "--no-build-isolation", "--wheel", "--python", sys.executable, "--out-dir", folder, source)
    [wheel] = folder.glob("*.whl")
    return wheel
