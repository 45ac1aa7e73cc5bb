"""JSON and plain MessagePack, for programs in any language: what arrives equals what was sent, or it is refused."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from math import isfinite
from typing import Any

import msgspec
from ormsgpack import OPT_NON_STR_KEYS, packb

from htcgrid.errors import EncodingError
from htcgrid.model.codec.advice import keeper, reason_of
from htcgrid.model.codec.buffers import holds, holds_buffer, may_hold_buffer
from htcgrid.model.codec.leaves import has_encoding
from htcgrid.model.codec.lossy import converted
from htcgrid.model.codec.place import Look, Refusal, entries_of, items_of, refused_in, shown
from htcgrid.model.codec.strict import STRICT
from htcgrid.model.shared import SharedRef

_Encode = Callable[[Any], bytes]
_Others = Callable[[], dict[str, _Encode]]
_BYTES = frozenset({bytes, bytearray, memoryview})
_TEXTS = frozenset({str})
_KEYS: frozenset[type] = frozenset({str, int, float, bool, type(None), bytes})
#: A float in MessagePack that JSON has no number for; the bits of an exponent are all set.
_NO_NUMBER = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")
#: By type, what it would arrive as, or why it cannot be sent.
_BECOMES: dict[type, str] = {
    tuple: "it would arrive as a list",
    set: "it would arrive as a list",
    frozenset: "it would arrive as a list",
    bytes: "JSON has no bytes",
    bytearray: "it would arrive as bytes",
    memoryview: "it would arrive as bytes: send bytes(…) of it",
}


def json_codec(others: _Others, *, lossy: bool) -> tuple[_Encode, Callable[[bytes], Any]]:
    """Return the functions that write and read JSON; ``others`` gives codecs to name for what is refused."""
    write, read = msgspec.json.Encoder(enc_hook=_referred).encode, msgspec.json.Decoder().decode

    def encode(value: Any) -> bytes:
        try:
            # Only this looks at types as we want it, at the speed of C; its bytes are not needed.
            probe = packb(value, _known, STRICT)
            data = write(value)
        except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
            return _instead(value, error)
        if (0xC4 in probe or len(probe) > 258) and may_hold_buffer(probe) and holds(value, _BYTES):
            return _instead(value, None)
        # NaN and infinities have one of these bytes, and become null.
        if (
            (0x7F in probe or 0xFF in probe)
            and b"null" in data
            and _NO_NUMBER.search(probe)
            and refused_in(value, _look_json)
        ):
            return _instead(value, None)
        return data

    def _instead(value: Any, error: Exception | None) -> bytes:
        if lossy:
            plain = converted(value, "json", others)
            return _written(lambda: write(plain), lambda why: _refusal(plain, "json", _look_json, others, why))
        raise _refusal(value, "json", _look_json, others, error, lossy=json_codec(others, lossy=True)[0]) from error

    def decode(data: bytes) -> Any:
        try:
            return read(data)
        except Exception as error:
            raise EncodingError(f"{len(data)} bytes cannot be decoded as JSON: {error}") from error

    return encode, decode


def msgpack_codec(others: _Others, *, lossy: bool) -> tuple[_Encode, Callable[[bytes], Any]]:
    """Return the functions that write and read plain MessagePack."""
    read = msgspec.msgpack.Decoder().decode

    def encode(value: Any) -> bytes:
        try:
            data = packb(value, _referred, STRICT)
        except TypeError as error:
            return _instead(value, error)
        if (0xC4 in data or len(data) > 258) and may_hold_buffer(data) and holds_buffer(value):
            return _instead(value, None)
        return data

    def _instead(value: Any, error: Exception | None) -> bytes:
        """Return the bytes of what is only to be looked at more closely, as are keys that are no text."""
        found = refused_in(value, _look_msgpack)
        if found is None:
            return _with_keys(value)
        if lossy:
            return _with_keys(converted(value, "msgpack", others))
        raise _refused(found, "msgpack", others, msgpack_codec(others, lossy=True)[0]) from error

    def _with_keys(value: Any) -> bytes:
        return _written(
            lambda: packb(value, default=_referred, option=STRICT | OPT_NON_STR_KEYS),
            lambda why: _refusal(value, "msgpack", _look_msgpack, others, why),
        )

    def decode(data: bytes) -> Any:
        try:
            return read(data)
        except Exception as error:
            raise EncodingError(f"{len(data)} bytes cannot be decoded as MessagePack: {error}") from error

    return encode, decode


def encode_bytes(value: Any) -> bytes:
    """Return bytes as they are.

    Raises:
        EncodingError: it is something else.
    """
    if type(value) is bytes:
        return value
    buffer = isinstance(value, bytes | bytearray | memoryview)
    reason = "it would arrive as bytes: send bytes(…) of it" if buffer else "pass bytes, or use the default codec"
    raise EncodingError(f"{shown(value)} cannot be sent with codec 'bytes': {reason}")


def decode_bytes(data: bytes) -> bytes:
    """Return the bytes."""
    return bytes(data)


def _referred(value: Any) -> Any:
    """Return a shared input's reference as text, which it is to all others; all else is refused."""
    if _is_reference(value):
        return str.__str__(value)
    raise TypeError("it has no such form")


def _is_reference(value: Any) -> bool:
    return type(value) is SharedRef


def _known(value: Any) -> Any:
    """Take what JSON has beside MessagePack: an int of any size."""
    return None if type(value) is int else _referred(value)


def _written(write: Callable[[], bytes], refusal: Callable[[Exception], EncodingError]) -> bytes:
    try:
        return write()
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise refusal(error) from error


def _refusal(
    value: Any, codec: str, look: Look, others: _Others, error: Exception | None, *, lossy: _Encode | None = None
) -> EncodingError:
    found = refused_in(value, look)
    if found is None:
        return EncodingError(f"{shown(value)} cannot be sent with codec {codec!r}: {error}")
    return _refused(found, codec, others, lossy)


def _refused(found: Refusal, codec: str, others: _Others, lossy: _Encode | None) -> EncodingError:
    """Return what to raise for a part; ``lossy`` encodes it where its sender may still ask for that."""
    place = f" at {found.place}" if found.place else ""
    text = f"{shown(found.part)}{place} cannot be sent with codec {codec!r}: {found.reason}{keeper(found, others())}"
    if lossy is not None and not found.too_deep:
        with suppress(EncodingError):
            lossy(found.part)
            text += "; lossy=True sends what comes near it"
    return EncodingError(text)


def _look_json(part: Any) -> str | Iterable[tuple[str, Any]]:
    kind = type(part)
    if kind is float and not isfinite(part):
        return "JSON has no NaN and no infinities"
    if kind is dict and not _TEXTS.issuperset(map(type, part)):
        return "not all of its keys are text, as JSON's are"
    return _look(part, kind, "JSON has no such type")


def _look_msgpack(part: Any) -> str | Iterable[tuple[str, Any]]:
    kind = type(part)
    if kind is int and not -(1 << 63) <= part < 1 << 64:
        return "it has more than 64 bits"
    if kind is bytes:
        return ()
    if kind is dict and not _KEYS.issuperset(map(type, part)):
        return "its keys are not all text, bytes, numbers, True, False or None"
    return _look(part, kind, "MessagePack has no such type")


def _look(part: Any, kind: type, no_form: str) -> str | Iterable[tuple[str, Any]]:
    if kind in {type(None), bool, int, float} or _is_reference(part):
        return ()
    if kind is str:
        return () if part.isascii() or has_encoding(part) else "it has a surrogate without a partner, as no text may"
    if kind is list:
        return items_of(part)
    if kind is dict:
        return entries_of(part)
    return _BECOMES.get(kind) or reason_of(part, no_form)
