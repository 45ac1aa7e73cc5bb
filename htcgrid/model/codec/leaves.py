"""The plain types that MessagePack lacks, as bytes and back; each has a tag that never changes its meaning."""

import uuid
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from struct import Struct
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ormsgpack import OPT_PASSTHROUGH_BIG_INT, Ext, packb, unpackb

from htcgrid.model.codec import times
from htcgrid.model.shared import SharedRef


class Leaf(NamedTuple):
    """A type whose values hold no others."""

    tag: int
    kind: type
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


_INT = 1
_COMPLEX = Struct("<dd")
_PATHS = {kind.__name__: kind for kind in (PosixPath, WindowsPath, PurePosixPath, PureWindowsPath)}


def int_bytes(value: int) -> bytes:
    """Return an int of any size."""
    return value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)


def _int_of(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def _ints_bytes(values: list[int]) -> bytes:
    return packb(values, default=lambda big: Ext(_INT, int_bytes(big)), option=OPT_PASSTHROUGH_BIG_INT)


def _ints_of(data: bytes) -> list[int]:
    return unpackb(data, ext_hook=lambda _tag, big: _int_of(big))  # type: ignore[no-any-return]


def text_bytes(value: str) -> bytes:
    """Return text that may have surrogates without a partner, as names of files do."""
    return value.encode("utf-8", "surrogatepass")


def has_encoding(text: str) -> bool:
    """Return whether UTF-8 has the text, which has no surrogate without a partner then."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def text_of(data: bytes) -> str:
    """Return what :func:`text_bytes` was given."""
    return data.decode("utf-8", "surrogatepass")


def _uuid_bytes(value: uuid.UUID) -> bytes:
    safe = value.is_safe
    return value.bytes if safe is uuid.SafeUUID.unknown else value.bytes + (b"\1" if safe.value else b"\0")


def _uuid_of(data: bytes) -> uuid.UUID:
    is_safe = {b"": uuid.SafeUUID.unknown, b"\0": uuid.SafeUUID.safe, b"\1": uuid.SafeUUID.unsafe}[data[16:]]
    return uuid.UUID(bytes=data[:16], is_safe=is_safe)


def _path_bytes(value: Any) -> bytes:
    return f"{type(value).__name__}:".encode() + text_bytes(str(value))


def _path_of(data: bytes) -> Any:
    kind, _, path = text_of(data).partition(":")
    return _PATHS[kind](path)


def _complex_of(data: bytes) -> complex:
    return complex(*_COMPLEX.unpack(data))


#: By tags from 1 on. A shared input's reference is a class of its own, and so has one, too.
LEAVES = (
    Leaf(_INT, int, int_bytes, _int_of),
    Leaf(2, bytearray, bytes, bytearray),
    Leaf(3, str, text_bytes, text_of),
    Leaf(4, complex, lambda value: _COMPLEX.pack(value.real, value.imag), _complex_of),
    Leaf(5, Decimal, lambda value: str(value).encode(), lambda data: Decimal(data.decode())),
    Leaf(
        6, Fraction, lambda value: _ints_bytes([value.numerator, value.denominator]), lambda it: Fraction(*_ints_of(it))
    ),
    Leaf(7, datetime, times.datetime_bytes, times.datetime_of),
    Leaf(8, date, times.date_bytes, times.date_of),
    Leaf(9, time, times.time_bytes, times.time_of),
    Leaf(10, timedelta, times.timedelta_bytes, times.timedelta_of),
    Leaf(11, timezone, times.zone_bytes, times.zone_of),
    Leaf(11, ZoneInfo, times.zone_bytes, times.zone_of),
    Leaf(12, uuid.UUID, _uuid_bytes, _uuid_of),
    Leaf(13, range, lambda value: _ints_bytes([value.start, value.stop, value.step]), lambda it: range(*_ints_of(it))),
    *(Leaf(14, kind, _path_bytes, _path_of) for kind in _PATHS.values()),
    Leaf(15, type(...), lambda _: b"", lambda _: ...),
    *((Leaf(16, SharedRef, text_bytes, lambda data: SharedRef(text_of(data))),) if isinstance(SharedRef, type) else ()),
)
