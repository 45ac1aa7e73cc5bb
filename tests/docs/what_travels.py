"""The page on what travels, written by sending a value of each type: ``python -m tests.docs.what_travels``."""

import threading
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from htcgrid.errors import EncodingError
from htcgrid.model.codec import Codec, codec_of
from htcgrid.testing.handlers import Side, Trade

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "what-travels.md"
Pair = namedtuple("Pair", "a b")


class Text(str):
    """A subclass of a plain type."""

    __slots__ = ()


class Curve:
    """A class of a user's own."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Curve) and other.rate == self.rate

    __hash__ = None  # type: ignore[assignment]


class Row(NamedTuple):
    """A type, and values of it."""

    name: str
    values: list[Any]


ROWS = [
    Row("`None`, `bool`", [None, True]),
    Row("`int` of up to 64 bits", [1, -1]),
    Row("`int` of more", [2**70]),
    Row("`float`", [1.5, -0.0]),
    Row("NaN and infinities", [float("nan"), float("inf")]),
    Row("`complex`", [1j]),
    Row("`str`", ["Zürich"]),
    Row("`str` with lone surrogates, as in names of files", ["\udcff"]),
    Row("`bytes`", [b"\0"]),
    Row("`bytearray`", [bytearray(b"\0")]),
    Row("`memoryview`", [memoryview(b"\0")]),
    Row("`list`", [[1, "a"]]),
    Row("`tuple`", [(1, "a")]),
    Row("`set`, `frozenset`", [{1, 2}, frozenset({1})]),
    Row("`dict` with keys of text", [{"a": 1}]),
    Row("`dict` with keys that are numbers or `None`", [{1: "a", 2.5: "b", None: "c"}]),
    Row("`dict` with other keys, as tuples", [{(1, "a"): 1}]),
    Row("`range`", [range(3)]),
    Row("`Decimal`", [Decimal("1.50")]),
    Row("`Fraction`", [Fraction(1, 3)]),
    Row("`datetime` without a zone", [datetime(2026, 1, 2)]),  # noqa: DTZ001 - it travels, too
    Row("`datetime` with a `timezone` or `ZoneInfo`", [datetime(2026, 1, 2, tzinfo=ZoneInfo("Europe/Zurich"))]),
    Row("`date`, `time`, `timedelta`", [date(2026, 1, 2), time(3, tzinfo=UTC), timedelta(1)]),
    Row("`UUID`", [UUID(int=1)]),
    Row("`Path` and its kin", [Path("a"), PurePosixPath("a")]),
    Row("an Enum of a module that both sides import", [Side.BUY]),
    Row("a dataclass of one", [Trade(Side.BUY, (1.5,))]),
    Row("numpy's numbers", [np.float64(1.5), np.int32(1)]),
    Row("a numpy array", [np.arange(6.0).reshape(2, 3)]),
    Row("one of objects", [np.array([None, object])]),
    Row("a masked one", [np.ma.array([1.0, 2.0], mask=[False, True])]),
    Row("a pandas frame", [pd.DataFrame({"a": [1.5], "b": ["x"]})]),
    Row("a pandas series or index", [pd.Series([1.5]), pd.Index(["a"])]),
    Row("a named tuple", [Pair(1, 2)]),
    Row("`OrderedDict`", [OrderedDict(a=1)]),
    Row("a subclass of a plain type", [Text("a")]),
    Row("an object of any other class", [Curve(0.02)]),
    Row("a function, a class", [lambda: 1, Curve]),
    Row("a lock", [threading.Lock()]),
    Row("an open file, a generator", [(one for one in [1])]),
]

#: What all of these mean: it arrives as it was sent; it is refused.
KEPT, REFUSED = "✓", "—"
COLUMNS: dict[str, Callable[[], Codec]] = {
    "`typed`": lambda: codec_of("typed"),
    "`json`": lambda: codec_of("json"),
    "`json`, lossy": lambda: codec_of("json", lossy=True),
    "`msgpack`": lambda: codec_of("msgpack"),
    "`msgpack`, lossy": lambda: codec_of("msgpack", lossy=True),
    "`bytes`": lambda: codec_of("bytes"),
    "`pickle`": lambda: codec_of("pickle"),
}

_HEAD = """\
<!-- Written by `make reference`, which sends a value of each type: change tests/docs/what_travels.py. -->

# Serialization

Payloads, results, arguments of `map` and executors, and shared inputs keep one rule: **what arrives equals what was
sent, in type and value, or it is refused**, with its place in the payload, its type, the reason and a codec that keeps
it, if there is one:

```text
EncodingError: task 3: a value of type collections.OrderedDict at ["curve"][3].rates cannot be sent with codec
'typed': it would arrive as a dict: send dict(…) of it; codec 'pickle' keeps it, on agents that allow it
```

The default codec, `typed`, is for Python clients and handlers; [Codecs](../reference/codecs.md) has the details of
each. ✓ means that a value arrives as it was sent, — that it is refused; else the cell has the type as which it arrives.
"""
_FOOT = """\
What lists, dicts and other containers hold follows the same table. They may stand 250 levels deep in each other. A
value that holds itself is refused; `pickle` keeps it.
"""


def page() -> str:
    """Return the page as it has to be."""
    codecs = [make() for make in COLUMNS.values()]
    lines = [f"| | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for row in ROWS:
        cells = [arrival(codec, row.values) for codec in codecs]
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    return "\n".join([_HEAD, *lines, "", _FOOT])


def arrival(codec: Codec, values: list[Any]) -> str:
    """Return as what the values arrive."""
    return ", ".join(dict.fromkeys(_arrival(codec, value) for value in values))


def _arrival(codec: Codec, value: Any) -> str:
    try:
        found = codec.decode(codec.encode(value))
    except EncodingError:
        return REFUSED
    if type(found) is not type(value):
        return f"`{type(found).__name__}`"
    if isinstance(found, dict) and found != value:
        return f"keys `{type(next(iter(found))).__name__}`"
    assert repr(found) == repr(value) or callable(found) or found == value
    return KEPT


if __name__ == "__main__":
    # By its name: of a script's own classes pickle makes new ones.
    from tests.docs import what_travels

    PAGE.write_text(what_travels.page(), encoding="utf-8")
