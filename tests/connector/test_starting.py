"""An embedded grid starts in whatever surroundings its client was started."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from htcgrid import Grid
from htcgrid.errors import ProviderError
from tests.agent import jobs

#: Exits with this when all results are right: a client may have no stream to print to.
RIGHT = 42
CLIENT = f"""
import os, resource, sys, tempfile
if __name__ == "__main__":
    exec(os.environ["BEFORE"])
from htcgrid import Grid

def square(event, context):
    return event * event

def total(event, context):
    return sum(context.get(event))

if __name__ == "__main__":
    closed = [number for number in range(3) if not os.path.exists(f"/proc/self/fd/{{number}}")]
    with Grid.open(workers=1) as grid:
        own = [os.readlink(f"/proc/self/fd/{{number}}") for number in closed]
        found = grid.submit(square, range(4)).results(timeout=100)
        found += grid.submit(total, [grid.put([1, 2, 3])]).results(timeout=100)
    left = [name for name in os.listdir(grid.config.folder.parent) if name == grid.config.folder.name]
    right = (found, left) == ([0, 1, 4, 9, 6], []) and set(own) <= {{os.devnull}}
    os._exit({RIGHT} if right else 1)
"""
#: Becomes the client, after what it is told to do.
STARTER = "import os, resource, sys; exec(sys.argv[1]); os.execv(sys.executable, [sys.executable, sys.argv[2]])"
LONG = "/".join(["as-long-as-nobody-would-have-it"] * 5)
OVERLONG = "/".join(["as-long-as-nobody-would-have-it"] * 18)


class Start(NamedTuple):
    """How a client is started, in a folder of its own."""

    #: Python code: what is done before it is started, and before it imports htcgrid.
    started: str = ""
    before: str = ""
    #: Files of its current folder.
    files: tuple[str, ...] = ()
    #: Where temporary folders are; the folder is made.
    place: str | bytes = b""
    variables: Mapping[str, str] = MappingProxyType({})


def closing(*numbers: int) -> str:
    return f"[os.close(number) for number in {numbers}]"


NO_READER = "reader, writer = os.pipe(); os.dup2(writer, 1); os.close(writer); os.close(reader)"
STARTS = {
    "stdin closed": Start(closing(0)),
    "stdout closed": Start(closing(1)),
    "stderr closed": Start(closing(2)),
    "all streams closed": Start(closing(0, 1, 2)),
    "streams that its script closes": Start(before=closing(0, 1, 2)),
    "stdout a pipe that nobody reads": Start(NO_READER),
    "a standard module's name": Start(files=("secrets.py",)),
    "many standard modules' names": Start(
        files=("json.py", "logging.py", "socket.py", "types.py", "typing/__init__.py", "sqlite3.py", "runpy.py")
    ),
    "names of what an agent needs": Start(files=("htcgrid_agent.py", "htcgrid/__init__.py", "msgspec.py", "pluggy.py")),
    "a relative interpreter": Start(before="sys.executable = os.path.relpath(sys.executable)"),
    "a relative interpreter, and another folder": Start(
        before="sys.executable = os.path.relpath(sys.executable); os.mkdir('x'); os.chdir('x')"
    ),
    "a current folder that is gone": Start(before="os.mkdir('x'); os.chdir('x'); os.rmdir('../x')"),
    "an interpreter without a name": Start(before="sys.executable = ''"),
    "a temporary folder that is not there": Start(variables={"TMPDIR": "/no/such/place"}),
    "a temporary folder that is a file": Start(files=("file",), variables={"TMPDIR": "file"}),
    "a relative temporary folder": Start(place="here", variables={"TMPDIR": "here"}),
    "a temporary folder with spaces": Start(place="a  place of \t mine"),
    "a temporary folder with emoji": Start(place="t\N{PARTY POPPER}p"),
    "a temporary folder that is no text": Start(place=b"t\xff\xfemp"),
    "a temporary folder with quotes": Start(place="t\"m'p\\"),
    "a temporary folder with a long name": Start(place=LONG),
    "a temporary folder with a name that is too long": Start(place=OVERLONG),
    "a temporary folder that goes before": Start(place="soon", before="os.rmdir(tempfile.gettempdir())"),
    "few descriptors, and a higher limit": Start(
        "resource.setrlimit(resource.RLIMIT_NOFILE, (28, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))"
    ),
    "few descriptors": Start("resource.setrlimit(resource.RLIMIT_NOFILE, (44, 44))"),
}


@pytest.mark.parametrize("name", STARTS)
def test_a_grid_starts_and_leaves_nothing_behind_with(name: str, tmp_path: Path) -> None:
    start = STARTS[name]
    client, folder = tmp_path / "app" / "client.py", tmp_path / "folder"
    for file in (client, *(folder / name for name in start.files)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("raise ImportError('another module was meant')")
    folder.mkdir(exist_ok=True)
    client.write_text(CLIENT)
    variables = {**os.environ, "BEFORE": start.before}
    if start.place:
        place = os.path.join(os.fsencode(folder), os.fsencode(start.place))  # noqa: PTH118 - it may be no text
        os.makedirs(place)  # noqa: PTH103
        variables["TMPDIR"] = os.fsdecode(place)
    ended = subprocess.run(
        [sys.executable, "-c", STARTER, start.started, client],
        cwd=folder,
        env={**variables, **start.variables},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == RIGHT, (ended.stdout + ended.stderr).decode(errors="replace")


def replaced_by_file(place: Path, _folder: Path) -> None:
    shutil.rmtree(place)
    place.touch()


def replaced_by_empty(place: Path, folder: Path) -> None:
    shutil.rmtree(place)
    folder.mkdir(parents=True)


GOES: dict[str, Callable[[Path, Path], object]] = {
    "its folder goes": lambda _place, folder: shutil.rmtree(folder),
    "all temporary folders go": lambda place, _folder: shutil.rmtree(place),
    "all are moved": lambda place, _folder: place.rename(place.with_name("elsewhere")),
    "a file takes their place": replaced_by_file,
    "an empty folder takes its place": replaced_by_empty,
}


@pytest.mark.parametrize("name", GOES)
def test_who_waits_for_a_grid_is_told_when(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    with Grid.open(workers=1) as grid:
        assert grid.config is not None
        session = grid.submit(jobs.echo, [1])
        assert session.results(timeout=100) == [1]
        waiting = grid.submit(jobs.sleep, [100.0])
        began = time.monotonic()
        GOES[name](place, grid.config.folder)
        with pytest.raises(ProviderError):
            waiting.results(timeout=100)
        assert time.monotonic() - began < 60
