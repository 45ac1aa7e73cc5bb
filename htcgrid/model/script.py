"""The script that a process runs, named as the home of its handlers."""

import os
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType

#: The module that is the script; a worker has its client's there.
MAIN = "__main__"
#: What else it is called: multiprocessing's children, and workers, have it under this name.
MAIN_TOO = "__mp_main__"
#: Bytes of a path that are no UTF-8 are lone surrogates in Python, which no store takes: they are letters of a private
#: use in the home's name.
_STORED = {0xDC80 + byte: 0xF780 + byte for byte in range(0x80)}
_LOCAL = {stored: local for local, stored in _STORED.items()}


def script_home() -> str | None:
    """Return the script's whole path, or the name of its module; None for a prompt or a notebook."""
    main = sys.modules[MAIN]
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != MAIN:
        # python -m package.module
        return str(spec.name)
    return file_home(getattr(main, "__file__", None))


def file_home(file: object) -> str | None:
    """Return the home that a script's file is; None when it is not there, as that of a prompt.

    Of a folder or a zip file that is run, the file is the ``__main__.py`` in it.
    """
    if not isinstance(file, str):
        return None
    home = _whole_path(str(file))
    # One that was deleted since it was started is nobody's home.
    return home if is_there(path_of(home)) else None


def script_module(home: str) -> ModuleType:
    """Return the script of this process, if it is the one of this home.

    Raises:
        ImportError: it is another one, in which a name may stand for something else.
    """
    own = script_home() or ""
    if home != own:
        wanted = f"the script {home}" if home else "a prompt or a notebook"
        here = f"the script {own}" if own else "a prompt or a notebook"
        raise ImportError(f"it is defined in {wanted}, and this process runs {here}: put it into a module")
    return sys.modules[MAIN]


def is_path(home: str) -> bool:
    """Return whether the home of a handler's name is a file's path, and not a module's name."""
    return home.endswith(".py") or "/" in home


def whole(path: Path) -> str:
    """Return the home that a file is: its whole path, without the ``..`` that agents refuse.

    Links stay, unless a way back leads through one.
    """
    path = path.absolute()
    if ".." in path.parts:
        normal = Path(os.path.normpath(path))
        path = normal if _is_same(normal, path) else path.resolve()
    return home_of(str(path))


def home_of(path: str) -> str:
    """Return a whole path as text that can be stored."""
    return path if path.isascii() else path.translate(_STORED)


def path_of(home: str) -> str:
    """Return the path that :func:`home_of` was given."""
    if home.isascii() or Path(home).exists():
        return home
    return home.translate(_LOCAL)


def zip_of(path: str) -> str | None:
    """Return the zip file that a script's ``__main__.py`` is in; None of one that is a file by itself."""
    folder, name = os.path.split(path)
    return folder if name == "__main__.py" and not Path(path).exists() and Path(folder).is_file() else None


def is_there(path: str) -> bool:
    """Return whether there is such a file, or such a zip file with a ``__main__.py``."""
    return os.path.isfile(path) or zip_of(path) is not None  # noqa: PTH113 - faster, and asked for each session


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        # In a zip file, or not there.
        return not other.exists()


@lru_cache(maxsize=8)
def _whole_path(file: str) -> str:
    """Return a script's whole path; kept, since each session tells it, and since it may not be whole.

    Then it starts where the process was when it was first asked, as that of a script under a profiler.
    """
    return whole(Path(file))
