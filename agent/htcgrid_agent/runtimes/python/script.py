"""The client's script, as a worker has it: the module ``__main__``, also known as ``__mp_main__``.

So what it defines is the same on both sides, and processes that a handler spawns find it, as those of multiprocessing
do (multiprocessing.spawn, ``_fixup_main_from_path``). A guard ``if __name__ == "__main__":`` keeps the rest from
running.
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from htcgrid.model.script import MAIN, MAIN_TOO

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


def is_file(home: str) -> bool:
    """Return whether the home of a handler's name is a file's path, and not a module's name."""
    return home.endswith(".py") or "/" in home


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
    if is_file(home):
        # Of a script that is run by its path there is no spec, and spawned processes find it by its file.
        module.__file__ = home
        module.__spec__ = None
    else:
        module.__file__ = spec.origin
        module.__spec__ = spec
        module.__package__ = spec.parent
    return module, code


def _spec(home: str) -> ModuleSpec:
    if not is_file(home):
        spec = importlib.util.find_spec(home)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {home!r}", name=home)
        return spec
    folder = str(Path(home).parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return ModuleSpec(MAIN_TOO, SourceFileLoader(MAIN_TOO, home), origin=home)
