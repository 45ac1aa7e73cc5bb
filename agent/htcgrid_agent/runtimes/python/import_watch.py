"""Imports in the middle of tasks."""

import sys
import threading
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_Executes = Callable[[Any, ModuleType], None]


class ImportWatch:
    """The first finder of :data:`sys.meta_path`: looks at the process before and after a task imports something.

    It finds what the others find; modules that are imported by an import belong to it.
    """

    def __init__(self, look: Callable[[], list[Any]], imported: Callable[[list[Any], list[Any]], None]) -> None:
        self.look = look
        self.imported = imported
        #: Whether a task is running.
        self.watching = False
        #: Other threads' imports would be taken for the main thread's.
        self._thread = threading.get_ident()

    def install(self) -> None:
        """Watch from now on."""
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders find, with a loader that tells what it changes; None without one."""
        if not self.watching or threading.get_ident() != self._thread:
            return None
        self.watching = False
        try:
            spec = self._found(name, path, target)
        finally:
            self.watching = True
        if spec is None or not hasattr(spec.loader, "exec_module"):
            return None
        spec.loader = _Watched(spec, self)  # type: ignore[assignment]
        return spec

    def _found(self, name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        for finder in sys.meta_path[:]:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            if (spec := finder.find_spec(name, path, target)) is not None:
                return spec
        return None


def _unseen(function: _Executes) -> _Executes:
    """Let Python leave a method out of tracebacks, as it does with the functions of importlib around it."""
    function.__code__ = function.__code__.replace(co_filename="<frozen importlib._bootstrap>")
    return function


class _Watched:
    """A module's loader, until the module is executed."""

    def __init__(self, spec: ModuleSpec, watch: ImportWatch) -> None:
        self._spec = spec
        self._loader: Any = spec.loader
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    @_unseen
    def exec_module(self, module: ModuleType) -> None:
        """Execute the module, and tell what that has changed."""
        watch = self._watch
        self._spec.loader = module.__loader__ = self._loader
        before = watch.look() if watch.watching else None
        watch.watching = False
        try:
            self._loader.exec_module(module)
        finally:
            if before is not None:
                watch.watching = True
                watch.imported(before, watch.look())
