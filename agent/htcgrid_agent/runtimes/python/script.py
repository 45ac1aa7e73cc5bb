"""The client's script, as a worker has it: the module ``__main__``, also known as ``__mp_main__``.

So what it defines is the same on both sides, and processes that a handler spawns find it, as those of multiprocessing
do (multiprocessing.spawn, ``_fixup_main_from_path``). A guard ``if __name__ == "__main__":`` keeps the rest from
running.
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader, SourcelessFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from zipimport import zipimporter

from htcgrid.model.script import MAIN, MAIN_TOO, is_path, path_of, zip_of

#: The names of the client's script in a worker.
NAMES = (MAIN, MAIN_TOO)


class Script:
    """Imports one script; a worker has one, and another script is another worker's."""

    def __init__(self) -> None:
        #: The script's file, or the name of its module; None while there is none.
        self.home: str | None = None
        self._module: ModuleType | None = None

    def suits(self, home: str) -> bool:
        """Return whether this worker has this script, or none yet."""
        return self.home in {None, home}

    def load(self, home: str) -> ModuleType:
        """Import the script, unless that was done; return its module.

        Raises:
            ImportError: there is no such module, or no code in it.
            BaseException: whatever its top level raises; then the worker has no script, as before.
        """
        if self._module is None:
            module, code = _prepared(home)
            before = {name: sys.modules.get(name) for name in NAMES}
            sys.modules.update(dict.fromkeys(NAMES, module))
            try:
                exec(code, module.__dict__)  # noqa: S102 - a handler's module, which the agent allows
            except BaseException:
                for name, former in before.items():
                    if former is None:
                        del sys.modules[name]
                    else:
                        sys.modules[name] = former
                raise
            self._module, self.home = module, home
        return self._module


def _prepared(home: str) -> tuple[ModuleType, CodeType]:
    """Return an empty module for a script, and the script's code."""
    module = ModuleType(MAIN_TOO)
    spec = _spec(home)
    loader = spec.loader
    # Those of zip files and of frozen modules have it, too; importlib.abc.InspectLoader is what they share.
    code = loader.get_code(spec.name) if loader is not None and hasattr(loader, "get_code") else None
    if code is None:
        raise ImportError(f"there is no code of {home!r}")
    module.__loader__ = loader
    if is_path(home):
        module.__file__ = path_of(home)
        # Of a script that is run by its path there is no spec, and spawned processes find it by its file; one in a zip
        # file they would not find, and look at the name first.
        module.__spec__ = spec if spec.name == MAIN else None
    else:
        module.__file__ = spec.origin
        module.__spec__ = spec
        module.__package__ = spec.parent
    return module, code


def _spec(home: str) -> ModuleSpec:
    if not is_path(home):
        spec = importlib.util.find_spec(home)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {home!r}", name=home)
        return spec
    path = path_of(home)
    if archive := zip_of(path):
        put_first(archive)
        spec = zipimporter(archive).find_spec(MAIN)
        if spec is None:
            raise ImportError(f"there is no __main__.py in {archive!r}")
        return spec
    # As Python does for the script that it runs: the folder that the file is in, and not a link to it.
    put_first(str(Path(path).resolve().parent))
    return file_spec(MAIN_TOO, path)


def file_spec(name: str, path: str) -> ModuleSpec:
    """Return the spec of the module that a file is, whatever the file's name ends with."""
    loader = SourcelessFileLoader(name, path) if path.endswith(".pyc") else SourceFileLoader(name, path)
    return spec_from_file_location(name, path, loader=loader) or ModuleSpec(name, loader, origin=path)


def put_first(folder: str) -> None:
    """Let modules be imported from a folder, or a zip file, before all others, unless they are anyway."""
    if folder not in sys.path:
        sys.path.insert(0, folder)
