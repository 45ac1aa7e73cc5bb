"""Values as JSON and plain MessagePack have them: what these lack becomes what comes near it."""

import math
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

import msgspec

from htcgrid.errors import EncodingError
from htcgrid.model.codec.advice import keeper
from htcgrid.model.codec.place import DEEPEST, Refusal, key_shown, shown

_SAME = frozenset({type(None), bool, int, str})
_NO_KEY = "a key has to become text"
_NO_PLAIN_KEY = "a key has to become text, bytes, a number, True, False or None"
_TOO_DEEP = f"it holds itself, or more than {DEEPEST} levels"
_SAME_KEYS = "two of its keys would become the same"
_NOTHING = "some of it is masked or NaT"
_NOT_A_NUMBER = "it is NaN, infinite or NaT"


class Conversion:
    """Converts one value: tuples to lists, dataclasses to dicts, keys, times, Decimals and UUIDs to text, and so on."""

    def __init__(
        self,
        *,
        text_only: bool,
        otherwise: Callable[[Any, str, str], Any],
        bytes_as_text: Callable[[Any], str] = lambda value: b64encode(value).decode(),
    ) -> None:
        """Make one.

        Args:
            text_only: whether bytes, NaN and keys that are not text have no form either, as in JSON.
            otherwise: told a part that has no form, its place and why; returns what stands for it, or raises.
            bytes_as_text: makes text of bytes, where they have no other form.
        """
        self._text_only = text_only
        self._otherwise = otherwise
        self._bytes_as_text = bytes_as_text
        self._steps: list[str] = []
        #: By type, the first that fits.
        self._forms: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
            (Enum, lambda value: self.of(value.value)),
            (float, self._float),
            (str, str.__str__),
            (int, int.__int__),
            ((bytes, bytearray, memoryview), self._bytes),
            (Decimal, self._decimal),
            ((datetime, date, time, timedelta, UUID), self._text),
            (PurePath, str),
            ((list, tuple, set, frozenset, range), self._items),
            (Mapping, self._entries),
            (msgspec.Struct, lambda value: self._attributes(value, value.__struct_fields__)),
        )

    def of(self, value: Any) -> Any:
        """Return the value converted."""
        if type(value) in _SAME:
            return value
        if len(self._steps) > DEEPEST:
            return self._without(value, _TOO_DEEP)
        for kinds, convert in self._forms:
            if isinstance(value, kinds):
                return convert(value)
        return self._other(value)

    def _float(self, value: float) -> Any:
        number = float.__float__(value)
        return number if math.isfinite(number) or not self._text_only else self._without(value, _NOT_A_NUMBER)

    def _bytes(self, value: bytes | bytearray | memoryview) -> str | bytes:
        return self._bytes_as_text(value) if self._text_only else bytes(value)

    def _decimal(self, value: Decimal) -> Any:
        return str(value) if value.is_finite() else self._without(value, _NOT_A_NUMBER)

    def _text(self, value: Any) -> Any:
        # pandas' NaT is a datetime, too.
        same = value == value  # noqa: PLR0124
        if not same:
            return self._without(value, _NOT_A_NUMBER)
        try:
            return msgspec.to_builtins(value)
        except TypeError:
            # A subclass, as pandas has.
            plain = timedelta(value.days, value.seconds, value.microseconds) if isinstance(value, timedelta) else None
            return msgspec.to_builtins(plain) if plain is not None else value.isoformat()

    def _items(self, value: Iterable[Any]) -> list[Any]:
        return [self._inside(f"[{index}]", item) for index, item in enumerate(value)]

    def _attributes(self, value: Any, names: Iterable[str]) -> dict[str, Any]:
        return {name: self._inside(f".{name}", getattr(value, name)) for name in names if hasattr(value, name)}

    def _other(self, value: Any) -> Any:
        if isinstance(value, type):
            return self._without(value, "it is a class")
        if is_dataclass(value):
            return self._attributes(value, [field.name for field in fields(value)])
        if hasattr(value, "to_dict") and hasattr(value, "columns"):
            return self.of(value.to_dict("records"))
        return self._array(value) if hasattr(value, "tolist") else self._without(value, "it has no such form")

    def _inside(self, step: str, part: Any) -> Any:
        if type(part) in _SAME:
            return part
        self._steps.append(step)
        try:
            return self.of(part)
        finally:
            self._steps.pop()

    def _entries(self, value: Mapping[Any, Any]) -> dict[Any, Any]:
        found = {}
        for index, (key, held) in enumerate(value.items()):
            name = self._key(key, f"[key {index} itself]")
            if name in found:
                return self._without(value, _SAME_KEYS)  # type: ignore[no-any-return]
            found[name] = self._inside(f"[{key_shown(key, index)}]", held)
        return found

    def _key(self, key: Any, step: str) -> Any:
        found = self._inside(step, key)
        if isinstance(found, str) or (not self._text_only and not isinstance(found, list | dict)):
            return found
        if isinstance(found, bool | int | float | None):
            return msgspec.json.encode(found).decode()
        self._steps.append(step)
        try:
            return self._without(key, _NO_KEY if self._text_only else _NO_PLAIN_KEY)
        finally:
            self._steps.pop()

    def _array(self, value: Any) -> Any:
        numpy: Any = sys.modules.get("numpy")
        if numpy is not None and isinstance(value, numpy.ndarray | numpy.generic):
            if numpy.ma.is_masked(value):
                return self._lacking(value.tolist(), value)
            if value.dtype.kind in "Mm":
                missing = numpy.isnat(value)
                times = value.dtype.kind == "M"
                held = numpy.datetime_as_string(value) if times else value.astype("timedelta64[us]").astype(object)
                return self._lacking(numpy.where(missing, None, held).tolist(), value)
        return self.of(value.tolist())

    def _lacking(self, held: Any, array: Any) -> Any:
        """Convert what an array holds; None is where it holds nothing."""
        if isinstance(held, list):
            return [self._lacking(item, array) for item in held]
        return self._without(array, _NOTHING) if held is None else self.of(held)

    def _without(self, part: Any, reason: str) -> Any:
        return self._otherwise(part, "".join(self._steps), reason)


def converted(value: Any, codec: str, others: Callable[[], dict[str, Callable[[Any], bytes]]]) -> Any:
    """Return the value as ``json`` or ``msgpack`` has it; ``others`` gives codecs to name for what has no such form.

    Raises:
        EncodingError: a part has no such form.
    """

    def refuse(part: Any, place: str, reason: str) -> Any:
        at = f" at {place}" if place else ""
        kept = keeper(Refusal(place, part, reason, too_deep=reason == _TOO_DEEP), others())
        raise EncodingError(
            f"{shown(part)}{at} cannot be sent with codec {codec!r}, not even with lossy=True: {reason}{kept}"
        )

    try:
        return Conversion(text_only=codec == "json", otherwise=refuse).of(value)
    except RecursionError:
        return refuse(value, "", _TOO_DEEP)


def as_json(value: Any) -> Any:
    """Return the value as people and programs that read JSON want it: always valid, if not always all of it.

    What JSON has no number for is null, and so is what an array lacks. Bytes are hexadecimal. Of what has no form at
    all, its type is told.
    """

    def stand_in(part: Any, _place: str, reason: str) -> Any:
        if reason in {_NOT_A_NUMBER, _NOTHING}:
            return None
        if reason == _NO_KEY:
            return msgspec.json.encode(as_json(part)).decode()
        if reason == _SAME_KEYS:
            return [[as_json(key), as_json(held)] for key, held in part.items()]
        return f"({shown(part)})"

    def hexadecimal(part: Any) -> str:
        return bytes(part).hex()

    try:
        return Conversion(text_only=True, otherwise=stand_in, bytes_as_text=hexadecimal).of(value)
    except RecursionError:
        return f"({shown(value)})"
