"""The one door by which bytes come in from stores, queues, pipes, sockets and files.

Whoever can write there may have written anything. So what is read is a value within the bounds that its type declares,
or one kind of error, which says what cannot be read, where it is, and why.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from types import GenericAlias
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import msgspec

from htcgrid.errors import UnreadableError
from htcgrid.model.error_text import said

T = TypeVar("T")
R = TypeVar("R", bound=Sequence[Any])

#: Every count and index fits into what each store, and a double, can hold.
_MOST = 1 << 53
#: Most letters of what is told of the cause.
_REASON = 300

#: A number of things, or the index of one.
Count = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
#: Seconds since the epoch: of the years 1 to 9999, which is what a datetime can be.
Seconds = Annotated[float, msgspec.Meta(ge=-62_135_596_800.0, le=253_402_300_799.0)]
#: What a wait may be multiplied by, and still be a timedelta.
LONGEST = timedelta(days=36_500)


class Decoder(Generic[T]):
    """Makes values of one shape of bytes."""

    def __init__(
        self, shape: type[T] | Any, what: str, *, json: bool = False, check: Callable[[T], object] | None = None
    ) -> None:
        """Decode msgpack, or JSON.

        Args:
            shape: the type of the values.
            what: what such bytes are, for messages: ``hint``.
            json: whether the bytes are JSON.
            check: raises for values that the type alone does not exclude.
        """
        self.shape = shape
        self.what = what
        self._decode: Callable[[Any], T] = (msgspec.json if json else msgspec.msgpack).Decoder(shape).decode
        self._check = check

    def __call__(self, data: Any, where: object = "") -> T:
        """Return the value that bytes are.

        Args:
            data: bytes, or what shares them.
            where: names the place that they come from, for the message.

        Raises:
            UnreadableError: they are none.
        """
        try:
            found = self._decode(data)
            if self._check is not None:
                self._check(found)
        except Exception as error:
            raise self.unreadable(error, where) from error
        return found

    def unreadable(self, error: BaseException, where: object) -> UnreadableError:
        """Return the error that bytes from a place are not what they are to be."""
        return unreadable(self.what, where, error)


class Unread(NamedTuple, Generic[R]):
    """A row that cannot be read, and why."""

    columns: R
    error: UnreadableError


class Row(Generic[T]):
    """Makes values of one shape of the columns of a row, which a store may hold in any type and size."""

    def __init__(self, shape: type[T], what: str) -> None:
        """Take columns in their order.

        Args:
            shape: a NamedTuple, or a struct that is like an array.
            what: what such a row is, for messages: ``bundle``.
        """
        self.shape = shape
        self.what = what
        self._many = GenericAlias(list, (shape,))

    def __call__(self, columns: Sequence[object], where: object = "") -> T:
        """Return the value that columns are.

        Raises:
            UnreadableError: they are none.
        """
        try:
            return msgspec.convert(columns, self.shape)
        except Exception as error:
            raise unreadable(self.what, where, error) from error

    def of_many(self, rows: Sequence[R], where: Callable[[R], object]) -> "tuple[list[T], list[Unread[R]]]":
        """Return the values that rows are, and the rows that are none; ``where`` names the place of one of these."""
        try:
            # Nearly always; one call costs a third of as many.
            return msgspec.convert(rows, self._many), []
        except Exception:  # noqa: BLE001 - any of them may be the one
            found: list[T] = []
            unread: list[Unread[R]] = []
        for columns in rows:
            try:
                found.append(self(columns, where(columns)))
            except UnreadableError as error:
                unread.append(Unread(columns, error))
        return found, unread


def unreadable(what: str, where: object, error: BaseException) -> UnreadableError:
    """Return the error that something from a place is not what it is to be."""
    return UnreadableError(what, str(where), said(error)[:_REASON])


def number_of(text: str) -> int | None:
    """Return the count that a text is in decimal digits; None when it is none."""
    # Python refuses to read very long ones, and takes digits of other scripts.
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MOST))):
        return None
    found = int(text)
    return found if found <= _MOST else None


def check_within(name: str, found: timedelta, longest: timedelta = LONGEST) -> None:
    """Refuse a time that cannot be reckoned with.

    Raises:
        ValueError: it is negative, or longer than that.
    """
    if not timedelta(0) <= found <= longest:
        raise ValueError(f"{name} is {found}, and must be from zero to {longest}")
