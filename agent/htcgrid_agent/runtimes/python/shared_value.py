"""One shared input as tasks get it: what one of them changes, no other sees."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from typing import Any

from htcgrid.model.codec.leaves import LEAVES

#: Most bytes of an input that is decoded anew for each task: half a millisecond at worst.
_FRESH = 64 << 10
#: Most items of the containers that are copied for each task, to stand around the same arrays and text.
_ITEMS = 1_000
_LEAVES = frozenset({type(None), bool, float, bytes, *(leaf.kind for leaf in LEAVES)}) - {bytearray}
_CONTAINERS = frozenset({dict, list, tuple, set, frozenset})
#: What pandas copies when it is written to (since pandas 3), so that a shallow copy is a task's own.
_FRAMES = ("DataFrame", "Series")


class SharedValue:
    """Makes the value anew for each task while it is small; above that once, with arrays that can only be read.

    Then the lists, dicts, sets and frames around the arrays are copied for each task as long as they are few. Where
    that would take long, or other objects stand there, the tasks of a session get the same ones.
    """

    def __init__(self, data: bytes | memoryview, decode: Callable[[Any], Any]) -> None:
        self._decode = decode
        self._data: bytes | memoryview | None = None
        #: Whether no session sees what another's tasks have changed.
        self.lasting = False
        self._task: object = None
        if len(data) <= _FRESH:
            self._data = data
        else:
            self._value = decode(data)
            _protect(self._value)
            self.lasting = _is_copied(self._value, [_ITEMS])

    def of(self, task: object) -> Any:
        """Return the value for a task; the same one each time that this task asks."""
        if task != self._task:
            self._own = self._made()
            self._task = task
        return self._own

    def _made(self) -> Any:
        if self._data is not None:
            return self._decode(self._data)
        return _copy(self._value) if self.lasting else self._value


def _protect(value: Any) -> None:
    """Let the arrays in containers and dataclasses be read only."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return
    open_, seen = [value], set()
    while open_:
        held = open_.pop()
        if isinstance(held, numpy.ndarray):
            held.flags.writeable = False
        elif id(held) not in seen:
            seen.add(id(held))
            inside = _inside(held)
            if not _LEAVES.issuperset(map(type, inside)):
                open_ += inside


def _inside(held: Any) -> list[Any]:
    if type(held) is dict:
        return list(held.values())
    if type(held) in _CONTAINERS:
        return list(held)
    if is_dataclass(held) and not isinstance(held, type):
        return [getattr(held, field.name, None) for field in fields(held)]
    return []


def _is_copied(value: Any, room: list[int]) -> bool:
    """Return whether :func:`_copy` makes a value of which nothing can be changed but what is the copy's own."""
    room[0] -= 1
    kind = type(value)
    if room[0] < 0:
        return False
    if kind in _CONTAINERS:
        items: Iterable[Any] = value.values() if kind is dict else value
        return len(value) <= room[0] and all(_is_copied(item, room) for item in items)
    return kind in _LEAVES or _is_array(value) or _is_frame(value)


def _copy(value: Any) -> Any:
    kind = type(value)
    if kind is dict:
        return {key: _copy(held) for key, held in value.items()}
    if kind in _CONTAINERS:
        return kind(map(_copy, value))
    return value.copy(deep=False) if _is_frame(value) else value


def _is_array(value: Any) -> bool:
    numpy: Any = sys.modules.get("numpy")
    return numpy is not None and (
        isinstance(value, numpy.generic) or (type(value) is numpy.ndarray and not value.dtype.hasobject)
    )


def _is_frame(value: Any) -> bool:
    pandas: Any = sys.modules.get("pandas")
    return (
        pandas is not None
        and int(pandas.__version__.partition(".")[0]) >= 3
        and any(type(value) is getattr(pandas, name) for name in _FRAMES)
    )
