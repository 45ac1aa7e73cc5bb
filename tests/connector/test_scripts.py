"""Scripts as people run them: their workers have the same script, command line and interpreter."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

#: Runs a script of these lines in a folder, with these words of the interpreter and of the script; returns its output.
Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(code: str, *words: str, flags: tuple[str, ...] = (), name: str = "client.py", **more: Any) -> Any:
        (tmp_path / name).write_text(code, encoding="utf-8")
        target = (
            ["-m", name.removesuffix(".py")] if more.pop("module", False) else [tmp_path / more.pop("target", name)]
        )
        more.setdefault("cwd", tmp_path)
        done = subprocess.run(
            [sys.executable, *flags, *target, *words], capture_output=True, text=True, timeout=60, check=False, **more
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run


ASKING = """
import json, os, sys
from htcgrid import Grid

{top}

def asked(event, context):
    return {asked}

if __name__ == "__main__":
    with Grid.open(workers=1) as grid:
        print(json.dumps(grid.submit(asked, [1], codec="json").results(timeout=40)[0]))
"""


def asking(asked: str, top: str = "") -> str:
    return ASKING.format(asked=asked, top=top)


def test_a_script_reads_its_own_arguments_in_its_workers_too(run: Run) -> None:
    code = asking("[event * RATE, sys.argv[1:]]", "RATE = float(sys.argv[1])")
    assert run(code, "0.05", "--name=", "ü \\ '", "") == [0.05, ["0.05", "--name=", "ü \\ '", ""]]


def test_ten_thousand_arguments_reach_the_workers(run: Run) -> None:
    words = [f"/data/portfolio/{number:032}" for number in range(10_000)]
    assert run(asking("[len(sys.argv), sys.argv[-1]]"), *words) == [10_001, words[-1]]


def test_an_argument_that_no_encoding_has_reaches_the_workers(run: Run, tmp_path: Path) -> None:
    assert run(asking("os.fsencode(sys.argv[1]).hex()"), b"caf\xe9") == b"caf\xe9".hex()


def test_arguments_that_the_script_itself_has_made_up_reach_the_workers(run: Run) -> None:
    # Such a one is no byte of any encoding.
    assert run(asking("ascii(sys.argv[1:])", r"sys.argv[1:] = ['\ud800', '\udcff', '€', '\0']")) == ascii(
        ["\ud800", "\udcff", "€", "\0"]
    )


def test_arguments_stand_in_no_file_and_in_no_worker_s_environment(run: Run, tmp_path: Path) -> None:
    code = asking("[name for name in os.environ if 'CLIENT' in name]").replace(
        "workers=1)", f"workers=1, folder={str(tmp_path / 'grid')!r})"
    )
    assert run(code, "--password=sesame-canary") == []
    for file in (tmp_path / "grid").rglob("*"):
        assert not file.is_file() or b"sesame-canary" not in file.read_bytes(), file


FLAGS = {
    "-O": "sys.flags.optimize",
    "-OO": "sys.flags.optimize",
    "-B": "sys.flags.dont_write_bytecode",
    "-b": "sys.flags.bytes_warning",
    "-s": "sys.flags.no_user_site",
    "-E": "sys.flags.ignore_environment",
    "-I": "[sys.flags.isolated, sys.flags.ignore_environment]",
    "-Xutf8": "sys.flags.utf8_mode",
    "-Xutf8=0": "sys.flags.utf8_mode",
    "-Xdev": "sys.flags.dev_mode",
    "-Xint_max_str_digits=5000": "sys.get_int_max_str_digits()",
    "-Xno_debug_ranges": "'no_debug_ranges' in sys._xoptions",
    "-Wignore::UserWarning": "'ignore::UserWarning' in sys.warnoptions",
    "-Werror:told:UserWarning": "'error:told:UserWarning' in sys.warnoptions",
}


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_of_the_client_s_interpreter_reaches_its_workers(run: Run, flag: str) -> None:
    code = asking(f"[{FLAGS[flag]}, VALUE]", f"VALUE = {FLAGS[flag]}")
    there, here = run(code, flags=(flag,))
    expected = subprocess.run(
        [sys.executable, flag, "-c", f"import sys, json; print(json.dumps({FLAGS[flag]}))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert there == here == json.loads(expected.stdout)


def test_a_client_without_site_packages_has_workers_that_find_them(run: Run) -> None:
    """It has found htcgrid by itself."""
    code = f"import sys\nsys.path += {sys.path}\n{asking('event')}"
    assert run(code, flags=("-S",)) == 1


def test_strings_have_the_same_hashes_in_workers_when_the_seed_is_set(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    code = asking("hash('EUR')").replace("print(json.dumps(", "print(json.dumps(hash('EUR') == ")
    assert run(code) is True


SHAPES = """
import dataclasses, enum, json, os, sys
from htcgrid import Grid

class Curve:
    def __init__(self, rate):
        self.rate = rate

@dataclasses.dataclass
class Trade:
    notional: float

class Side(enum.Enum):
    BUY = 1

class Broken(Exception):
    pass

def same(event, context):
    return [isinstance(event, kind) for kind in (Curve, Trade, Side)], Curve(2), Trade(3.0), Side.BUY

def breaks(event):
    raise Broken("so it is")

def twice(trade):
    return Trade(2 * trade.notional)

def here(event, context):
    main = sys.modules["__main__"]
    return [main is sys.modules["__mp_main__"], main.here is here, main.__file__ == __file__, __name__, event]

if __name__ == "__main__":
    with Grid.open(workers=1) as grid:
        said = []
        for event in (Curve(1), Trade(1.0), Side.BUY):
            kinds, *made = grid.submit(same, [event], codec="pickle").results(timeout=40)[0]
            said.append([kinds, isinstance(made[0], Curve), isinstance(made[1], Trade), made[2] is Side.BUY])
        (outcome,) = grid.map(breaks, [1], codec="pickle", return_exceptions=True, retry=None)
        said.append(isinstance(outcome, Broken) or repr(outcome))
        # What a pickled function returns is of the script's classes, though it came by itself.
        found = grid.map(twice, [grid.put(Trade(2.0))], codec="pickle")
        said.append(next(found) == Trade(4.0))
        said.append(grid.submit(here, [1]).results(timeout=40)[0])
        print(json.dumps(said))
"""


@pytest.mark.parametrize("module", [False, True])
def test_what_a_script_defines_is_the_same_on_both_sides(run: Run, module: bool) -> None:
    said = run(SHAPES, module=module)
    rest = [True, True, True]
    assert said[0] == [[True, False, False], *rest]
    assert said[1] == [[False, True, False], *rest]
    assert said[2] == [[False, False, True], *rest]
    assert said[3:] == [True, True, [True, True, True, "__mp_main__", 1]]


SPAWNING = """
import json, multiprocessing, os
from concurrent.futures import ProcessPoolExecutor
from htcgrid import Grid

def square(number):
    return [number * number, os.getpid()]

def spawns(event, context):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        return [*pool.map(square, event), [os.getpid()]]

if __name__ == "__main__":
    with Grid.open(workers=1) as grid:
        *squares, own = grid.submit(spawns, [[1, 2, 3]]).results(timeout=50)[0]
        print(json.dumps([[number for number, _ in squares], own[0] in [pid for _, pid in squares]]))
"""


@pytest.mark.parametrize("module", [False, True])
def test_a_handler_may_start_processes_that_find_its_script(run: Run, module: bool) -> None:
    assert run(SPAWNING, module=module) == [[1, 4, 9], False]


SCRIPTS = """
import json, os, sys
from htcgrid import Grid

def name(event, context):
    main = sys.modules["__main__"]
    return [main.__file__, os.getpid()]

if __name__ == "__main__":
    with Grid.open("grid.toml") as grid:
        print(json.dumps(grid.submit(name, [1]).results(timeout=40)[0]))
"""


def test_another_script_is_another_worker_s(run: Run, tmp_path: Path) -> None:
    from htcgrid.agent_process import agent_process

    (tmp_path / "grid.toml").write_text(
        f'[state]\nprovider = "local"\npath = "{tmp_path}/grid"\n[agent]\nhandlers = ["{tmp_path}/*:*"]\nworkers = 1\n'
    )
    with agent_process(tmp_path / "grid.toml"):
        found = [run(SCRIPTS, name=name) for name in ("one.py", "two.py", "two.py", "one.py")]
    assert [file for file, _ in found] == [str(tmp_path / name) for name in ("one.py", "two.py", "two.py", "one.py")]
    assert found[0][1] != found[1][1] == found[2][1] != found[3][1]


def test_on_a_grid_with_standing_agents_the_arguments_are_the_handler_s_name(run: Run, tmp_path: Path) -> None:
    from htcgrid.agent_process import agent_process

    (tmp_path / "grid.toml").write_text(
        f'[state]\nprovider = "local"\npath = "{tmp_path}/grid"\n[agent]\nhandlers = ["*"]\nworkers = 1\n'
        f'path = ["{tmp_path}"]\n'
    )
    (tmp_path / "pricing.py").write_text("import sys\nSEEN = list(sys.argv)\ndef seen(event): return SEEN\n")
    code = asking("sys.argv").replace("Grid.open(workers=1)", "Grid.open('grid.toml')")
    first = "print(json.dumps(grid.submit('pricing:seen', [1]).results(timeout=40)[0]))"
    both = code.replace("print(", f"{first}\n        print(")
    with agent_process(tmp_path / "grid.toml"):
        assert run(both, "secret") == [str(tmp_path / "client.py")]
        seen = subprocess.run(
            [sys.executable, "client.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
        )
    assert json.loads(seen.stdout.splitlines()[0]) == ["pricing"]


def test_a_folder_that_is_run_is_a_script(run: Run, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    assert run(asking("[event, __name__]"), name="app/__main__.py", target="app") == [1, "__mp_main__"]


NESTED = """
import json, multiprocessing
from htcgrid import Grid

def more(event):
    return event + 1

def nested(event):
    with Grid.open(workers=1) as grid:
        return [*grid.submit(more, [event]).results(timeout=40), *grid.map(more, [event])]

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(json.dumps(pool.map(nested, [1])[0]))
"""


def test_a_script_s_functions_are_handlers_also_for_grids_that_its_processes_open(run: Run) -> None:
    assert run(NESTED) == [2, 2]
