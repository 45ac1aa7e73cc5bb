"""Functions that workers do not find where their client has them."""

import ast
import inspect
import linecache
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeGuard

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def is_guarded(function: FunctionType, name: str) -> bool:
    """Return whether a script has a function only where it is ``__main__``, or from code that stands in no file."""
    try:
        inner = inspect.unwrap(function)
    except ValueError:
        inner = function
    code = (inner if isinstance(inner, FunctionType) else function).__code__
    if code.co_filename.startswith("<"):
        # Of a wrapper that a decorator has generated, and of a script that was executed as a text, the name is there.
        script = function.__globals__.get("__file__")
        lines = linecache.getlines(script, function.__globals__) if isinstance(script, str) else []
        return name.partition(".")[0] not in _bound(tuple(lines))
    line = linecache.getline(code.co_filename, code.co_firstlineno, function.__globals__)
    # Most stand at the margin, so that their script need not be read.
    return line[:1].isspace() and any(
        first <= code.co_firstlineno <= last
        for first, last in _guarded(tuple(linecache.getlines(code.co_filename, function.__globals__)))
    )


def is_importable(name: str) -> bool:
    """Return whether an import that is not remembered would find the module that this process has under a name.

    It would not when the module was made by hand, or loaded from a file that is not on the path, as plugins are, and
    tests by pytest's ``importlib`` mode.
    """
    file = getattr(sys.modules.get(name), "__file__", None)
    return _is_importable(name, file if isinstance(file, str) else None, tuple(map(str, sys.path)))


def home_of_definition(value: Any) -> str | None:
    """Return the name of the module that a function or class says it is of, or that a module is."""
    if isinstance(value, ModuleType):
        return value.__name__
    module = getattr(value, "__module__", None) if isinstance(value, FunctionType | type) else None
    return module if isinstance(module, str) else None


@lru_cache(maxsize=256)
def _is_importable(name: str, file: str | None, _path: tuple[str, ...]) -> bool:
    """Look for a module that is of a file; kept for as long as the path is the same, since each session asks."""
    path: Sequence[str] | None = None
    spec: ModuleSpec | None = None
    parent = ""
    for part in name.split("."):
        parent = f"{parent}.{part}" if parent else part
        try:
            spec = _found(parent, path)
            if spec is None:
                return False
            # A package may have changed it.
            path = getattr(sys.modules.get(parent), "__path__", spec.submodule_search_locations)
        except Exception:  # noqa: BLE001 - finders are anybody's, and modules any object
            return True
    return file is None or spec is None or _is_of(file, spec)


def _found(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    finders: list[Callable[..., ModuleSpec | None]] = [
        find for finder in sys.meta_path if (find := getattr(finder, "find_spec", None)) is not None
    ]
    return next((spec for find in finders if (spec := find(name, path)) is not None), None)


def _is_of(file: str, spec: ModuleSpec) -> bool:
    if not spec.origin or file == spec.origin:
        return True
    try:
        return not Path(file).is_absolute() or Path(file).samefile(spec.origin)
    except OSError:
        # In a zip file, or gone.
        return True


@lru_cache(maxsize=4)
def _guarded(lines: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Return the first and the last lines of what runs only where a script is ``__main__``."""
    blocks = [statement for statement in _statements(lines) if _is_guard(statement)]
    return tuple((block.lineno, block.body[-1].end_lineno or block.lineno) for block in blocks)


@lru_cache(maxsize=4)
def _bound(lines: tuple[str, ...]) -> frozenset[str]:
    """Return the names that a script may bind wherever it is imported, and some more."""
    parts = [part for statement in _statements(lines) if not _is_guard(statement) for part in ast.walk(statement)]
    defined = {part.name for part in parts if isinstance(part, _DEFINITIONS)}
    return frozenset(
        defined | {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    )


def _statements(lines: tuple[str, ...]) -> list[ast.stmt]:
    try:
        return ast.parse("".join(lines)).body
    except (SyntaxError, ValueError, RecursionError):
        return []


def _is_guard(statement: ast.stmt) -> TypeGuard[ast.If]:
    if not isinstance(statement, ast.If):
        return False
    parts = list(ast.walk(statement.test))
    return (
        any(isinstance(part, ast.Eq) for part in parts)
        and any(isinstance(part, ast.Name) and part.id == "__name__" for part in parts)
        and any(isinstance(part, ast.Constant) and part.value == "__main__" for part in parts)
    )
