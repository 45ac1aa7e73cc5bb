"""The template for a provider is a whole distribution: built, installed beside htcgrid's wheel, found, held to the kit.

Everything here happens in an environment that has the two wheels, what they require, and no source folder.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import msgspec
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "examples" / "provider-template"
UV = (sys.executable, "-m", "uv", "--offline", "--no-config", "--no-cache", "--quiet")

_GRID = """
[state]
provider = "local"
path = "state"

[queue]
provider = "folder"
path = "shared"

[payloads]
provider = "folder"
path = "shared"

[agent]
handlers = ["work:*"]
path = ["."]
workers = 1
"""
_ORIGIN = """
import htcgrid
from htcgrid.plugins import load_provider
from importlib import import_module

provider = load_provider("folder")
print(htcgrid.__file__)
print(*(import_module(offer.__module__).__file__ for offer in (provider.task_queue, provider.payload_store)), sep="\\n")
"""


class Environment:
    """A virtual environment with both wheels in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        run(*UV, "venv", "--no-project", "--python", sys.executable, folder)
        [self.packages] = folder.glob("lib/python*/site-packages")

    def command(self, name: str, *words: str | Path) -> list[str | Path]:
        """Return the words of a command that is installed here."""
        return [self.folder / "bin" / name, *words]

    def install(self, *wheels: Path) -> None:
        """Unpack wheels."""
        run(*UV, "pip", "install", "--no-deps", "--no-index", "--python", self.folder, *wheels)

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


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("stranger")
    for source in (ROOT, TEMPLATE):
        build = ("build", "--no-build-isolation", "--wheel", "--python", sys.executable, "--out-dir", folder / "dist")
        run(*UV, *build, source)
    environment = Environment(folder / "venv")
    environment.install(*sorted((folder / "dist").glob("*.whl")))
    environment.install_what_is_required("htcgrid-folder[test]")
    return environment


def test_the_environment_has_what_the_wheels_require_and_nothing_else(installed: Environment) -> None:
    found = {found.name.lower() for found in distributions(path=[str(installed.packages)])}
    assert {"htcgrid", "htcgrid-folder", "click", "msgspec", "pytest", "hypothesis"} <= found
    assert not found & {"hatchling", "mypy", "quantlib"}


def test_it_is_listed_with_its_tables(installed: Environment, tmp_path: Path) -> None:
    listed = run(*installed.command("htcgrid", "providers"), folder=tmp_path).splitlines()
    assert "folder  (htcgrid-folder)  [queue], [payloads]" in listed
    assert "local  (htcgrid)  [state], [queue], [payloads], [compute]" in listed


def test_it_is_loaded_through_its_entry_point_and_from_no_source_folder(installed: Environment, tmp_path: Path) -> None:
    origins = run(*installed.command("python", "-c", _ORIGIN), folder=tmp_path).splitlines()
    assert [Path(origin).relative_to(installed.packages).parts[0] for origin in origins] == [
        "htcgrid",
        "htcgrid_folder",
        "htcgrid_folder",
    ]


def test_its_own_tests_pass_and_the_kit_is_among_them(installed: Environment, tmp_path: Path) -> None:
    shutil.copytree(TEMPLATE / "tests", tmp_path / "tests")
    shutil.copy(TEMPLATE / "pyproject.toml", tmp_path)
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--junit-xml", "report.xml")
    shown = run(*installed.command("python", *words), folder=tmp_path)
    report = (tmp_path / "report.xml").read_text()
    for contract in ("TestFolderPayloadStore", "TestFolderTaskQueue", "TestGridOnAFolder"):
        assert f".{contract}" in report
    assert " skipped" not in shown


def test_a_grid_toml_that_names_it_runs_a_session(installed: Environment, tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text(_GRID)
    (tmp_path / "work.py").write_text("def length(event):\n    return len(event)\n")
    (tmp_path / "tasks.json").write_bytes(msgspec.json.encode(["x" * size for size in (1, 300_000, 2)]))
    agent = subprocess.Popen(installed.command("htcgrid", "agent"), cwd=tmp_path, env=environment())
    try:
        session = run(*installed.command("htcgrid", "submit", "work:length", "--input", "tasks.json"), folder=tmp_path)
        words = ("results", session.strip(), "--values", "--timeout", "60")
        values = run(*installed.command("htcgrid", *words), folder=tmp_path)
    finally:
        agent.terminate()
        agent.wait(60)
    assert values.split() == ["1", "300000", "2"]
    shared = tmp_path / "shared"
    assert list(shared.glob("queue/pools/*/*")), "its hints went through the folder"
    assert list(shared.glob("payloads/objects/**/*.object")), "its large payload lies in the folder"


def test_what_the_template_names_in_its_files_is_there() -> None:
    project = tomllib.loads((TEMPLATE / "pyproject.toml").read_text())
    readme = (TEMPLATE / "README.md").read_text()
    [(name, module)] = project["project"]["entry-points"]["htcgrid"].items()
    assert (TEMPLATE / module / "__init__.py").is_file()
    assert f'provider = "{name}"' in readme
    assert readme.startswith(f"# {project['project']['name']}\n")
    named = [word for word in readme.split("`") if word.endswith(".py")]
    assert named
    assert all((TEMPLATE / module / word).is_file() for word in named)
