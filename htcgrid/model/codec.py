"""How one payload or result becomes bytes and back."""

import json
from collections.abc import Callable
from typing import Any

import msgspec

from htcgrid.errors import ConfigError, EncodingError
from htcgrid.model.shared import SharedRef

#: The codec whose data can run any code.
PICKLE = "pickle"


class Codec(msgspec.Struct, frozen=True):
    """A pair of functions that raise :class:`EncodingError` for what they cannot carry."""

    name: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


def codec_of(name: str) -> Codec:
    """Return the codec of this name.

    Whoever decodes with ``pickle`` runs whatever code the bytes ask for: only workers of agents that allow it, and
    clients that asked for it, do.

    Raises:
        ConfigError: there is none.
    """
    if name == "json":
        return Codec("json", _encode_json, _decode_json)
    if name == "bytes":
        return Codec("bytes", _encode_bytes, _decode_bytes)
    if name == "msgpack":
        return Codec("msgpack", _encode_msgpack, _decode_msgpack)
    if name == PICKLE:
        return Codec(PICKLE, _encode_pickle, _decode_pickle)
    raise ConfigError(f"there is no codec {name!r}; use 'json', 'bytes', 'msgpack' or 'pickle'")


def _natural(value: Any) -> Any:
    """Turn numpy scalars and arrays into plain numbers and lists, and references into text; all else is refused."""
    if type(value) is SharedRef:
        return str(value)
    convert = getattr(value, "tolist", None)
    if convert is None:
        raise TypeError(f"an object of type {type(value).__name__} has no such form")
    return convert()


_json_encoder = msgspec.json.Encoder(enc_hook=_natural)
_json_decoder = msgspec.json.Decoder()


def _encode_json(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        # As text they would come back as something else.
        raise EncodingError(f"{_shown(value)} cannot be encoded as JSON: use codec 'bytes' or 'msgpack'")
    try:
        data = _json_encoder.encode(value)
        # msgspec writes NaN and infinities as null, which would change a price silently; only data that holds a
        # null can hide one, so only those are looked at again.
        if b"null" in data:
            json.dumps(value, allow_nan=False, default=_strict, skipkeys=True)
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise EncodingError(
            f"{_shown(value)} cannot be encoded as JSON: {error}; use plain numbers, strings, lists and dicts"
        ) from error
    return data


def _strict(value: Any) -> Any:
    """Stand in for what msgspec encodes and json does not, so that the look for NaN goes into it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return msgspec.to_builtins(value, str_keys=True, enc_hook=_natural)


def _decode_json(data: bytes) -> Any:
    try:
        return _json_decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise EncodingError(f"{len(data)} bytes cannot be decoded as JSON: {error}") from error


_msgpack_encoder = msgspec.msgpack.Encoder(enc_hook=_natural)
_msgpack_decoder = msgspec.msgpack.Decoder()


def _encode_msgpack(value: Any) -> bytes:
    try:
        return _msgpack_encoder.encode(value)
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError, RecursionError) as error:
        raise EncodingError(
            f"{_shown(value)} cannot be encoded as MessagePack: {error}; use plain numbers of at most 64 bits, "
            "strings, bytes, lists and dicts"
        ) from error


def _decode_msgpack(data: bytes) -> Any:
    try:
        return _msgpack_decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError, TypeError) as error:
        raise EncodingError(f"{len(data)} bytes cannot be decoded as MessagePack: {error}") from error


def _encode_bytes(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise EncodingError(f"{_shown(value)} cannot be sent with codec 'bytes': pass bytes, or use codec 'json'")


def _decode_bytes(data: bytes) -> bytes:
    return data


def _encode_pickle(value: Any) -> bytes:
    import cloudpickle  # noqa: PLC0415 - takes 25 ms, and only whoever pickles needs it

    try:
        return cloudpickle.dumps(value)  # type: ignore[no-any-return]
    except Exception as error:  # the user's objects are asked how they are pickled
        raise EncodingError(
            f"{_shown(value)} cannot be pickled: {type(error).__name__}: {error}; leave out what belongs to this "
            "process, as locks, open files and connections"
        ) from error


def _decode_pickle(data: bytes) -> Any:
    import pickle  # noqa: PLC0415 - needed by few

    try:
        return pickle.loads(data)  # noqa: S301 - both sides have asked for it
    except Exception as error:  # the user's objects are made again
        raise EncodingError(
            f"{len(data)} bytes cannot be unpickled: {type(error).__name__}: {error}; what they refer to must be "
            "importable here, in the same version as where they come from"
        ) from error


def _shown(value: Any) -> str:
    """Name the value by its type alone: payloads never reach a message or a log."""
    return f"a value of type {type(value).__name__}"
