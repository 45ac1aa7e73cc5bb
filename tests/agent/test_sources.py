"""The files of handlers' code."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from zipfile import ZipFile

import pytest

from htcgrid_agent.runtimes.python.loader import Handlers
from htcgrid_agent.runtimes.python.script import Script
from htcgrid_agent.runtimes.python.sources import Sources


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder of handlers' code, which is forgotten afterwards."""
    before = set(sys.modules)
    mains = {name: sys.modules.get(name) for name in ("__main__", "__mp_main__")}
    files = {
        "watched_job.py": "import watched_helper, watched_pack.inner\ndef run(event):\n    import watched_late\n",
        "watched_helper.py": "RATE = 1\n",
        "watched_late.py": "RATE = 1\n",
        "watched_unused.py": "RATE = 1\n",
        "watched_pack/__init__.py": "",
        "watched_pack/inner.py": "from watched_pack import deep\ndef run(event): ...\n",
        "watched_pack/deep.py": "RATE = 1\n",
        "site-packages/watched_library.py": "RATE = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "watched_job.py").write_text(files["watched_job.py"] + "import watched_library\n")
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]
    for name, module in mains.items():
        if module is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = module


def rewritten(file: Path) -> None:
    file.write_text(file.read_text() + "# more\n")


def replaced(file: Path) -> None:
    other = file.with_suffix(".new")
    other.write_text(file.read_text())
    other.replace(file)


def of_the_same_size(file: Path) -> None:
    file.write_text(file.read_text()[::-1])
    os.utime(file, ns=(1, file.stat().st_mtime_ns + 1))


def of_the_same_size_and_time(file: Path) -> None:
    """Write as ``rsync --inplace --times`` does."""
    was = file.stat()
    file.write_text(file.read_text()[::-1])
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))


def touched(file: Path) -> None:
    os.utime(file, (1, 1))


def deleted(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("home", ["watched_job", "{folder}/watched_job.py"])
@pytest.mark.parametrize(
    ("name", "edit", "seen"),
    [
        ("watched_job.py", rewritten, True),
        ("watched_job.py", replaced, True),
        ("watched_job.py", of_the_same_size, True),
        ("watched_job.py", of_the_same_size_and_time, True),
        ("watched_job.py", touched, True),
        ("watched_job.py", deleted, False),
        ("watched_helper.py", rewritten, True),
        ("watched_helper.py", replaced, True),
        ("watched_late.py", rewritten, True),
        ("watched_pack/__init__.py", rewritten, True),
        ("watched_pack/inner.py", rewritten, True),
        ("watched_pack/deep.py", of_the_same_size, True),
        ("watched_unused.py", rewritten, False),
        ("site-packages/watched_library.py", rewritten, False),
    ],
)
def test_an_edit_of_what_was_imported_is_seen(
    folder: Path, home: str, name: str, edit: Callable[[Path], None], seen: bool
) -> None:
    sources = Sources()
    Handlers(sources=sources).load(f"{home.format(folder=folder)}:run")(1, None)
    sources.note()
    assert sources.edited() is None
    edit(folder / name)
    assert (sources.edited() is not None) == seen
    if seen:
        assert sources.edited() == str(folder / name)


def test_an_edit_in_a_zip_file_is_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = folder / "code.zip"

    def write(rate: int) -> None:
        with ZipFile(archive, "w") as file:
            file.writestr("watched_zipped.py", f"import watched_pack_zipped\ndef run(event): return {rate}\n")
            file.writestr("watched_pack_zipped/__init__.py", "")

    write(1)
    monkeypatch.syspath_prepend(archive)
    sources = Sources()
    Handlers(sources=sources).load("watched_zipped:run")
    assert sources.edited() is None
    write(20)
    assert sources.edited() == str(archive)


@pytest.mark.parametrize("main", ["watched_pack.inner", "{folder}/watched_pack/inner.py"])
def test_an_edit_of_a_script_is_seen(folder: Path, main: str) -> None:
    sources, script = Sources(), Script()
    home = main.format(folder=folder)
    Handlers(script, sources).load(f"{home}:run", main=True)
    assert script.suits(home)
    assert not script.suits("another")
    assert sources.edited() is None
    rewritten(folder / "watched_pack" / "deep.py")
    assert sources.edited() == str(folder / "watched_pack" / "deep.py")


def test_of_an_installed_package_its_own_files_are_watched(folder: Path) -> None:
    installed = folder / "site-packages" / "watched_product"
    installed.mkdir()
    (installed / "__init__.py").write_text("")
    (installed / "jobs.py").write_text("import watched_library\nfrom watched_product import deep\ndef run(_): ...\n")
    (installed / "deep.py").write_text("")
    importlib.invalidate_caches()
    sources = Sources()
    Handlers(sources=sources).load("watched_product.jobs:run")
    rewritten(folder / "site-packages" / "watched_library.py")
    assert sources.edited() is None
    rewritten(installed / "deep.py")
    assert sources.edited() == str(installed / "deep.py")


def test_a_handler_of_the_standard_library_has_its_own_file_watched_alone() -> None:
    sources = Sources()
    Handlers(sources=sources).load("colorsys:rgb_to_hsv", calls=True)
    assert sources.edited() is None
    assert list(sources._files) == [sys.modules["colorsys"].__file__]


class Lazy(ModuleType):
    """A module that needs a library which is not there, and loads it with the first look at any attribute."""

    def __getattribute__(self, name: str) -> Any:
        raise ImportError(f"{name}: the library is not installed")


@pytest.mark.parametrize(
    "odd", [lambda: Lazy("watched_lazily"), lambda: None, object, lambda: SimpleNamespace(__file__=1)]
)
def test_what_else_stands_among_the_modules_is_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, odd: Callable[[], Any]
) -> None:
    sources = Sources()
    Handlers(sources=sources).load("watched_job:run")
    monkeypatch.setitem(sys.modules, "watched_lazily", odd())
    sources.note()
    rewritten(folder / "watched_job.py")
    assert sources.edited() == str(folder / "watched_job.py")


def test_a_digest_tells_the_code_of_a_handler_s_module(folder: Path) -> None:
    first = Handlers().find("watched_job:run").code
    assert len(first) == 12
    rewritten(folder / "watched_job.py")
    again = Handlers().find(f"{folder}/watched_job.py:run").code
    assert len(again) == 12
    assert again != first
    assert Handlers().find("builtins:len", calls=True).code == ""
