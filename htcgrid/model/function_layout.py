"""The bytes of a pickled function: its pickle, and the data of its arrays, each piece aligned."""

import struct
from collections.abc import Iterator, Sequence

from htcgrid.errors import EncodingError

#: What every processor's arrays may begin at a multiple of.
_ALIGNED = 64
#: How many buffers there are. When there are some, the lengths of the pickle and of each follow, then these.
_COUNT = struct.Struct("<I")
_ALONE = _COUNT.pack(0)


def join_function(pickled: bytes, buffers: Sequence[memoryview]) -> bytes:
    """Return a function's bytes as one object."""
    if not buffers:
        return _ALONE + pickled
    parts = [memoryview(pickled), *buffers]
    sizes = [part.nbytes for part in parts]
    header = struct.pack(f"<I{len(sizes)}Q", len(buffers), *sizes)
    pieces: list[bytes | memoryview] = [header]
    end = len(header)
    for (start, stop), part in zip(_places(sizes, end), parts, strict=True):
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
        (count,) = _COUNT.unpack_from(view)
        if not count:
            return view[_COUNT.size :], []
        if count > view.nbytes:
            raise EncodingError(f"{view.nbytes} bytes are no pickled function: it would have {count} parts")
        sizes = struct.unpack_from(f"<{count + 1}Q", view, _COUNT.size)
    except struct.error as error:
        raise EncodingError(f"{view.nbytes} bytes are no pickled function: {error}") from error
    places = list(_places(sizes, _COUNT.size + 8 * len(sizes)))
    if places[-1][1] != view.nbytes:
        raise EncodingError(f"{view.nbytes} bytes are no pickled function: its parts have other lengths")
    pickled, *buffers = [view[start:stop] for start, stop in places]
    return pickled, buffers


def _places(sizes: Sequence[int], end: int) -> Iterator[tuple[int, int]]:
    """Yield where each part begins and ends: the pickle at once, the buffers where they are aligned."""
    for number, size in enumerate(sizes):
        start = -(-end // _ALIGNED) * _ALIGNED if number else end
        end = start + size
        yield start, end
