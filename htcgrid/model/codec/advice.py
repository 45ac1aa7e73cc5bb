"""Reasons why values are refused, and advice for their senders."""

import sys
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from htcgrid.model.codec.place import Refusal

#: By the name of a type, or of one that it is derived from: why it cannot travel. These are in no codec.
_BOUND = {
    "generator": "it makes its items only here: send list(…) of it",
    "coroutine": "it runs only here: await it, and send what it returns",
    "async_generator": "it makes its items only here: send a list of them",
    "lock": "it belongs to this process",
    "RLock": "it belongs to this process",
    "Thread": "it belongs to this process",
    "socket": "it belongs to this process: send what to connect to",
    "_IOBase": "an open file belongs to this process: send its path, or what stands in it",
    "function": "only data travels: name the function, or send what it returns",
    "builtin_function_or_method": "only data travels: name the function, or send what it returns",
    "method": "only data travels: send the object, or what the method returns",
    "module": "only data travels",
    "type": "only data travels, and this is a class: send its name",
    "memoryview": "it would arrive as bytes: send bytes(…) of it",
    "dict_keys": "it is a view of a dict: send list(…) of it",
    "dict_values": "it is a view of a dict: send list(…) of it",
    "dict_items": "it is a view of a dict: send list(…) of it",
    "OrderedDict": "it would arrive as a dict: send dict(…) of it",
    "defaultdict": "it would arrive as a dict: send dict(…) of it",
    "Counter": "it would arrive as a dict: send dict(…) of it",
    "deque": "it would arrive as a list: send list(…) of it",
    "Timestamp": "send its to_pydatetime(), or a series of it",
    "Timedelta": "send its to_pytimedelta(), or a series of it",
    "NaTType": "send None, or a series of it",
    "NAType": "send None",
    "BaseException": "only data travels: send what it says",
}
#: What a subclass would arrive as.
_PLAIN = (bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset)


def reason_of(value: Any, no_form: str = "") -> str:
    """Return why a value is refused whose type a codec does not have, and what to send instead.

    With ``no_form``, which says that there is no such type, the codec is one that has less than ``typed``.
    """
    kind = type(value)
    if no_form and isinstance(value, Enum):
        return "it would arrive as its value: send that"
    # What stands there of pandas' types is for who can send its series.
    for one in kind.__mro__[:-1] if not (no_form and library_of(value)) else ():
        if one.__name__ in _BOUND:
            return _BOUND[one.__name__]
    for plain in _PLAIN:
        if isinstance(value, plain) and kind is not plain:
            what = "a named tuple" if hasattr(kind, "_fields") else f"a subclass of {plain.__name__}"
            return f"{what} would arrive as {plain.__name__}: send {plain.__name__}(…) of it"
    if isinstance(value, Iterator):
        return "it makes its items only here: send list(…) of it"
    return (
        no_form or "only plain data, Enums, dataclasses, arrays and frames travel: send what it holds as one of these"
    )


def keeper(found: Refusal, codecs: dict[str, Callable[[Any], bytes]]) -> str:
    """Return which of the codecs keeps the part, as the end of a message; they are asked in their order."""
    for name, encode in codecs.items() if not found.too_deep else ():
        try:
            encode(found.part)
        except Exception:  # noqa: BLE001, S112 - pickling runs the user's code, and an answer is all that is wanted
            continue
        return f"; codec {name!r} keeps it" + (", on agents that allow it" if name == "pickle" else "")
    return ""


def library_of(value: Any) -> str:
    """Return ``numpy`` or ``pandas`` if the value's type is theirs, and else nothing; neither is imported."""
    root = type(value).__module__.partition(".")[0]
    return root if root in {"numpy", "pandas"} and root in sys.modules else ""
