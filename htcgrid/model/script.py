"""The script that a process runs, named as the home of its handlers."""

import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType

#: The module that is the script; a worker has its client's there.
MAIN = "__main__"
#: What else it is called: multiprocessing's children, and workers, have it under this name.
MAIN_TOO = "__mp_main__"


def script_home() -> str | None:
    """Return the script's whole path, or the name of its module; None for a prompt or a notebook."""
    main = sys.modules[MAIN]
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != MAIN:
        # python -m package.module
        return str(spec.name)
    # Of a folder or a zip file that is run, the file __main__.py is in it.
    file = getattr(main, "__file__", None)
    return _whole_path(file) if isinstance(file, str) else None


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


def whole(path: Path) -> Path:
    """Return the whole path of a file, without the ``..`` that agents refuse; links stay, as far as they can."""
    path = path.absolute()
    return path.resolve() if ".." in path.parts else path


@lru_cache(maxsize=4)
def _whole_path(file: str) -> str | None:
    """Return a script's whole path; kept, since each session tells it, and to look takes some microseconds."""
    return str(whole(Path(file))) if Path(file).is_file() else None
