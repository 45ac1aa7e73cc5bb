"""What functools wraps around functions, which pickle has by its name only."""

import functools
import sys
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from htcgrid.model.script import MAIN, MAIN_TOO

_Remembering = type(functools.lru_cache(bool))
#: Attributes of what :func:`functools.singledispatch` returns.
_DISPATCHING = ("dispatch", "register", "registry")


def wrapper_again(obj: Any) -> tuple[Any, ...] | None:
    """Return how a wrapper without an importable name is made again, as pickle wants it; None of anything else."""
    if type(obj) is _Remembering and not _is_importable(obj):
        terms = obj.cache_parameters()
        return remembering, (obj.__wrapped__, terms["maxsize"], terms["typed"])
    if type(obj) is FunctionType and all(name in obj.__dict__ for name in _DISPATCHING) and not _is_importable(obj):
        return dispatching, (list(obj.registry.items()),)  # type: ignore[attr-defined]
    return None


def remembering(function: Callable[..., Any], maxsize: int | None, typed: bool) -> Callable[..., Any]:
    """Return a function that remembers its results, of which it has none yet."""
    return functools.lru_cache(maxsize, typed)(function)


def dispatching(registered: Iterable[tuple[type, Callable[..., Any]]]) -> Callable[..., Any]:
    """Return a function that calls what is registered for its argument's class."""
    functions = dict(registered)
    made = functools.singledispatch(functions.pop(object))
    for kind, function in functions.items():
        made.register(kind, function)
    return made


def _is_importable(obj: Any) -> bool:
    module = getattr(obj, "__module__", None)
    found = None if module in {MAIN, MAIN_TOO} else sys.modules.get(str(module))
    for part in str(getattr(obj, "__qualname__", "")).split("."):
        found = getattr(found, part, None)
    return found is obj
