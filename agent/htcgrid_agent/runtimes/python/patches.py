"""Functions and classes of well-known modules that tasks have put others in place of, as tests do.

Nobody knows which modules have taken over what was there meanwhile, so they are not put back.
"""

import sys
from itertools import zip_longest
from types import ModuleType
from typing import Any, NoReturn

#: What tests put their own in place of most, beside clocks; to look at all modules would take as long as a short task.
_MODULES = (
    "asyncio", "concurrent.futures", "copy", "csv", "decimal", "fractions", "glob", "hashlib", "http.client", "io",
    "json", "logging", "math", "numpy", "numpy.linalg", "numpy.random", "os", "pandas", "pathlib", "pickle",
    "posixpath", "random", "re", "requests", "secrets", "select", "shutil", "socket", "sqlite3", "statistics",
    "subprocess", "tempfile", "threading", "urllib.request", "uuid",
)  # fmt: skip


#: Their methods are replaced as often.
_CLASSES = (
    ("json", "JSONEncoder"), ("logging", "Logger"), ("pathlib", "Path"), ("requests", "Session"),
    ("socket", "socket"), ("subprocess", "Popen"), ("threading", "Thread"),
)  # fmt: skip


class Names:
    """What the names in modules stand for; equal to an earlier one as long as no function or class is another one."""

    def __init__(self) -> None:
        modules = sys.modules
        # At the speed of C: a name keeps its place, and new ones come last.
        self._held = {name: list(vars(modules[name]).values()) for name in _MODULES if name in modules}
        for module, name in _CLASSES:
            if isinstance(found := getattr(modules.get(module), name, None), type):
                self._held[name] = list(vars(found).values())

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, earlier: object) -> bool:
        """Compare what both have; a module that only one has was imported between them."""
        if not isinstance(earlier, Names):
            return NotImplemented
        was = earlier._held
        return all(_is_same(now, was[name]) for name, now in self._held.items() if name in was)


def _is_same(now: list[Any], was: list[Any]) -> bool:
    try:
        if now == was:
            return True
    except Exception:  # noqa: BLE001, S110 - arrays, and whatever else modules hold
        pass
    # What a module counts and keeps in its variables is its own affair.
    return not any(held is not found and hasattr(held, "__name__") for held, found in zip_longest(was, now[: len(was)]))


def mocks() -> tuple[Any, ...]:
    """Return what :func:`unittest.mock.patch` has started, and nobody has stopped."""
    patch = getattr(sys.modules.get("unittest.mock"), "_patch", None)
    return tuple(getattr(patch, "_active_patches", ()))


def stand_ins() -> set[type]:
    """Return the types of what stands in :data:`sys.modules`, but for modules."""
    return {kind for kind in set(map(type, sys.modules.values())) if not issubclass(kind, ModuleType)}


def refuse(_was: object) -> NoReturn:
    """Do not put anything back.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError("whoever has taken over what was there in the meantime is not known")


#: How each is looked at, and how it is set again.
ALL = ((Names, refuse), (mocks, refuse), (stand_ins, refuse))
