"""What mypy finds of htcgrid in a user's project."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import htcgrid

_HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int, str]]:
    """Return file, line and message of what mypy finds in copies of the two programs, in a folder of a user's."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "mypy.ini").write_text("[mypy]\nstrict = True\n")
    (folder / "sample.py").write_text((_HERE / "sample.py").read_text())
    # Under this name here, for our own checks read all that is Python.
    (folder / "wrong.py").write_text((_HERE / "wrong.txt").read_text())
    words = [sys.executable, "-m", "mypy", "--no-error-summary", "--config-file", "mypy.ini", "sample.py", "wrong.py"]
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert not ended.stderr
    parts = (line.split(":", 2) for line in ended.stdout.splitlines() if ": error: " in line)
    return [(file, int(line), message) for file, line, message in parts]


def test_htcgrid_tells_type_checkers_that_it_has_types() -> None:
    spec = find_spec("htcgrid")
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).with_name("py.typed").is_file()
    assert htcgrid.__file__ == spec.origin


def test_each_call_has_the_type_of_its_function(found: list[tuple[str, int, str]]) -> None:
    assert [one for one in found if one[0] != "wrong.py"] == []


def test_each_mistake_is_found_where_it_is(found: list[tuple[str, int, str]]) -> None:
    lines = (_HERE / "wrong.txt").read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, start=1) if line.endswith("# wrong")}
    assert len(wrong) > 10
    assert {line for file, line, _ in found if file == "wrong.py"} == wrong
