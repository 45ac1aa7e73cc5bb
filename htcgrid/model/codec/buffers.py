"""Plain lists and dicts, looked through at the speed of C: one look per container, not one per value.

The encoder writes bytearray and memoryview as bytes and asks nobody. They can only be in data that has the mark of
bytes somewhere, so most values are never looked through.
"""

from typing import Any

_BUFFERS = frozenset({bytearray, memoryview})
_CONTAINERS = frozenset({list, dict})


def may_hold_buffer(data: bytes) -> bool:
    """Return whether MessagePack data may have bytes in it: their marks stand there, if only by chance."""
    # As numbers: bytes in bytes take six times as long. In short data, the marks of long bytes are there by chance.
    return 0xC4 in data or (len(data) > 258 and (0xC5 in data or 0xC6 in data))


def holds_buffer(value: Any) -> bool:
    """Return whether plain lists and dicts hold a bytearray or memoryview; what else they hold is not looked into."""
    return holds(value, _BUFFERS)


def holds(value: Any, kinds: frozenset[type]) -> bool:
    """Return whether the value is of one of these types, or is a list or dict that holds one, as a value."""
    kind = type(value)
    if kind not in _CONTAINERS:
        return kind in kinds
    open_ = [value]
    while open_:
        held = open_.pop()
        items = held.values() if type(held) is dict else held
        found = set(map(type, items))
        if not kinds.isdisjoint(found):
            return True
        if not _CONTAINERS.isdisjoint(found):
            open_ += [item for item in items if type(item) in _CONTAINERS]
    return False
