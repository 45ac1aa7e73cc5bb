"""A pickler whose classes, where they come back to, are what they are there."""

import weakref
from collections.abc import Callable
from functools import cache
from typing import Any

import cloudpickle

from htcgrid.model.codec.pickled import from_script


# Without types, cloudpickle has none to derive from.
class ClassPickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles as cloudpickle does, but for classes that come back to the process that defines them.

    cloudpickle knows such a class again, and sets all its attributes to what they were elsewhere: methods to copies
    that see other globals, and what the class counts or collects to what it was when it left. Here it stays as it is.
    """

    def reducer_override(self, obj: Any) -> Any:
        """Return how this object is made again; NotImplemented leaves it to pickle."""
        reduced = super().reducer_override(obj)
        if isinstance(obj, type) and isinstance(reduced, tuple) and len(reduced) == 6:
            make, arguments, state, items, pairs, put = reduced
            _defined_here().setdefault(obj, True)
            return made, (make, *arguments), (put, state), items, pairs, given
        return reduced


def made(make: Callable[..., type], *arguments: Any) -> type:
    """Return the class: a new one, or the one that this process knows by the same mark."""
    found = make(*arguments)
    _defined_here().setdefault(found, False)
    return found


def made_or_found(script: str, qualname: str, make: Callable[..., type], *arguments: Any) -> type:
    """Return the class that the client's script, when it is ``__main__`` here, has under its name; else a new one."""
    try:
        found: type = from_script(script, qualname)
    except (ImportError, AttributeError):
        return made(make, *arguments)
    _defined_here().setdefault(found, True)
    return found


def given(cls: type, state: tuple[Callable[[type, Any], object], Any]) -> type:
    """Give a class its attributes, unless this process defines it; return it."""
    put, attributes = state
    if not _defined_here()[cls]:
        put(cls, attributes)
    return cls


@cache
def _defined_here() -> "weakref.WeakKeyDictionary[type, bool]":
    """Return of each class that was pickled by its contents whether it is this process's own.

    One for all picklers, as cloudpickle's own marks of classes are.
    """
    return weakref.WeakKeyDictionary()
