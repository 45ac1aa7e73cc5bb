"""A value of the bytes that :mod:`htcgrid.model.codec.writing` made."""

from threading import get_ident
from typing import Any, NoReturn

from ormsgpack import unpackb

from htcgrid.errors import EncodingError
from htcgrid.model.codec.kinds import ARRAY, Kinds
from htcgrid.model.codec.place import DEEPEST
from htcgrid.model.codec.writing import PART, PARTS
from htcgrid.model.error_text import message_of, type_name

#: From this many bytes on, an array that is the whole value is not copied once more: its extension has 4 bytes of
#: length, and then its tag.
LARGE = 1 << 17
_EXT32 = 0xC9


class Reading:
    """Makes values of bytes, in any number of threads."""

    def __init__(self, kinds: Kinds) -> None:
        self._leaves = dict(kinds.leaves)
        self._containers = kinds.containers
        #: What went wrong in a thread while a part was made: the decoder only says that something did.
        self._errors: dict[int, BaseException] = {}

    def read(self, data: bytes) -> Any:
        """Return the value.

        Raises:
            EncodingError: the bytes are no value, or it cannot be made here.
        """
        try:
            if len(data) > LARGE and data[0] == _EXT32 and data[5] == ARRAY:
                return self._leaves[ARRAY](memoryview(data)[6:])  # type: ignore[arg-type]
            return unpackb(data, ext_hook=self.leaf)
        except Exception as error:  # noqa: BLE001 - whatever the bytes, and the classes that they name, make of it
            self.refuse(data, error)

    def refuse(self, data: bytes, error: Exception) -> NoReturn:
        """Raise what was wrong with bytes of which the decoder made this error.

        Raises:
            EncodingError: always, but for what ends the program.
        """
        cause = self._errors.pop(get_ident(), error)
        if isinstance(cause, EncodingError) or not isinstance(cause, Exception):
            raise cause from None
        # What else it says may be from the data.
        said = f": {message_of(cause)}" if cause is error else ""
        raise EncodingError(
            f"{len(data)} bytes cannot be decoded as typed MessagePack: {type_name(cause)}{said}"
        ) from cause

    def leaf(self, tag: int, data: bytes, *, inside: bool = False) -> Any:
        """Return the value of an extension; what it raises is kept for :meth:`read`."""
        try:
            if tag == PARTS and not inside:
                return self._parts(data)
            return self._leaves[tag](data)
        except BaseException as error:
            self._errors[get_ident()] = error
            raise

    def _parts(self, data: bytes) -> Any:
        table = unpackb(data)
        made: dict[int, tuple[Any, int]] = {}
        tallest = 0

        def part(tag: int, data: bytes) -> Any:
            nonlocal tallest
            if tag != PART:
                return self.leaf(tag, data, inside=True)
            # Each is used once: nothing that can be changed stands in two places.
            found, height = made.pop(int.from_bytes(data, "little"))
            tallest = max(tallest, height)
            return found

        for index in range(len(table) // 2 - 1, -1, -1):
            tallest = 0
            content = unpackb(table[2 * index + 1], ext_hook=part)
            if tallest >= DEEPEST:
                raise EncodingError(f"the value is more than {DEEPEST} levels deep")
            tag = table[2 * index]
            made[index] = (self._containers[tag](content) if tag else content), tallest + 1
        return made[0][0]
