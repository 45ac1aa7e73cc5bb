"""Typed MessagePack: what arrives equals what was sent, in type and value.

Lists, dicts with keys of text, and what else MessagePack has stand as they do there. Values without contents of their
own are extensions. Containers of other types would nest extensions in each other, and the time and stack that this
takes grows with their depth; so each is a part of its own, and where it stood there is a reference to it. A value with
such parts is one extension that holds all of them: the value itself, then tag and contents of each part, which refers
only to later parts.
"""

from collections.abc import Callable, Iterable
from functools import cached_property
from importlib import import_module
from struct import Struct
from threading import get_ident
from typing import Any

from ormsgpack import Ext, packb, unpackb

from htcgrid.errors import EncodingError
from htcgrid.model.codec.advice import keeper
from htcgrid.model.codec.buffers import holds_buffer, may_hold_buffer
from htcgrid.model.codec.classes import Classes
from htcgrid.model.codec.kinds import ARRAY, Kinds
from htcgrid.model.codec.pickled import pickled
from htcgrid.model.codec.place import entries_of, items_of, refused_in, shown
from htcgrid.model.codec.reading import LARGE, Reading
from htcgrid.model.codec.strict import STRICT
from htcgrid.model.codec.writing import Writing
from htcgrid.model.error_text import is_a, message_of, said, type_name

#: What stands in MessagePack as it is.
_NATIVE = frozenset({type(None), bool, int, float, str, bytes, bytearray})
#: What an extension of up to 4 GiB begins with: its mark, its length, and its tag.
_EXT32 = Struct(">BIb")
#: What needs no form by itself.
_PLAIN = frozenset({dict, list, *_NATIVE})


class _Forms:
    """What a codec needs for values that MessagePack has no form for, made when the first of these comes.

    A codec is made for each session, and most sessions have no such value.
    """

    def __init__(self, classes: Classes) -> None:
        self._classes = classes

    @cached_property
    def kinds(self) -> Kinds:
        kinds = Kinds(self._classes)
        # A frame's parts hold no frames: bytes that say so would take a level of the stack each.
        kinds.frames(_encoder(self), Reading(kinds).read)
        return kinds

    @cached_property
    def reading(self) -> Reading:
        return Reading(self.kinds)


def typed_codec(classes: Classes) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    """Return the functions that write and read, each for any number of threads."""
    forms = _Forms(classes)
    return _encoder(forms), _decoder(forms)


def _encoder(forms: _Forms) -> Callable[[Any], bytes]:
    #: Ends of the program and of its threads, which came while a value was asked for its form.
    ends: dict[int, BaseException] = {}

    def leaf(value: Any) -> Ext:
        """Return the form of a value that holds no others; for others this is not the way, and the encoder says so."""
        try:
            kind = forms.kinds.by_type[type(value)]
            return Ext(kind.tag, kind.encode(value))
        except Exception:
            raise
        except BaseException as end:
            ends[get_ident()] = end
            raise

    def encode(value: Any) -> bytes:
        if type(value) not in _PLAIN and (whole := _whole(forms.kinds, value)) is not None:
            return whole
        try:
            # By position: keywords take some 30 ns.
            data = packb(value, leaf, STRICT)
        except TypeError:
            if ends and (end := ends.pop(get_ident(), None)):
                raise end from None
        else:
            if (0xC4 not in data and len(data) < 259) or not may_hold_buffer(data) or not holds_buffer(value):
                return data
        return _written(forms.kinds, value)

    return encode


def _decoder(forms: _Forms) -> Callable[[bytes], Any]:
    def extension(tag: int, data: bytes) -> Any:
        return forms.reading.leaf(tag, data)

    def decode(data: bytes) -> Any:
        if len(data) > LARGE:
            return forms.reading.read(data)
        try:
            return unpackb(data, ext_hook=extension)
        except Exception as error:  # noqa: BLE001 - whatever the bytes, and the classes that they name, make of it
            forms.reading.refuse(data, error)

    return decode


def _whole(kinds: Kinds, value: Any) -> bytes | None:
    """Return a value that need not be given to the encoder first; None for one that is to be."""
    if type(value) in kinds.with_parts:
        return _written(kinds, value)
    return _large_array(value) if type(value).__name__ == "ndarray" else None


def _large_array(value: Any) -> bytes | None:
    """Return a large array as the encoder would write it, copied once and not twice; None for what is none."""
    try:
        header, elements = import_module("htcgrid.model.codec.arrays").array_parts(value)
        length = len(header) + len(elements)
    except Exception:  # noqa: BLE001 - whatever it is, the encoder says what is wrong with it, and where
        return None
    return b"".join((_EXT32.pack(0xC9, length, ARRAY), header, elements)) if LARGE < length < 1 << 32 else None


def _written(kinds: Kinds, value: Any) -> bytes:
    try:
        return Writing(kinds).write(value)
    except Exception as error:  # the user's classes are asked for their fields
        raise _refusal(kinds, value, error) from error


def _refusal(kinds: Kinds, value: Any, error: Exception) -> EncodingError:
    found = refused_in(value, lambda part: _look(kinds, part))
    if found is None:
        return EncodingError(f"{shown(value)} cannot be encoded as typed MessagePack: {said(error)}")
    place = f" at {found.place}" if found.place else ""
    kept = keeper(found, {"pickle": pickled})
    return EncodingError(f"{shown(found.part)}{place} cannot be sent with codec 'typed': {found.reason}{kept}")


def _look(kinds: Kinds, part: Any) -> str | Iterable[tuple[str, Any]]:
    """Return what is inside of a part, or why it is refused."""
    kind = type(part)
    if kind in _NATIVE:
        return ()
    if kind is list:
        return items_of(part)
    if kind is dict:
        return entries_of(part)
    try:
        form = kinds.of(part)
        if form.parts is None:
            form.encode(part)
            return ()
        return form.inside(part)
    except Exception as error:  # noqa: BLE001 - the user's classes are asked for their fields
        # Those say what is wrong with the class; what others say may be what it holds.
        told = is_a(error, (TypeError, EncodingError, ImportError))
        return message_of(error) if told else f"it raised {type_name(error)}"
