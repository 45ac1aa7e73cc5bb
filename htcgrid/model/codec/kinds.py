"""The typed codec's forms of values that MessagePack lacks, by their exact types."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import is_dataclass
from enum import Enum
from importlib import import_module
from itertools import chain
from typing import Any, NamedTuple

from ormsgpack import OPT_PASSTHROUGH_BIG_INT, Ext, packb, unpackb

from htcgrid.model.codec.advice import library_of, reason_of
from htcgrid.model.codec.classes import Classes
from htcgrid.model.codec.leaves import LEAVES
from htcgrid.model.codec.objects import DataclassForm, EnumForm, dataclass_reader, enum_of
from htcgrid.model.codec.place import entries_of, items_of, members_of

#: Tags of values that hold others, in the order of their introduction; those of leaves.py are below.
TUPLE, SET, FROZENSET, DICT, DATACLASS = 32, 33, 34, 35, 36
ENUM = 40
#: Tags of what numpy and pandas have, as (tag, the function that writes it, the one that reads it).
_ARRAYS = {48: ("array_bytes", "array_of"), 49: ("scalar_bytes", "scalar_of")}
_FRAMES = {50: ("frame_bytes", "frame_of"), 51: ("series_bytes", "series_of"), 52: ("index_bytes", "index_of")}
ARRAY = 48
#: Most classes that are remembered: a program may make new ones without end.
_REMEMBERED = 4096


class Pairs:
    """Stands for a dict whose keys are not all text."""

    __slots__ = ("held",)

    def __init__(self, held: dict[Any, Any]) -> None:
        self.held = held


class Kind(NamedTuple):
    """How values of one type are written."""

    tag: int
    #: Of one that holds no others: its bytes; of one that does, it raises.
    encode: Callable[[Any], bytes]
    #: Of one that holds others: these as a list, and the steps to them.
    parts: Callable[[Any], list[Any]] | None = None
    inside: Callable[[Any], list[tuple[str, Any]]] = lambda _: []


class Kinds:
    """Types and tags with their forms; what the value of a class is like is found out once."""

    def __init__(self, classes: Classes) -> None:
        self._classes = classes
        #: Exact types; grows by those of classes.
        self.by_type: dict[type, Kind] = dict(_OWN)
        self._own = len(self.by_type)
        #: Types whose values have parts, so that no other way needs to be tried first.
        self.with_parts: set[type] = {tuple, set, frozenset}
        self._forms: dict[type, DataclassForm] = {}
        #: What makes a leaf of its bytes, and a container of its parts.
        self.leaves: dict[int, Callable[[bytes], Any]] = dict(_READERS)
        self.leaves[ENUM] = lambda data: enum_of(classes, enum_parts(data))
        self.containers: dict[int, Callable[[list[Any]], Any]] = {
            TUPLE: tuple,
            SET: set,
            FROZENSET: frozenset,
            DICT: lambda parts: dict(zip(parts[::2], parts[1::2], strict=True)),
            DATACLASS: dataclass_reader(self.form, classes),
        }

    def frames(self, encode: Callable[[Any], bytes], decode: Callable[[bytes], Any]) -> None:
        """Take what writes and reads the parts of pandas' objects; readers made before this make none of these."""
        self._encode = encode
        self.leaves |= {tag: _frame_reader(name, decode) for tag, (_, name) in _FRAMES.items()}

    def form(self, cls: type) -> DataclassForm | None:
        """Return the form of a dataclass; None of another class."""
        if not is_dataclass(cls) or issubclass(cls, Enum):
            return None
        # Another thread may let go of all of them at any time.
        form = self._forms.get(cls)
        if form is None:
            form = self._forms[cls] = DataclassForm(cls, self._classes)
        return form

    def of(self, value: Any) -> Kind:
        """Return what is done with a value.

        Raises:
            TypeError: its type does not travel; the message has the reason.
        """
        kind = type(value)
        if (known := self.by_type.get(kind)) is not None:
            return known
        if len(self.by_type) > self._own + _REMEMBERED:
            self.by_type = dict(_OWN)
            self.with_parts.intersection_update(_OWN)
            self._forms.clear()
        found = self.by_type[kind] = self._new(value)
        if found.parts is not None:
            self.with_parts.add(kind)
        return found

    def _new(self, value: Any) -> Kind:
        kind = type(value)
        if isinstance(value, Enum):
            form = EnumForm(kind, self._classes)
            return Kind(ENUM, lambda member: _packed(form.parts(member)))
        if (dataclass := self.form(kind)) is not None:
            return Kind(DATACLASS, _holds_others, dataclass.parts, lambda held: _fields_of(dataclass.parts(held)))
        library = library_of(value)
        if library == "numpy":
            return self._numpy(value)
        if library == "pandas":
            return self._pandas(value)
        raise TypeError(reason_of(value))

    def _numpy(self, value: Any) -> Kind:
        numpy: Any = sys.modules["numpy"]
        for tag, base in ((ARRAY, numpy.ndarray), (49, numpy.generic)):
            if isinstance(value, base):
                return Kind(tag, getattr(_library("arrays"), _ARRAYS[tag][0]))
        raise TypeError(reason_of(value))

    def _pandas(self, value: Any) -> Kind:
        pandas: Any = sys.modules["pandas"]
        for tag, base in ((50, pandas.DataFrame), (51, pandas.Series), (52, pandas.Index)):
            if isinstance(value, base):
                return Kind(tag, self._frame_writer(_FRAMES[tag][0]))
        raise TypeError(reason_of(value))

    def _frame_writer(self, name: str) -> Callable[[Any], bytes]:
        write, encode = getattr(_library("frames"), name), self._encode
        return lambda frame: write(frame, encode)


def _holds_others(value: Any) -> bytes:
    raise TypeError(f"a {type(value).__name__} has parts")


def _packed(parts: list[Any]) -> bytes:
    return packb(parts, default=_big_int_form, option=OPT_PASSTHROUGH_BIG_INT)


def enum_parts(data: bytes) -> list[Any]:
    """Return what an Enum's member was written as: module and name of its class, its name, and maybe its value."""
    return unpackb(data, ext_hook=_big_int)  # type: ignore[no-any-return]


def _big_int_form(value: int) -> Ext:
    return Ext(LEAVES[0].tag, LEAVES[0].encode(value))


def _big_int(_tag: int, data: bytes) -> Any:
    return LEAVES[0].decode(data)


def _array_reader(name: str) -> Callable[[bytes], Any]:
    def read(data: bytes) -> Any:
        return getattr(_library("arrays"), name)(data)

    return read


def _frame_reader(name: str, decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def read(data: bytes) -> Any:
        return getattr(_library("frames"), name)(data, decode)

    return read


def _library(module: str) -> Any:
    """Return our module for numpy's or pandas' objects, which says so when the library is not here."""
    return import_module(f"htcgrid.model.codec.{module}")


_READERS = {
    **{leaf.tag: leaf.decode for leaf in LEAVES},
    **{tag: _array_reader(name) for tag, (_, name) in _ARRAYS.items()},
}


def _fields_of(parts: list[Any]) -> list[tuple[str, Any]]:
    return [(f".{name}", held) for name, held in parts[2].items()]


def _flat(held: Pairs) -> list[Any]:
    return list(chain.from_iterable(held.held.items()))


def _container(tag: int, steps: Callable[[Iterable[Any]], list[tuple[str, Any]]]) -> Kind:
    return Kind(tag, _holds_others, list, steps)


_OWN: dict[type, Kind] = {
    **{leaf.kind: Kind(leaf.tag, leaf.encode) for leaf in LEAVES if leaf.kind is not str},
    tuple: _container(TUPLE, items_of),
    set: _container(SET, members_of),
    frozenset: _container(FROZENSET, members_of),
    Pairs: Kind(DICT, _holds_others, _flat, lambda held: entries_of(held.held)),
}
