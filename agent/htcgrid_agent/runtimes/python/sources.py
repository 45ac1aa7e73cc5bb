"""The files of handlers' code, and whether they were edited since they were imported."""

import os
import sys
import sysconfig
from hashlib import sha256
from pathlib import Path
from types import ModuleType

#: Folders of what was installed, and not written by whoever writes handlers.
_INSTALLED = ("site-packages", "dist-packages")
_STANDARD = tuple(f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib"))
#: Times, size and number of a file.
_Signature = tuple[int, int, int, int]


class Sources:
    """Remembers files as they were when they were imported: those of handlers, and what these import beside them.

    Of a handler in a file that is the file's folder with all below it; of a module the folder that its outermost
    package is in, or of an installed one the package itself. Looking costs one ``stat`` per file.
    """

    def __init__(self) -> None:
        self._roots: set[str] = set()
        self._files: dict[str, _Signature] = {}
        self._modules = 0

    def add(self, module: ModuleType) -> None:
        """Watch a handler's module, which has just been imported."""
        if root := _root(module):
            self._roots.add(root)
            self._modules = 0
        self.note()

    def watch(self, function: object) -> None:
        """Watch what a function that came by itself imports beside the file that its code is of."""
        file = getattr(getattr(function, "__code__", None), "co_filename", "")
        root = f"{Path(file).parent}/"
        if Path(file).is_absolute() and not _installed(root) and not root.startswith(_STANDARD):
            self._roots.add(root)
            self._modules = 0

    def note(self) -> None:
        """Remember the files of modules that were imported since this was last called."""
        if len(sys.modules) == self._modules:
            return
        self._modules = len(sys.modules)
        for module in list(sys.modules.values()):
            file = _file_of(module)
            if file is not None and file not in self._files and self._watches(file):
                found = _archive(file) or file
                if found not in self._files and (signature := _signature(found)) is not None:
                    self._files[found] = signature

    def edited(self) -> str | None:
        """Return a file that was edited; None when none was.

        One that is not there any more is as it was: there is nothing newer to import, or not yet.
        """
        for file, known in self._files.items():
            if _signature(file) not in {known, None}:
                return file
        return None

    def _watches(self, file: str) -> bool:
        return any(
            file == root or (file.startswith(root) and root.endswith("/") and not _installed(file[len(root) :]))
            for root in self._roots
        )


def digest_of(module: ModuleType) -> str:
    """Return what tells a module's code from other code of its name: the first of its file's SHA-256, in hex."""
    file = _file_of(module)
    try:
        return "" if file is None else sha256(Path(file).read_bytes()).hexdigest()[:12]
    except OSError:
        # Of a zip file, or of one that is gone.
        return ""


def _file_of(module: object) -> str | None:
    """Return a module's file, None when it has none.

    Some modules load a library once they are asked for any attribute, or raise when it is not there; so none is asked.
    """
    try:
        file = object.__getattribute__(module, "__dict__").get("__file__")
    except AttributeError:
        # Anything may stand in sys.modules.
        return None
    return file if isinstance(file, str) else None


def _root(module: ModuleType) -> str | None:
    """Return the folder, with a slash at its end, or the file that is watched for a handler's module."""
    file = _file_of(module)
    if file is None:
        return None
    name = module.__spec__.name if module.__spec__ else module.__name__
    outermost = sys.modules.get(name.partition(".")[0], module)
    path = next(iter(getattr(outermost, "__path__", ())), None)
    # A script is not a part of the package that it may be named like.
    package = path if path and file.startswith(f"{path}/") else None
    root = f"{Path(package or file).parent}/"
    if _installed(root) or root.startswith(_STANDARD):
        return f"{package}/" if package else file
    return root


def _installed(path: str) -> bool:
    return any(f"{name}/" in path for name in _INSTALLED)


def _archive(file: str) -> str | None:
    """Return the zip file that a module's file is in; None of one that is a file by itself."""
    if os.path.exists(file):  # noqa: PTH110 - faster, and there may be hundreds
        return None
    return next((str(folder) for folder in Path(file).parents if folder.is_file()), None)


def _signature(file: str) -> "_Signature | None":
    """Return what tells that a file was written; its time alone can be set to what it was, as by ``rsync -t``."""
    try:
        found = os.stat(file)  # noqa: PTH116 - faster, and there may be hundreds
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
