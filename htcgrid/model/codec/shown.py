"""Typed values as JSON shows them; no class is imported for that."""

from collections.abc import Callable
from typing import Any

import msgspec

from htcgrid.model.codec.classes import Classes
from htcgrid.model.codec.kinds import DATACLASS, DICT, ENUM, FROZENSET, SET, Kinds, enum_parts
from htcgrid.model.codec.lossy import as_json
from htcgrid.model.codec.reading import Reading


def typed_as_json() -> Callable[[bytes], Any]:
    """Return a function that returns a typed value as JSON has it; to make it takes as long as many values do.

    Dataclasses are objects with their fields, Enums their members' names, tuples and sets arrays, times and Decimals
    text, frames arrays of their rows. NaN, infinities and what an array or frame lacks are null. Always valid JSON.

    The function raises an EncodingError when the bytes are no typed value, or hold arrays or frames, and numpy or
    pandas is not here.
    """
    kinds = Kinds(Classes(importing=False))
    kinds.containers[DATACLASS] = lambda parts: dict(parts[2])
    # What they hold may be such an object, which no set or dict can have as a member or key.
    kinds.containers[SET] = kinds.containers[FROZENSET] = list
    kinds.containers[DICT] = _dict
    kinds.leaves[ENUM] = lambda data: _member(enum_parts(data))
    kinds.frames(lambda _: b"", Reading(kinds).read)
    read = Reading(kinds).read
    return lambda data: as_json(read(data))


def _dict(parts: list[Any]) -> dict[Any, Any]:
    return {_key(key): held for key, held in zip(parts[::2], parts[1::2], strict=True)}


def _key(key: Any) -> Any:
    try:
        hash(key)
    except TypeError:
        return msgspec.json.encode(as_json(key)).decode()
    return key


def _member(parts: list[Any]) -> Any:
    _, _, name, *value = parts
    return value[0] if name is None else name
