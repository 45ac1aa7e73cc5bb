"""Numpy arrays and scalars as bytes: a header and the elements as they stand in memory."""

import re
import struct
import sys
from math import prod
from typing import TYPE_CHECKING, Any

from htcgrid.errors import EncodingError

if TYPE_CHECKING:
    from numpy import dtype, generic
    from numpy.typing import NDArray

Buffer = bytes | bytearray | memoryview

#: Bool, integers, floats, complex, times and strings. Other kinds hold references, or mean what their library says.
_KINDS = frozenset("biufcmMSU")
#: A dtype as numpy itself spells it: byte order, then kind and bytes, with a time's unit, or how long a long double is.
_DTYPE = re.compile(
    r"[<>|](?:[biufc]\d{1,2}|[SU]\d{1,9}|[mM]8(?:\[[0-9]{0,9}[A-Za-zμ]{1,7}\])?|[qQ])(?P<precision>@\d{1,3})?", re.ASCII
)
#: The dtypes of most arrays, which need no look at their spelling.
_USUAL = frozenset((b"<f8", b"<f4", b"<i8", b"<i4", b"|u1", b"|b1"))
#: The number of dimensions, whether the order is Fortran's, and the length of the dtype's name, which comes next.
_HEAD = struct.Struct("<BBB")
#: The most dimensions that any numpy has.
_DIMENSIONS = 64
#: Below this, one copy more takes less time than a view.
_SMALL = 1 << 14
#: What stands in place of a scalar's dtype, as arrays would cut off the zeros at a string's end.
_STR, _BYTES = b"str", b"bytes"

_ADVICE = {
    "MaskedArray": "send its data and numpy.ma.getmaskarray(array) as two arrays, or array.filled(...)",
    "matrix": "send numpy.asarray(matrix)",
    "memmap": "send numpy.asarray(array), or the file's name",
    "recarray": "send each field as an array of its own",
}


def library(name: str) -> Any:
    """Return the package of this name; whoever has no arrays needs no numpy.

    Raises:
        EncodingError: it is not installed on this side.
    """
    try:
        # Takes 0.1 µs once it is there, and waits for another thread that is at it.
        return __import__(name)
    except ImportError as error:
        raise EncodingError(
            f"{name} is not installed here ({sys.executable}): {error}; install {name} on both sides, or send plain "
            "numbers, strings and lists"
        ) from error


def array_bytes(array: "NDArray[Any]") -> bytes:
    """Return the array's dtype, order, shape and elements.

    Raises:
        TypeError: numpy arrays of this class or dtype do not travel; says what to send instead.
    """
    return b"".join(array_parts(array))


def array_parts(array: "NDArray[Any]") -> tuple[bytes, Any]:
    """Return the header, and the elements as a buffer that is copied only if the array has gaps."""
    numpy = library("numpy")
    if type(array) is not numpy.ndarray:
        raise TypeError(_refused_class(type(array)))
    dtype = array.dtype
    name = _dtype_name(dtype, "an array")
    contiguous = array.flags.c_contiguous
    fortran = not contiguous and array.flags.f_contiguous
    header = struct.pack(f"<BBB{len(name)}s{array.ndim}Q", array.ndim, fortran, len(name), name, *array.shape)
    if array.nbytes < _SMALL:
        return header, array.tobytes("F" if fortran else "C")
    if fortran:
        array = array.T
    elif not contiguous:
        array = numpy.ascontiguousarray(array)
    # Times export no buffer of their own.
    return header, array.reshape(-1).view("u1")


def array_of(data: Buffer) -> "NDArray[Any]":
    """Return a writable array of its own memory.

    Raises:
        EncodingError: this is no array, one of a dtype that this side lacks, or numpy is not installed.
    """
    numpy = library("numpy")
    try:
        dtype, shape, order, start = _header_read(numpy, data)
        array: NDArray[Any] = numpy.ndarray(shape, dtype, data, start, order=order).copy("K")
    except (struct.error, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise EncodingError(f"{len(data)} bytes cannot be decoded as a numpy array: {error}") from error
    return array


def scalar_bytes(scalar: Any) -> bytes:
    """Return a numpy scalar's dtype and value.

    Raises:
        TypeError: numpy scalars of this class do not travel; says what to send instead.
    """
    numpy = library("numpy")
    if type(scalar) is numpy.str_:
        # Not str(scalar), which cuts them off too.
        return _scalar(_STR, scalar.encode("utf-8", "surrogatepass"))
    if type(scalar) is numpy.bytes_:
        return _scalar(_BYTES, scalar.tobytes())
    if type(scalar) is not scalar.dtype.type:
        raise TypeError(f"a {type(scalar).__name__} is a subclass of a numpy scalar: send scalar.item()")
    return _scalar(_dtype_name(scalar.dtype, "a scalar"), scalar.tobytes())


def scalar_of(data: Buffer) -> "generic":
    """Return the numpy scalar.

    Raises:
        EncodingError: this is no scalar, one of a dtype that this side lacks, or numpy is not installed.
    """
    numpy = library("numpy")
    try:
        scalar: generic = _scalar_read(numpy, data)
    except (IndexError, ValueError, TypeError) as error:
        raise EncodingError(f"{len(data)} bytes cannot be decoded as a numpy scalar: {error}") from error
    return scalar


def _header_read(numpy: Any, data: Buffer) -> tuple[Any, tuple[int, ...], str, int]:
    """Return dtype, shape, order, and where the elements begin, of which there are as many as the shape says."""
    dimensions, fortran, length = _HEAD.unpack_from(data)
    if dimensions > _DIMENSIONS or fortran > 1:
        raise ValueError("its header is damaged")
    shape_at = _HEAD.size + length
    dtype = _dtype_of(numpy, bytes(data[_HEAD.size : shape_at]))
    shape = struct.unpack_from(f"<{dimensions}Q", data, shape_at)
    start = shape_at + 8 * dimensions
    # Before anything is allocated: a header may claim any number of elements.
    if prod(shape) * dtype.itemsize != len(data) - start:
        raise ValueError(f"{len(data) - start} bytes do not hold {shape} elements of {dtype}")
    return dtype, shape, "F" if fortran else "C", start


def _scalar_read(numpy: Any, data: Buffer) -> Any:
    length = data[0]
    name, value = bytes(data[1 : 1 + length]), bytes(data[1 + length :])
    if name == _STR:
        return numpy.str_(value.decode("utf-8", "surrogatepass"))
    if name == _BYTES:
        return numpy.bytes_(value)
    dtype = _dtype_of(numpy, name)
    if dtype.itemsize != len(value):
        raise ValueError(f"{len(value)} bytes do not hold a scalar of {dtype}")
    return numpy.ndarray((), dtype, value)[()]


def _scalar(name: bytes, value: bytes) -> bytes:
    return b"%c%b%b" % (len(name), name, value)


def _dtype_name(dtype: "dtype[Any]", whose: str) -> bytes:
    """Return what :func:`_dtype_of` has the same dtype from."""
    kind = dtype.kind
    # Numbers above are of dtypes that other libraries, and numpy's strings of any length, have registered.
    if kind not in _KINDS or dtype.num > 23 or not dtype.itemsize or dtype.metadata is not None:
        raise TypeError(f"{whose} {_refused_dtype(dtype)}")
    name = dtype.str
    if kind in "iu" and dtype.itemsize == 8 and dtype.char in "qQ":
        # Two of numpy's integers have 64 bits, and are two classes.
        name = name[0] + dtype.char
    elif dtype.char in "gG":
        name = f"{name}@{library('numpy').finfo(dtype).nmant}"
    return name.encode()


def _dtype_of(numpy: Any, name: bytes) -> Any:
    """Return the dtype, which is never one of references."""
    text = name.decode()
    if name in _USUAL:
        return numpy.dtype(text)
    found = _DTYPE.fullmatch(text)
    if found is None:
        raise ValueError("its dtype is none that travels")
    dtype = numpy.dtype(text.partition("@")[0])
    if not dtype.itemsize:
        # Any number of its elements would fit into no bytes.
        raise ValueError("its dtype has no bytes")
    precision = f"@{numpy.finfo(dtype).nmant}" if dtype.char in "gG" else None
    if found["precision"] != precision:
        raise ValueError("its long doubles are others than those of this machine: send float64")
    return dtype


def _refused_class(found: type) -> str:
    name = found.__name__
    return f"a {name} is a subclass of numpy.ndarray: {_ADVICE.get(name, 'send numpy.asarray(array)')}"


def _refused_dtype(dtype: "dtype[Any]") -> str:
    """Say why arrays and scalars of this dtype do not travel, and what to do."""
    if dtype.metadata is not None:
        reason = f"with metadata in its dtype {dtype}: send array.astype(array.dtype.str)"
    elif dtype.kind == "O":
        reason = "of objects: give it a dtype, as array.astype(float), or send array.tolist()"
    elif dtype.names is not None:
        reason = "of structures: send each field as an array of its own"
    elif dtype.char == "T":
        reason = "of strings of any length (StringDType): send array.astype('U'), or array.tolist()"
    elif dtype.kind in "SU":
        reason = "of strings of no length: send array.astype('U1')"
    elif type(dtype).__name__ == "VoidDType":
        reason = "of raw memory (void): send array.tobytes() and its shape"
    else:
        reason = f"of dtype {dtype}, which is not numpy's own: send array.astype('float32') or another of numpy's"
    return reason
