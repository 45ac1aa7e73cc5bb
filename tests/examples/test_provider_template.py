"""The template for a provider is a whole distribution: built, installed beside htcgrid's wheel, found, held to the kit.

Everything here happens in an environment that has the two wheels, what they require, and no source folder.
"""

import re
import shutil
import subprocess
import textwrap
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import msgspec
import pytest

from tests.environment import ROOT, Environment, build, environment, run

TEMPLATE = ROOT / "examples" / "provider-template"

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


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("stranger")
    made = Environment(folder / "venv")
    made.install(build(ROOT, folder / "ours"), build(TEMPLATE, folder / "theirs"))
    made.install_what_is_required("htcgrid-folder[test]")
    return made


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


def test_a_copy_is_made_ones_own_by_the_commands_of_its_readme(installed: Environment, tmp_path: Path) -> None:
    copy = shutil.copytree(TEMPLATE, tmp_path / "copy", ignore=shutil.ignore_patterns(".*", "__pycache__"))
    [commands] = re.findall(r"called by:\n\n((?: {7}.*\n)+)", (copy / "README.md").read_text())
    run("sh", "-ec", textwrap.dedent(commands), folder=copy)
    assert not [file for file in copy.rglob("*.*") if re.search(r"htcgrid[-_]folder|Folder[A-Z]", file.read_text())]
    installed.install(build(copy, tmp_path / "dist"))
    listed = run(*installed.command("htcgrid", "providers"), folder=tmp_path).splitlines()
    assert "acme  (htcgrid-acme)  [queue], [payloads]" in listed
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_payloads.py")
    assert " passed" in run(*installed.command("python", *words), folder=copy)


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
