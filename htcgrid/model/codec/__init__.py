"""How one payload or result becomes bytes and back: what arrives equals what was sent, or it is refused."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from htcgrid.errors import ConfigError
from htcgrid.model.codec.classes import Classes
from htcgrid.model.codec.pickled import pickled, pickler, unpickled
from htcgrid.model.codec.plain import decode_bytes, encode_bytes, json_codec, msgpack_codec
from htcgrid.model.codec.typed import typed_codec
from htcgrid.model.python_client import python_client

__all__ = ["LOSSY", "PICKLE", "TYPED", "Classes", "Codec", "codec_of", "codec_of_session"]

#: The codec of Python clients, unless they say otherwise.
TYPED = "typed"
#: The codec whose data can run any code.
PICKLE = "pickle"
#: Where a session's codec options say that what the codec does not have may become something else.
LOSSY = "lossy"
_NAMES = "'typed', 'json', 'msgpack', 'bytes' or 'pickle'"


class Codec(msgspec.Struct, frozen=True):
    """A pair of functions that raise :class:`EncodingError` for what they cannot carry."""

    name: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


class Encoded(Protocol):
    """What says how its payloads are encoded, as a session does."""

    @property
    def codec(self) -> str:
        """The codec's name."""

    @property
    def handler(self) -> str:
        """The handler's name."""

    @property
    def codec_options(self) -> Mapping[str, Any]:
        """What it and the client's language need to know beside that."""


def codec_of(name: str, *, lossy: bool = False, script: str = "", classes: Classes | None = None) -> Codec:
    """Return the codec of this name.

    Whoever decodes with ``pickle`` runs whatever code the bytes ask for: only workers of agents that allow it, and
    clients that asked for it, do.

    Args:
        name: ``typed``, ``json``, ``msgpack``, ``bytes`` or ``pickle``.
        lossy: with ``json`` or ``msgpack``, send what they do not have as what comes near it, and do not refuse it.
        script: with ``pickle``, the client's script, if it is ``__main__`` on both sides, so that what it defines is
            sent by name.
        classes: how ``typed`` finds Enums and dataclasses.

    Raises:
        ConfigError: there is no such codec, or it has no lossy form.
    """
    if lossy and name in {TYPED, "bytes", PICKLE}:
        raise ConfigError(f"codec {name!r} has no lossy form: leave lossy out, or use codec 'json' or 'msgpack'")
    if name == TYPED:
        return Codec(TYPED, *typed_codec(classes or Classes()))
    if name == "json":
        return Codec("json", *json_codec(_others, lossy=lossy))
    if name == "msgpack":
        return Codec("msgpack", *msgpack_codec(_others, lossy=lossy))
    if name == "bytes":
        return Codec("bytes", encode_bytes, decode_bytes)
    if name == PICKLE:
        return Codec(PICKLE, pickler(script), unpickled)
    raise ConfigError(f"there is no codec {name!r}; use {_NAMES}")


def codec_of_session(session: Encoded, *, classes: Classes | None = None) -> Codec:
    """Return the codec of a session, or of a run of its tasks, with the options that stand there.

    Raises:
        ConfigError: there is no such codec, or it has no such options.
    """
    options = session.codec_options
    client = python_client(options)
    script = client.script if client.defines(session.handler) else ""
    return codec_of(session.codec, lossy=options.get(LOSSY) is True, script=script, classes=classes)


def _others() -> dict[str, Callable[[Any], bytes]]:
    """Return what may keep a value that another codec refuses; made only for a message."""
    return {TYPED: typed_codec(Classes())[0], PICKLE: pickled}
