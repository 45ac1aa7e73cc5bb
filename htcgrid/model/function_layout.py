"""The bytes of a pickled function: a header, its pickle, and the data of its arrays, each piece aligned."""

import struct
from collections.abc import Iterator, Sequence

import msgspec

from htcgrid.errors import EncodingError

#: What every processor's arrays may begin at a multiple of.
_ALIGNED = 64
_LENGTH = struct.Struct("<I")


def join_function(pickled: bytes, buffers: Sequence[memoryview]) -> bytes:
    """Return a function's bytes as one object."""
    parts = [memoryview(pickled), *buffers]
    header = msgspec.msgpack.encode([part.nbytes for part in parts])
    pieces: list[bytes | memoryview] = [_LENGTH.pack(len(header)), header]
    end = _LENGTH.size + len(header)
    for (start, stop), part in zip(_places([part.nbytes for part in parts], end), parts, strict=True):
        pieces += [bytes(start - end), part]
        end = stop
    return b"".join(pieces)


def split_function(data: bytes | memoryview) -> tuple[memoryview, list[memoryview]]:
    """Return a function's pickle, and its buffers, as views.

    Raises:
        EncodingError: the bytes are no function.
    """
    view = memoryview(data)
    try:
        (length,) = _LENGTH.unpack_from(view)
        end = _LENGTH.size + length
        sizes = msgspec.msgpack.decode(view[_LENGTH.size : end], type=list[int])
    except (struct.error, msgspec.MsgspecError) as error:
        raise EncodingError(f"{view.nbytes} bytes are no pickled function: {error}") from error
    places = list(_places(sizes, end))
    if not places or min(sizes) < 0 or places[-1][1] != view.nbytes:
        raise EncodingError(f"{view.nbytes} bytes are no pickled function: its parts have other lengths")
    pickled, *buffers = [view[start:stop] for start, stop in places]
    return pickled, buffers


def _places(sizes: Sequence[int], end: int) -> Iterator[tuple[int, int]]:
    """Yield where each part begins and ends: the pickle at once, the buffers where they are aligned."""
    for number, size in enumerate(sizes):
        start = -(-end // _ALIGNED) * _ALIGNED if number else end
        end = start + size
        yield start, end
