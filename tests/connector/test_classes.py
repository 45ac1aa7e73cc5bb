"""Classes that data names: whose they are, and where they are found."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from htcgrid.agent_process import agent_process

SHAPES = """
import dataclasses, enum

@dataclasses.dataclass(frozen=True)
class Trade:
    notional: float

class Side(enum.Enum):
    BUY = 1
"""
JOBS = "def echo(event):\n    return event\ndef kind(event):\n    return type(event).__module__\n"
IMPORTING = f"import shapes\n{JOBS}def made(event):\n    return shapes.Trade(float(event))\n"
OWN = f"{SHAPES}\n{JOBS}"
CLIENT = """
import sys
{top}
from htcgrid import Grid
if __name__ == "__main__":
    with Grid.open({opened}) as grid:
        try:
            {body}
        except Exception as error:
            print(str(error).splitlines()[0])
"""

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a client script in a folder with these modules; returns the last line that it prints."""
    (tmp_path / "shapes.py").write_text(SHAPES)
    (tmp_path / "plain_jobs.py").write_text(JOBS)
    (tmp_path / "shape_jobs.py").write_text(IMPORTING)
    (tmp_path / "own_jobs.py").write_text(OWN)

    def run(body: str, top: str = "", opened: str = "workers=1", name: str = "client.py") -> str:
        script = tmp_path / name
        script.write_text(CLIENT.format(top=top, opened=opened, body=body))
        done = subprocess.run(
            [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1]

    return run


SENT = "print(grid.submit({handler!r}, [{value}], retry=None).results(timeout=40)[0])"
MODULE = "import shapes"
TRADE = "shapes.Trade(1.5)"


@pytest.mark.parametrize(
    ("handler", "top", "value", "printed"),
    [
        ("plain_jobs:echo", MODULE, TRADE, "Trade(notional=1.5)"),
        ("shape_jobs:echo", MODULE, TRADE, "Trade(notional=1.5)"),
        ("plain_jobs:kind", MODULE, TRADE, "shapes"),
        ("shape_jobs:made", "", "2", "Trade(notional=2.0)"),
        # The client's script has them, and the handler is elsewhere.
        ("plain_jobs:echo", SHAPES, "Trade(1.5)", "Trade(notional=1.5)"),
        (
            "plain_jobs:echo",
            SHAPES,
            "[Side.BUY, {Side.BUY: Trade(1.5)}]",
            "[<Side.BUY: 1>, {<Side.BUY: 1>: Trade(notional=1.5)}]",
        ),
        ("plain_jobs:kind", SHAPES, "Side.BUY", "__mp_main__"),
    ],
)
def test_an_embedded_grid_finds_the_classes_of_its_client(
    run: Run, handler: str, top: str, value: str, printed: str
) -> None:
    assert run(SENT.format(handler=handler, value=value), top) == printed


def test_a_script_s_class_is_one_class_wherever_it_is_met(run: Run) -> None:
    top = f"{SHAPES}\ndef same(event):\n    return [type(event) is Trade, event]\n"
    body = """
            mine = Trade(2.0)
            (ok, back), = grid.submit(same, [mine]).results(timeout=40)
            (called,) = grid.map(same, [Trade(3.0)])
            echoed = grid.submit("plain_jobs:echo", [mine]).results(timeout=40)
            print(ok, type(back) is Trade, called[0], echoed == [mine])
    """
    assert run(body.strip(), top) == "True True True True"


@pytest.fixture
def standing(tmp_path: Path) -> Callable[[list[str]], Path]:
    def write(handlers: list[str]) -> Path:
        file = tmp_path / "grid.toml"
        file.write_text(
            f'[state]\nprovider = "local"\npath = "{tmp_path}/grid"\n'
            f"[agent]\nhandlers = {handlers}\nworkers = 1\npath = [{str(tmp_path)!r}]\n"
        )
        return file

    return write


@pytest.mark.parametrize(
    ("handlers", "handler", "printed"),
    [
        (["*"], "plain_jobs:echo", "Trade(notional=1.5)"),
        (["plain_jobs:*", "shapes:*"], "plain_jobs:echo", "Trade(notional=1.5)"),
        (["plain_jobs:*", "shapes:Trade"], "plain_jobs:echo", "Trade(notional=1.5)"),
        (["shape_jobs:*"], "shape_jobs:echo", "Trade(notional=1.5)"),
        (
            ["plain_jobs:*"],
            "plain_jobs:echo",
            "class Trade of module 'shapes' is not imported here, and no pattern of 'handlers' in [agent] allows",
        ),
        (
            ["plain_jobs:*", "shapes:Side"],
            "plain_jobs:echo",
            "class Trade of module 'shapes' is not imported here",
        ),
    ],
)
def test_an_agent_imports_for_data_only_what_it_allows(
    run: Run, standing: Callable[[list[str]], Path], handlers: list[str], handler: str, printed: str
) -> None:
    file = standing(handlers)
    with agent_process(file):
        said = run(SENT.format(handler=handler, value=TRADE), MODULE, opened=repr(str(file)))
    assert printed in said


def test_a_class_that_the_agent_cannot_import_is_told_with_both_sides_folders(
    run: Run, standing: Callable[[list[str]], Path], tmp_path: Path
) -> None:
    own = tmp_path / "only-the-client-s"
    own.mkdir()
    (own / "hidden.py").write_text(SHAPES)
    file = standing(["*"])
    top = f"sys.path.insert(0, {str(own)!r})\nimport hidden"
    with agent_process(file):
        said = run(SENT.format(handler="plain_jobs:echo", value="hidden.Trade(1.0)"), top, opened=repr(str(file)))
    assert "class Trade of module 'hidden' cannot be found here: ModuleNotFoundError: No module named 'hidden'" in said
    assert f"this side imports from {tmp_path}" in said
    assert f"the other side from {own}, {tmp_path}" in said


def test_a_script_s_class_is_not_found_by_an_agent_that_has_not_the_script(
    run: Run, standing: Callable[[list[str]], Path], tmp_path: Path
) -> None:
    file = standing(["*"])
    with agent_process(file):
        said = run(SENT.format(handler="plain_jobs:echo", value="Trade(1.5)"), SHAPES, opened=repr(str(file)))
    assert f"it is defined in the client's script {tmp_path / 'client.py'}" in said
    assert "put the class into a module" in said


def test_another_script_does_not_take_a_script_s_classes_for_its_own(run: Run, tmp_path: Path) -> None:
    grid = f"folder={str(tmp_path / 'grid')!r}, workers=1"
    run('print(grid.submit("plain_jobs:echo", [Trade(1.5)], id="kept").results(timeout=40))', SHAPES, grid)
    read = 'print(grid.session("kept").results(timeout=40))'
    assert run(read, SHAPES, grid) == "[Trade(notional=1.5)]"
    said = run(read, SHAPES, grid, name="other.py")
    assert f"it is defined in the script {tmp_path / 'client.py'}, and this process runs the script" in said


def test_who_reads_a_session_of_others_imports_nothing_that_its_data_names(run: Run, tmp_path: Path) -> None:
    grid = f"folder={str(tmp_path / 'grid')!r}, workers=1"
    assert run(f'print(grid.submit("plain_jobs:echo", [{TRADE}], id="kept").results(timeout=40))', MODULE, grid)
    read = 'print(grid.session("kept").results(timeout=40))'
    said = run(read, "", grid, name="other.py")
    assert "task 0: the result: class Trade of module 'shapes' cannot be found here" in said
    assert "import it first" in said
    assert run(read, MODULE, grid, name="other.py") == "[Trade(notional=1.5)]"
