"""Scripts however they are started, and modules from wherever they are imported: workers find their functions."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

SCRIPT = """
import dataclasses, json, os, sys
{top}
from htcgrid import Grid

@dataclasses.dataclass
class Trade:
    notional: float

def square(event, context):
    return event * event

class Desk:
    @classmethod
    def name(cls, event):
        return cls.__name__

def add(left, right):
    return left + right

def main():
    {before}
    with Grid.open(workers=1) as grid:
        said = [*grid.submit(square, [3]).results(timeout=60), *grid.submit(Desk.name, [1]).results(timeout=60)]
        said += [*grid.map(add, [1], [2])]
        print(json.dumps(said))

if __name__ == "__main__":
    main()
"""
SAID = [9, "Desk", 3]


def code(top: str = "", before: str = "pass") -> str:
    return SCRIPT.format(top=top, before=before)


class Start(NamedTuple):
    """One way of starting a script."""

    #: Words after the interpreter.
    words: tuple[str | bytes, ...]
    #: Files, below the folder.
    files: Mapping[str, str] = MappingProxyType({"client.py": code()})
    #: Where it is started.
    cwd: str = "."
    #: What is done there before.
    prepare: Callable[[Path], object] = lambda _folder: None
    stdin: str = ""


def linked(folder: Path) -> None:
    (folder / "links").mkdir()
    (folder / "links/run.py").symlink_to(folder / "client.py")


def zipped(folder: Path) -> None:
    with zipfile.ZipFile(folder / "app.pyz", "w") as file:
        file.writestr("__main__.py", code("import beside"))
        file.writestr("beside.py", "")


def bytes_alone(folder: Path) -> None:
    made = os.fsencode(folder) + b"/caf\xe9"
    os.mkdir(made)  # noqa: PTH102 - no path of pathlib has these bytes
    Path(os.fsdecode(made), "client.py").write_text(code())


def compiled(folder: Path) -> None:
    import py_compile

    py_compile.compile(str(folder / "client.py"), cfile=str(folder / "client.pyc"))


WRAPPED = "import sys\nname = sys.argv[1]\nsys.argv[:] = sys.argv[1:]\n"
#: As coverage, kernprof and other tools run a script.
WRAPPER = f"{WRAPPED}exec(compile(open(name).read(), name, 'exec'), {{'__name__': '__main__', '__file__': name}})\n"
#: As runpy, and coverage, do.
RUNPY = f"{WRAPPED}import runpy\nrunpy.run_path(name, run_name='__main__')\n"
PACKAGE = {"desk/__init__.py": "", "desk/client.py": code("from desk import beside"), "desk/beside.py": ""}

STARTS = {
    "by its path": Start(("client.py",)),
    "by a path back": Start(
        ("../client.py",), {"client.py": code("import beside"), "beside.py": "", "sub/x": ""}, "sub"
    ),
    "by a link": Start(("links/run.py",), {"client.py": code("import beside"), "beside.py": ""}, prepare=linked),
    "without an ending": Start(("client",), {"client": code()}),
    "from a folder with an emoji": Start(("🦄 and spaces/client.py",), {"🦄 and spaces/client.py": code()}),
    "from a folder that is no UTF-8": Start((b"caf\xe9/client.py",), {}, prepare=bytes_alone),
    "compiled": Start(("client.pyc",), prepare=compiled),
    "as a module": Start(("-m", "desk.client"), PACKAGE),
    "as a package": Start(("-m", "desk"), {"desk/__init__.py": "", "desk/__main__.py": code()}),
    "as a folder": Start(("app",), {"app/__main__.py": code("import beside"), "app/beside.py": ""}),
    "as a zip file": Start(("app.pyz",), {}, prepare=zipped),
    "under cProfile": Start(("-m", "cProfile", "-o", "out", "client.py")),
    "under profile": Start(("-m", "profile", "-o", "out", "client.py")),
    "under trace": Start(("-m", "trace", "--count", "-C", "out", "client.py")),
    "under pdb": Start(("-m", "pdb", "-c", "continue", "-c", "quit", "client.py"), stdin="quit\n"),
    "by a tool": Start(("tool.py", "client.py"), {"tool.py": WRAPPER, "client.py": code()}),
    "by runpy": Start(("tool.py", "sub/client.py"), {"tool.py": RUNPY, "sub/client.py": code()}),
    "from stdin": Start(("-",), {"sub/x": ""}, stdin=code()),
    "as a command": Start(("-c", code())),
    "without a path, isolated": Start(("-I", "client.py")),
    "with its folder changed": Start(("client.py",), {"client.py": code("os.chdir('/')")}),
    "under a profiler with its folder changed": Start(
        ("-m", "cProfile", "-o", os.devnull, "client.py"), {"client.py": code(before="os.chdir('/')")}
    ),
    "deleted": Start(("client.py",), {"client.py": code(before="os.remove(__file__)")}),
}


@pytest.mark.parametrize("how", STARTS)
def test_a_script_s_functions_are_found_however_it_is_started(tmp_path: Path, how: str) -> None:
    start = STARTS[how]
    write(tmp_path, start.files)
    start.prepare(tmp_path)
    assert run(*start.words, cwd=tmp_path / start.cwd, stdin=start.stdin) == SAID


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def run(*words: str | bytes, cwd: Path, stdin: str = "") -> Any:
    """Return what a script's last line of JSON says."""
    done = subprocess.run(
        [sys.executable, *words], cwd=cwd, input=stdin.encode(), capture_output=True, timeout=100, check=False
    )
    lines = [line for line in done.stdout.decode(errors="replace").splitlines() if line.startswith("[")]
    assert lines, (done.stdout + done.stderr).decode(errors="replace")[-3000:]
    return json.loads(lines[-1])


#: By what is done to sys.path, and which modules are there then; each is imported by the client and by its workers.
PATHS = """
import json, os, pathlib, sys
from htcgrid import Grid
here = pathlib.Path(__file__).parent

{functions}

if __name__ == "__main__":
    sys.path.insert(0, "relative")
    sys.path.insert(0, here / "objects")
    sys.path.append(str(here / "at_the_end"))
    sys.path.append(str(here / "packed.zip"))
    sys.path.append(str(here / "spaces"))
    sys.path.append(os.fsdecode(os.fsencode(here) + b"/caf\\xe9"))
    names = ["by_relative", "ns.part", "ns.other", "by_zip", "by_bytes"]
    with Grid.open(workers=1) as grid:
        said = {{}}
        def ask(name):
            try:
                (said[name],) = grid.submit(name + ":whence", [1], retry=None).results(timeout=60)
            except Exception as error:
                said[name] = str(error)[:300]
        for name in names:
            __import__(name)
            function = sys.modules[name].whence
            (said[name],) = grid.submit(function, [1]).results(timeout=60)
        # Python passes over a Path there; for who has put it, workers do not.
        ask("by_object")
        ask("shadowed")
        # From here on the grid's workers have begun.
        sys.path.insert(0, str(here / "later"))
        ask("by_later")
        sys.path.append(os.fsdecode(os.fsencode(here) + b"/caf\\xe9\\xe9"))
        ask("by_later_bytes")
        os.chdir("sub")
        sys.path.insert(0, "")
        ask("by_here")
        ask("by_relative")
        # What stands behind the others stays there.
        sys.path.append(str(here / "behind"))
        ask("json")
        print(json.dumps([said, len(list(here.glob("nothing")))]))
"""


def test_workers_import_from_where_their_client_does_also_from_what_it_adds_later(tmp_path: Path) -> None:
    module = "import os\ndef whence(event, context): return os.path.basename(os.path.dirname(__file__))\n"
    places = {
        "relative/by_relative.py": "relative",
        "objects/by_object.py": "objects",
        "at_the_end/ns/part.py": "ns",
        "spaces/ns/other.py": "ns",
        "caf\udce9/by_bytes.py": "caf\udce9",
        "later/by_later.py": "later",
        "caf\udce9\udce9/by_later_bytes.py": "caf\udce9\udce9",
        "sub/by_here.py": "sub",
    }
    for name in places:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(module)
    # One that all would find at the end of their path, and none does.
    write(tmp_path, {"at_the_end/shadowed.py": module, "relative/shadowed.py": module, "behind/json.py": module})
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as packed:
        packed.writestr("by_zip.py", module)
    (tmp_path / "client.py").write_text(PATHS.format(functions=""))
    said, _ = run("client.py", cwd=tmp_path)
    expected = {Path(name).stem: folder for name, folder in places.items()}
    expected |= {"by_zip": "packed.zip", "shadowed": "relative", "ns.part": "ns", "ns.other": "ns"}
    assert "has no attribute 'whence'" in said.pop("json")
    assert said == {name: folder for name, folder in expected.items() if name not in {"part", "other"}}
