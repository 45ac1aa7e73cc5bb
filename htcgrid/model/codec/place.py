"""Places of parts that a codec refuses; messages tell places and types, never contents."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

#: How deep lists, dicts and other containers may stand in each other, for every codec; the encoder itself ends at 255.
DEEPEST = 250
#: The longest key that is shown, and the longest place.
_KEY = 40
_PLACE = 200

#: What is inside of a part, each with the step that leads to it; or the reason why it is refused.
Look = Callable[[Any], "str | Iterable[tuple[str, Any]]"]


class Refusal(NamedTuple):
    """The first part of a value that is refused."""

    #: As ``["curve"][3].rate``; empty for the value itself.
    place: str
    part: Any
    reason: str
    #: Whether it stands too deep, so that what another codec makes of the part says nothing about all of the value.
    too_deep: bool = False


class _Level(NamedTuple):
    step: str
    part: Any
    inside: Iterator[tuple[str, Any]]


def refused_in(value: Any, look: Look) -> Refusal | None:
    """Return the first part that ``look`` refuses, that holds itself, or that stands too deep; None without one."""
    found = look(value)
    if isinstance(found, str):
        return Refusal("", value, found)
    levels = [_Level("", value, iter(found))]
    open_parts = {id(value)}
    while levels:
        for step, part in levels[-1].inside:
            found = look(part)
            reason = found if isinstance(found, str) else ""
            if not reason and id(part) in open_parts and found:
                reason = "it holds itself"
            too_deep = not reason and len(levels) >= DEEPEST and bool(found)
            if too_deep:
                reason = f"it stands more than {DEEPEST} levels deep"
            if reason or isinstance(found, str):
                return Refusal(_joined([*(level.step for level in levels), step]), part, reason, too_deep)
            if found:
                open_parts.add(id(part))
                levels.append(_Level(step, part, iter(found)))
                break
        else:
            open_parts.discard(id(levels.pop().part))
    return None


def _joined(steps: list[str]) -> str:
    place = "".join(steps)
    return place if len(place) <= _PLACE else f"{place[: _PLACE // 2]}…{place[-_PLACE // 2 :]}"


def items_of(part: Iterable[Any]) -> list[tuple[str, Any]]:
    """Return the items of a list or tuple with their steps."""
    return [(f"[{index}]", item) for index, item in enumerate(part)]


def members_of(part: Iterable[Any]) -> list[tuple[str, Any]]:
    """Return the members of a set with their steps."""
    return [("{…}", member) for member in part]


def entries_of(part: dict[Any, Any]) -> list[tuple[str, Any]]:
    """Return the keys and values of a dict with their steps."""
    found = []
    for index, (key, value) in enumerate(part.items()):
        if type(key) is not str or not key.isascii():
            found.append((f"[key {index} itself]", key))
        found.append((f"[{key_shown(key, index)}]", value))
    return found


def key_shown(key: Any, index: int) -> str:
    """Name a key: keys of other types than text, and long ones, are more often data than names."""
    if type(key) is not str or len(key) > _KEY:
        return f"key {index}"
    return f'"{key}"' if key.isprintable() and '"' not in key else repr(key)


def shown(value: Any) -> str:
    """Name a value by its type alone: payloads never reach a message or a log."""
    kind = type(value)
    name = (
        kind.__qualname__ if kind.__module__ in {"builtins", "__main__"} else f"{kind.__module__}.{kind.__qualname__}"
    )
    return f"a value of type {name}"
