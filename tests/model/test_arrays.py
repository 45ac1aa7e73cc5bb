"""Numpy arrays and scalars arrive as they were, writable, or are refused."""

import subprocess
import sys
import warnings
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htcgrid.errors import EncodingError
from htcgrid.model.codec import codec_of
from htcgrid.model.codec.arrays import array_bytes, array_of, scalar_bytes, scalar_of

np = pytest.importorskip("numpy")
extra = pytest.importorskip("hypothesis.extra.numpy")

GRID = np.arange(24.0).reshape(2, 3, 4)

with warnings.catch_warnings():
    # Later versions of numpy warn of it, and have it still.
    warnings.simplefilter("ignore", DeprecationWarning)
    WITHOUT_A_UNIT = np.array(["NaT"], "M8")
    NO_TIME = np.datetime64("NaT")
    FIVE = np.timedelta64(5)
    CHARACTERS = np.array(["a"]).view(np.char.chararray)

KEPT = {
    "float64": np.array([1.5, -0.0, np.inf, np.nan]),
    "float32": np.array([1.5, np.nan], "f4"),
    "float16": np.array([1.5, -0.0], "f2"),
    "long double": np.array([np.longdouble(1) / 3]),
    "complex128": np.array([1 + 2j, complex(np.nan, -0.0)]),
    "complex64": np.array([1 + 2j], "c8"),
    "complex long double": np.array([1 + 2j], "clongdouble"),
    "bool": np.array([True, False]),
    "int8": np.array([-128, 127], "i1"),
    "int16": np.array([-5], "i2"),
    "int32": np.array([-5], "i4"),
    "int64": np.array([-(2**63), 2**63 - 1]),
    "long long": np.array([1, 2], "longlong"),
    "uint8": np.array([255], "u1"),
    "uint16": np.array([65535], "u2"),
    "uint64": np.array([2**64 - 1], "u8"),
    "unsigned long long": np.array([1, 2], "ulonglong"),
    "big-endian": np.array([1.5, 2.5], ">f8"),
    "big-endian text": np.array(["ä", "b"], ">U3"),
    "days": np.array(["2024-02-29", "NaT"], "M8[D]"),
    "nanoseconds": np.array(["2024-02-29T12:00:00.000000001", "NaT"], "M8[ns]"),
    "25 microseconds": np.array([1, 2], "M8[25us]"),
    "time without a unit": WITHOUT_A_UNIT,
    "timedelta": np.array([1, -1, "NaT"], "m8[h]"),
    "years": np.array([5], "m8[Y]"),
    "text": np.array(["", "ä€😀", "abc"]),
    "bytes": np.array([b"", b"a\x00b"]),
    "no dimensions": np.array(1.5),
    "no dimensions, text": np.array("abc"),
    "empty": np.array([]),
    "no columns": np.zeros((3, 0)),
    "no rows": np.zeros((0, 3), "i4"),
    "three dimensions": GRID,
    "Fortran's order": np.asfortranarray(GRID),
    "Fortran's order, large": np.asfortranarray(np.arange(60_000.0).reshape(200, 300)),
    "large": np.arange(60_000.0).reshape(200, 300),
    "large times": np.arange(60_000).astype("M8[s]"),
    "a large view with gaps": np.arange(60_000.0)[::2],
    "a view with gaps": GRID[:, ::2],
    "backwards": np.arange(5)[::-1],
    "axes exchanged": GRID.transpose(1, 0, 2),
    "broadcast": np.broadcast_to(np.float64(1), (2, 3)),
    "32 dimensions": np.zeros((1,) * 32),
    "a field of a structure": np.array([(1, 2.5)], "i4,f8")["f1"],
}

SCALARS = {
    "float64": np.float64(1.5),
    "float64 NaN": np.float64("nan"),
    "float32": np.float32(0.1),
    "float16": np.float16(0.1),
    "long double": np.longdouble(1) / 3,
    "complex128": np.complex128(1 + 2j),
    "complex64": np.complex64(1 + 2j),
    "complex long double": np.clongdouble(1j),
    "bool": np.bool_(True),
    "int8": np.int8(-5),
    "int64": np.int64(-(2**63)),
    "long long": np.longlong(5),
    "uint8": np.uint8(255),
    "uint64": np.uint64(2**64 - 1),
    "unsigned long long": np.ulonglong(5),
    "days": np.datetime64("2024-02-29"),
    "nanoseconds": np.datetime64("2024-02-29T12:00:00.000000001"),
    "NaT": NO_TIME,
    "NaT of seconds": np.datetime64("NaT", "s"),
    "timedelta": np.timedelta64(5, "25us"),
    "timedelta without a unit": FIVE,
    "str": np.str_("ä€😀"),
    "str with zeros at its end": np.str_("a\0\0"),
    "half a pair": np.str_("\ud800"),
    "empty str": np.str_(""),
    "bytes": np.bytes_(b"a\xff"),
    "bytes with zeros at their end": np.bytes_(b"a\0"),
}


class Column(np.ndarray):  # type: ignore[misc, name-defined]
    """Somebody's own array."""


class Rate(np.float64):  # type: ignore[misc, name-defined]
    """Somebody's own scalar."""


def refused() -> dict[str, tuple[Any, str]]:
    """Return what is refused, and what the refusal says."""
    records = np.array([(1, 2.5)], "i4,f8")
    found = {
        "objects": (np.array([1, "a"], object), "^an array of objects: give it a dtype"),
        "one object": (np.array(None, object), "of objects"),
        "Decimals": (np.array([__import__("decimal").Decimal(1)]), "of objects"),
        "ragged": (np.array([[1], [1, 2]], object), r"array.tolist\(\)"),
        "structures": (records, "of structures: send each field"),
        "structures of no fields": (np.zeros(2, []), "of structures"),
        "records": (records.view(np.recarray), "recarray is a subclass .* each field"),
        "raw memory": (np.zeros(2, "V3"), r"raw memory .* array.tobytes\(\)"),
        "masked": (np.ma.masked_array([1, 2], [0, 1]), "MaskedArray .*numpy.ma.getmaskarray"),
        "masked, one": (np.ma.masked, "MaskedConstant is a subclass"),
        "matrix": (np.zeros((1, 2)).view(np.matrix), r"numpy.asarray\(matrix\)"),
        "subclass": (np.zeros(2).view(Column), r"a Column is a subclass of numpy.ndarray: send numpy.asarray\(array\)"),
        "chararray": (CHARACTERS, "chararray is a subclass"),
        "metadata": (np.zeros(2, np.dtype("f8", metadata={"unit": "EUR"})), "metadata .* send array.astype"),
        "text of no length": (np.ndarray(2, "U0"), r"of no length: send array.astype\('U1'\)"),
    }
    if hasattr(np, "dtypes") and hasattr(np.dtypes, "StringDType"):
        found["StringDType"] = (np.array(["a"], np.dtypes.StringDType()), r"\(StringDType\): send array.astype\('U'\)")
    return found


REFUSED_SCALARS = {
    "raw memory": (np.void(b"abc"), "^a scalar of raw memory"),
    "a structure": (np.array([(1, 2.5)], "i4,f8")[0], "of structures"),
    "a record": (np.rec.array([(1, 2.5)])[0], "of structures"),
    "a subclass": (Rate(1.5), r"a Rate is a subclass of a numpy scalar: send scalar.item\(\)"),
}


def assert_same(found: Any, sent: Any) -> None:
    assert type(found) is np.ndarray
    assert (found.dtype, found.dtype.str, found.dtype.char) == (sent.dtype, sent.dtype.str, sent.dtype.char)
    assert found.shape == sent.shape
    assert found.tobytes() == sent.tobytes()
    fortran = sent.flags.f_contiguous and not sent.flags.c_contiguous
    assert found.flags.f_contiguous if fortran else found.flags.c_contiguous
    assert found.flags.writeable
    assert found.flags.aligned
    assert found.flags.owndata


@pytest.mark.parametrize("name", KEPT)
def test_an_array_arrives_as_it_was_and_writable(name: str) -> None:
    data = array_bytes(KEPT[name])
    for held in (data, bytearray(data), memoryview(data), memoryview(b"x" + data)[1:]):
        assert_same(array_of(held), KEPT[name])


def test_what_arrives_shares_no_memory_with_what_was_sent_nor_with_its_bytes() -> None:
    sent = np.arange(3.0)
    sent.flags.writeable = False
    data = bytearray(array_bytes(sent))
    first, second = array_of(data), array_of(data)
    first *= 2
    data[-1] ^= 0xFF
    assert second.tolist() == sent.tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", SCALARS)
def test_a_scalar_arrives_as_it_was(name: str) -> None:
    sent = SCALARS[name]
    found = scalar_of(memoryview(scalar_bytes(sent)))
    assert type(found) is type(sent)
    assert found.dtype == sent.dtype
    # NaN and NaT are equal to nothing; NumPy looks at these as they stand in memory.
    assert found.tobytes() == sent.tobytes()
    assert repr(found) == repr(sent)


@pytest.mark.parametrize(("array", "reason"), refused().values(), ids=refused())
def test_an_array_that_would_change_is_refused_with_what_to_send_instead(array: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        array_bytes(array)


def test_a_mapped_file_is_refused_as_its_array_may_be_sent(tmp_path: Any) -> None:
    mapped = np.memmap(tmp_path / "numbers", "f8", "w+", shape=(3,))
    with pytest.raises(TypeError, match=r"memmap is a subclass of numpy.ndarray: send numpy.asarray\(array\)"):
        array_bytes(mapped)
    assert_same(array_of(array_bytes(np.asarray(mapped))), np.zeros(3))


@pytest.mark.parametrize(("scalar", "reason"), REFUSED_SCALARS.values(), ids=REFUSED_SCALARS)
def test_a_scalar_that_would_change_is_refused(scalar: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        scalar_bytes(scalar)


@given(
    extra.arrays(
        extra.scalar_dtypes() | extra.unicode_string_dtypes() | extra.byte_string_dtypes(),
        extra.array_shapes(min_dims=0, min_side=0, max_dims=4, max_side=4),
    ),
    st.sampled_from("CFK"),
    st.integers(1, 2),
)
def test_any_array_arrives_as_it_was(array: Any, order: str, step: int) -> None:
    array = array.copy(order)[..., ::step] if array.ndim else array
    assert_same(array_of(array_bytes(array)), array)


@given(extra.arrays(extra.scalar_dtypes(), 1))
def test_any_scalar_arrives_as_it_was(array: Any) -> None:
    scalar = array[0]
    found = scalar_of(scalar_bytes(scalar))
    assert (type(found), found.dtype, found.tobytes()) == (type(scalar), scalar.dtype, scalar.tobytes())


DAMAGED = {
    "nothing": b"",
    "no dtype": b"\x01\x00\x03",
    "no shape": b"\x01\x00\x03<f8",
    "no elements": array_bytes(np.arange(3.0))[:-1],
    "more elements than it says": array_bytes(np.arange(3.0)) + b"\0",
    "10¹⁵ elements": b"\x01\x00\x03<f8" + (10**15).to_bytes(8, "little"),
    "more elements than there are numbers": b"\x02\x00\x03<f8" + 2 * (2**63).to_bytes(8, "little"),
    "as many as fit into no bytes": b"\x01\x00\x03<U0" + (10**15).to_bytes(8, "little"),
    "more dimensions than there are": b"\xc8\x00\x03<f8" + bytes(200 * 8),
    "objects": b"\x01\x00\x03|O8" + (1).to_bytes(8, "little") + bytes(8),
    "structures": b"\x01\x00\x05f4,f4" + (1).to_bytes(8, "little") + bytes(8),
    "a name of a dtype": b"\x01\x00\x07float64" + (1).to_bytes(8, "little") + bytes(8),
    "an order that is none": b"\x01\x02\x03<f8" + (1).to_bytes(8, "little") + bytes(8),
    "a float of three bytes": b"\x01\x00\x03<f3" + (1).to_bytes(8, "little") + bytes(3),
    "another machine's long double": b"\x01\x00\x07<f16@99" + (1).to_bytes(8, "little") + bytes(16),
    "raw memory": b"\x01\x00\x03|V8" + (1).to_bytes(8, "little") + bytes(8),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_damaged_bytes_are_refused_and_nothing_is_allocated(data: bytes) -> None:
    with pytest.raises(EncodingError, match="cannot be decoded as a numpy array: "):
        array_of(data)


@pytest.mark.parametrize(
    "data", [b"", b"\x03", b"\x03|O8" + bytes(8), b"\x03<f8" + bytes(7), b"\x03str\xff", b"\x02V8"]
)
def test_damaged_bytes_of_a_scalar_are_refused(data: bytes) -> None:
    with pytest.raises(EncodingError, match="cannot be decoded as a numpy scalar: "):
        scalar_of(data)


@given(st.data())
def test_altered_bytes_are_a_value_or_an_error_of_encoding(data: Any) -> None:
    arrays = [array for array in KEPT.values() if array.size < 100]
    written = bytearray(array_bytes(data.draw(st.sampled_from(arrays))))
    for position in data.draw(st.lists(st.integers(0, len(written) - 1), max_size=4)):
        written[position] = data.draw(st.integers(0, 255))
    for read in (array_of, scalar_of):
        with suppress(EncodingError):
            assert read(bytes(written)).dtype.kind in "biufcmMSU"


PROGRAM = """
import sys
sys.modules["numpy"] = None
from htcgrid.errors import EncodingError
from htcgrid.model.codec import codec_of
from htcgrid.model.codec import arrays
for read in (arrays.array_of, arrays.scalar_of):
    try:
        read(bytes.fromhex(sys.argv[1]))
    except EncodingError as error:
        print(error)
"""


def test_a_side_without_numpy_says_so_and_needs_none_for_anything_else() -> None:
    data = array_bytes(np.arange(3)).hex()
    shown = subprocess.run([sys.executable, "-c", PROGRAM, data], capture_output=True, text=True, check=True).stdout
    assert shown.count(f"numpy is not installed here ({sys.executable}): ") == 2
    assert "install numpy on both sides, or send" in shown


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f8", ">i4", "M8[ns]", "S3", "c16", "?"])
def test_a_large_array_alone_is_written_as_it_is_among_others(order: Any, dtype: str) -> None:
    codec = codec_of("typed")
    large = np.ones((400, 300), "f8").astype(dtype, order=order)
    assert codec.encode(large) == codec.encode([large])[1:]
    back = codec.decode(codec.encode(large))
    assert back.dtype == large.dtype
    assert back.flags.f_contiguous == large.flags.f_contiguous
    assert back.tobytes("A") == large.tobytes("A")
    back[0, 0] = back[1, 1]


def test_a_large_array_of_objects_is_refused_as_a_small_one_is() -> None:
    with pytest.raises(EncodingError, match="ndarray cannot be sent with codec 'typed': "):
        codec_of("typed").encode(np.array([[]] * 100_000 + [None], dtype=object))
