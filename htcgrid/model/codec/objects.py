"""Enums and dataclasses in parts and back, exactly and without running their own code."""

from collections.abc import Callable
from copyreg import _slotnames  # type: ignore[attr-defined]
from dataclasses import fields
from enum import Enum, Flag
from functools import cached_property
from types import MemberDescriptorType
from typing import Any

from htcgrid.errors import EncodingError
from htcgrid.model.codec.classes import Classes


class EnumForm:
    """How the members of one Enum are carried: by name, and combinations of flags by value."""

    def __init__(self, cls: type[Enum], classes: Classes) -> None:
        self._cls = cls
        self._classes = classes
        self._name: tuple[str, str] | None = None

    def parts(self, member: Enum) -> list[Any]:
        """Return the class's name and the member's.

        Raises:
            TypeError: the class has no name, or the member neither a name nor a value that leads to it.
        """
        if self._name is None:
            self._name = self._classes.name_of(self._cls)
        name = member._name_
        if self._cls.__members__.get(name or "") is member:
            return [*self._name, name]
        if isinstance(member, Flag) and self._cls(member._value_) is member:
            return [*self._name, None, member._value_]
        raise TypeError("it is not what its class has under its name")


def enum_of(classes: Classes, parts: list[Any]) -> Enum:
    """Return the member that :meth:`EnumForm.parts` was given.

    Raises:
        EncodingError: the class or the member is not here.
    """
    module, qualname, name, *value = parts
    cls = classes.find(module, qualname)
    if not issubclass(cls, Enum):
        raise EncodingError(f"{qualname} of module {module!r} is no Enum here")
    if name is None and issubclass(cls, Flag) and isinstance(value[0], int):
        return cls(value[0])
    if name not in cls.__members__:
        raise EncodingError(f"Enum {qualname} of module {module!r} has no member {name!r} here: is it another version?")
    return cls.__members__[name]


class DataclassForm:
    """How the objects of one dataclass are carried: by its fields."""

    def __init__(self, cls: type[Any], classes: Classes) -> None:
        self._cls = cls
        self._classes = classes
        self._name: tuple[str, str] | None = None
        self._fields = [field.name for field in fields(cls)]
        self._known = frozenset(self._fields)
        #: How fields that are slots are read; all others stand in the object's own dict.
        self._slots = {name: _slot(cls, name) for name in _slotnames(cls)}
        self._cached = {
            name for base in cls.__mro__ for name, held in vars(base).items() if isinstance(held, cached_property)
        }

    def parts(self, value: Any) -> list[Any]:
        """Return the class's name, the fields, and the names of those that are not set.

        Raises:
            TypeError: the object has more than its fields, or another object made from them would not be its like.
        """
        if self._name is None:
            self._check()
            self._name = self._classes.name_of(self._cls)
        found = dict(getattr(value, "__dict__", ()))
        for name, slot in self._slots.items():
            try:
                found[name] = slot.__get__(value)
            except AttributeError:
                continue
        if found.keys() != self._known:
            for name in self._cached - self._known:
                found.pop(name, None)
            if more := sorted(found.keys() - self._known):
                raise TypeError(f"it has attributes beside its fields, as {more[0]!r}, which would be left behind")
            if unset := sorted(self._known - found.keys()):
                return [*self._name, found, unset]
        return [*self._name, found]

    def of(self, parts: list[Any]) -> Any:
        """Return an object with these fields; its ``__init__`` and ``__post_init__`` are not called.

        Raises:
            EncodingError: the fields are not those that the class has here.
        """
        module, qualname, values, *unset = parts
        if values.keys() != self._known and {*values, *(unset[0] if unset else ())} != self._known:
            here = ", ".join(self._fields)
            raise EncodingError(
                f"dataclass {qualname} of module {module!r} came with the fields {', '.join(map(str, values))}, and "
                f"has {here} here: is it another version?"
            )
        made = object.__new__(self._cls)
        if self._slots:
            for name, held in values.items():
                object.__setattr__(made, name, held)
        else:
            made.__dict__.update(values)
        return made

    def _check(self) -> None:
        try:
            object.__new__(self._cls)
        except TypeError as error:
            raise TypeError("its class is derived from one that keeps data of its own") from error
        for name in self._fields:
            held = getattr(self._cls, name, None)
            if hasattr(type(held), "__set__") and not isinstance(held, MemberDescriptorType):
                raise TypeError(f"its field {name!r} is kept by a descriptor")


def _slot(cls: type[Any], name: str) -> MemberDescriptorType:
    for base in cls.__mro__:
        if isinstance(held := vars(base).get(name), MemberDescriptorType):
            return held
    raise TypeError(f"its slot {name!r} is hidden by another attribute")


def dataclass_reader(form: Callable[[type], DataclassForm | None], classes: Classes) -> Callable[[list[Any]], Any]:
    """Return a function that makes an object of its parts."""
    found: dict[tuple[str, str], DataclassForm] = {}

    def read(parts: list[Any]) -> Any:
        key = (parts[0], parts[1])
        if key not in found:
            made = form(classes.find(*key))
            if made is None:
                raise EncodingError(f"{key[1]} of module {key[0]!r} is no dataclass here")
            found[key] = made
        return found[key].of(parts)

    return read
