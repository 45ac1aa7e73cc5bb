"""The program that runs Python here, for whoever starts it again."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from htcgrid.errors import ConfigError


def interpreter() -> str:
    """Return the whole path of the interpreter: what it is called by may be relative, and the folder another by now.

    Raises:
        ConfigError: it is nowhere to be found.
    """
    for file in _candidates(sys.executable or ""):
        if file.is_file() and os.access(file, os.X_OK):
            return str(file)
    raise ConfigError(
        f"no agent or worker can be started: Python says that it is {sys.executable!r}, and no such program is there; "
        "set sys.executable to the whole path of the interpreter"
    )


def _candidates(name: str) -> Iterator[Path]:
    if name:
        file = Path(name)
        yield file.absolute()
        if not file.is_absolute():
            # Of an environment, the one beside what it was called by, and not the one that it was made with.
            yield Path(sys.exec_prefix, "bin", file.name)
            if found := shutil.which(file.name):
                yield Path(found).absolute()
    yield Path(sys.exec_prefix, "bin", "python{}.{}".format(*sys.version_info))
    yield Path(sys.exec_prefix, "bin", "python3")
