"""A description and the byte strings that it describes, in one: so each array of a frame is copied only once."""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import msgspec

from htcgrid.errors import EncodingError
from htcgrid.model.codec.arrays import Buffer, array_of, array_parts

_Description = TypeVar("_Description", bound=msgspec.Struct)

#: How long the head is: the description, and the size of each part.
_LENGTH = struct.Struct("<Q")
#: What a description that means nothing makes pandas and the zones' libraries raise.
_SENSELESS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    Warning,  # where warnings are errors
    msgspec.MsgspecError,
    struct.error,
)


class PartsWriter:
    """Gathers parts, to be read in the same order."""

    def __init__(self, encode: Callable[[Any], bytes]) -> None:
        self._encode = encode
        self._buffers: list[Any] = []
        self._sizes: list[int] = []

    def array(self, array: Any) -> None:
        """Add an array, of which no copy is made yet."""
        header, elements = array_parts(array)
        self._buffers += header, elements
        self._sizes.append(len(header) + len(elements))

    def value(self, value: Any) -> None:
        """Add a plain value."""
        data = self._encode(value)
        self._buffers.append(data)
        self._sizes.append(len(data))

    def joined(self, description: msgspec.Struct) -> bytes:
        """Return all of it."""
        head = msgspec.msgpack.encode((description, self._sizes))
        return b"".join((_LENGTH.pack(len(head)), head, *self._buffers))


class PartsReader(Generic[_Description]):
    """Has the description, and hands out the parts in order."""

    def __init__(self, data: Buffer, decode: Callable[[bytes], Any], kind: type[_Description]) -> None:
        self._rest = memoryview(data)
        self._decode = decode
        (length,) = _LENGTH.unpack(self._take(_LENGTH.size))
        head = self._take(length)
        shape: Any = tuple[kind, list[int]]  # type: ignore[valid-type]
        described: tuple[_Description, list[int]] = msgspec.msgpack.decode(head, type=shape)
        self.description, self._sizes = described
        self._sizes.reverse()
        if sum(self._sizes) != len(self._rest):
            raise ValueError("its parts have other sizes than its head says")

    def array(self, dimensions: int = 1) -> Any:
        """Return the next part, an array of so many dimensions."""
        array = array_of(self._take(self._sizes.pop()))
        if array.ndim != dimensions:
            raise ValueError(f"an array has {array.ndim} dimensions in place of {dimensions}")
        return array

    def value(self) -> Any:
        """Return the next part, a plain value."""
        return self._decode(bytes(self._take(self._sizes.pop())))

    def _take(self, size: int) -> memoryview:
        if not 0 <= size <= len(self._rest):
            raise ValueError("its end is missing")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


@contextmanager
def refused_in(place: str) -> Iterator[None]:
    """Let a refusal begin with the place of what is refused."""
    try:
        yield
    except (TypeError, EncodingError) as error:
        raise TypeError(f"{place}: {error}") from error


@contextmanager
def decoded_as(kind: str, data: Buffer) -> Iterator[None]:
    """Turn everything that damaged data leads to into an :class:`EncodingError`."""
    try:
        yield
    except _SENSELESS as error:
        raise EncodingError(f"{len(data)} bytes cannot be decoded as {kind}: {error}") from error
    except ImportError as error:
        raise EncodingError(
            f"{kind} cannot be decoded here: {error}; install on both sides what it is of, or send other dtypes"
        ) from error
