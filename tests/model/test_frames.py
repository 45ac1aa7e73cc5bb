"""Pandas frames, series and indexes arrive as they were, or are refused with the place of what would change."""

import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htcgrid.errors import EncodingError
from htcgrid.model.codec.classes import Classes
from htcgrid.model.codec.columns import Numbers, Objects, Range, Strings, Values
from htcgrid.model.codec.frames import (
    _Frame,
    _Series,
    frame_bytes,
    frame_of,
    index_bytes,
    index_of,
    series_bytes,
    series_of,
)
from htcgrid.model.codec.parts import PartsWriter
from htcgrid.model.codec.typed import typed_codec

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
tzoffset = pytest.importorskip("dateutil.tz").tzoffset

BERLIN = ZoneInfo("Europe/Berlin")
TEXTS = ["ä", "", "b\0", "😀"]


class Plain(NamedTuple):
    """A codec of plain values."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


@pytest.fixture(scope="session")
def plain() -> Plain:
    """The codec that frames are given for names, strings and attrs."""
    return Plain(*typed_codec(Classes()))


def columns() -> dict[str, Any]:
    """Return series of every dtype that travels."""
    times = ["2024-03-31 01:30", None, "2024-10-27 02:30"]
    numbers = {
        f"numpy's {dtype}": pd.Series(np.array([0, 1, 100]).astype(dtype))
        for dtype in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16", "?", ">f8", ">i4")
    }
    nullable = {f"pandas' {dtype}": pd.Series([0, None, 100], dtype=dtype) for dtype in ("Int8", "Int64", "UInt16")}
    units = {f"times in {unit}": pd.Series(pd.to_datetime(times)).dt.as_unit(unit) for unit in ("s", "ms", "us", "ns")}
    return (
        numbers
        | nullable
        | units
        | {
            "pandas' Float64": pd.Series([1.5, None, -0.0], dtype="Float64"),
            "pandas' Float64 with NaN beside NA": pd.Series(
                pd.arrays.FloatingArray(np.array([1.5, np.nan, 0.0]), np.array([False, False, True]))
            ),
            "pandas' Float32": pd.Series([1.5, None], dtype="Float32"),
            "pandas' boolean": pd.Series([True, None, False], dtype="boolean"),
            "NaN and infinities": pd.Series([np.nan, np.inf, -np.inf, -0.0]),
            "times in Berlin": pd.Series(pd.DatetimeIndex(times, tz="UTC").tz_convert(BERLIN)),
            "times in Berlin, in seconds": pd.Series(pd.DatetimeIndex(times, tz="UTC").tz_convert(BERLIN).as_unit("s")),
            "times at an offset": pd.Series(pd.DatetimeIndex(times, tz=timezone(timedelta(hours=5, minutes=45)))),
            "times at a named offset": pd.Series(pd.DatetimeIndex(times, tz=timezone(timedelta(hours=-3), "X"))),
            "times in UTC": pd.Series(pd.DatetimeIndex(times, tz=UTC)),
            "times in the zone UTC": pd.Series(pd.DatetimeIndex(times, tz=ZoneInfo("UTC"))),
            "times in a zone by its name": pd.Series(pd.DatetimeIndex(times, tz="America/New_York")),
            "timedeltas": pd.Series(pd.to_timedelta([1, None, -5], unit="s")),
            "timedeltas in ms": pd.Series(np.array([1, "NaT"], "m8[ms]")),
            "strings": pd.Series(TEXTS),
            "strings as objects": pd.Series(TEXTS, dtype=object),
            "strings as objects, some missing": pd.Series(["a", None, float("nan")], dtype=object),
            "nothing but None": pd.Series([None, None], dtype=object),
            "no objects": pd.Series([], dtype=object),
            "strings with NA": pd.Series(["a", None, "c"], dtype="string"),
            "strings of Python with NA": pd.Series(["a", None, "c"], dtype=pd.StringDtype("python")),
            "strings of Arrow with NA": pd.Series(["a", None, "c"], dtype=pd.StringDtype("pyarrow")),
            "no strings": pd.Series([], dtype="string"),
            "categories": pd.Series(["b", "a", None, "b"], dtype="category"),
            "categories in order": pd.Series(pd.Categorical(["lo", "hi"], ["lo", "hi", "unused"], ordered=True)),
            "categories of numbers": pd.Series([1.5, 0.5, 1.5], dtype="category"),
            "categories of times": pd.Series(pd.date_range("2024", periods=3, tz=BERLIN)).astype("category"),
            "categories of objects": pd.Series(pd.Categorical(["b"], pd.Index(["a", "b"], dtype=object))),
            "categories of NA strings": pd.Series(["a", None], dtype="string").astype("category"),
            "categories of several types": pd.Series(pd.Categorical(["a", 1, None], pd.Index([1, "a", 2.5]))),
            "categories of a range": pd.Series(pd.Categorical([2, 0], pd.RangeIndex(3))),
            "no categories": pd.Series(pd.Categorical([None, None])),
            "300 categories": pd.Series(range(300)).astype("category"),
        }
        | NAN_STRINGS
    )


def nan_strings() -> dict[str, Any]:
    """Return strings whose missing ones are NaN, as this pandas spells them."""
    try:
        kinds = {storage: pd.StringDtype(storage, na_value=np.nan) for storage in ("python", "pyarrow")}
    except TypeError:
        kinds = {"pyarrow": pd.StringDtype("pyarrow_numpy")}
    return {f"strings of {name} with NaN": pd.Series(["a", None, "c"], dtype=kind) for name, kind in kinds.items()}


NAN_STRINGS = nan_strings()
COLUMNS = columns()


def indexes() -> dict[str, Any]:
    """Return indexes of every class that travels."""
    days = pd.date_range("2024-03-30", periods=3, name="day")
    return {
        "range": pd.RangeIndex(3),
        "range with steps and a name": pd.RangeIndex(10, 4, -2, name="n"),
        "no range": pd.RangeIndex(0),
        "numbers": pd.Index([3, 1, 2]),
        "numbers in steps, no range": pd.Index([0, 1, 2]),
        "small numbers": pd.Index(np.array([3, 1, 2], "i1")),
        "floats": pd.Index([1.5, np.nan, 0.5]),
        "complex": pd.Index([1j, 2.0, 0]),
        "bool": pd.Index([True, False, True]),
        "strings": pd.Index(["a", "b", "a"]),
        "strings as objects": pd.Index(["a", None, "b"], dtype=object),
        "strings with NA": pd.Index(["a", None, "b"], dtype="string"),
        "pandas' Int64": pd.Index([1, None, 2], dtype="Int64"),
        "of several types": pd.Index(["a", 1, 2.5], name="s"),
        "of several types with None": pd.Index([True, None, -1], dtype=object),
        "repeated": pd.Index([1, 1, 1], name=("a", 1)),
        "named by a number": pd.Index([1, 2, 3], name=0),
        "days": days,
        "days without a frequency": pd.DatetimeIndex(list(days), name="day"),
        "days in Berlin": pd.date_range("2024-03-30", periods=3, tz=BERLIN),
        "business days": pd.bdate_range("2024-03-29", periods=3),
        "ends of months": pd.date_range("2024-01-31", periods=3, freq=pd.offsets.MonthEnd()),
        "weeks from Wednesday": pd.date_range("2024-01-31", periods=3, freq="W-WED"),
        "quarters backwards": pd.date_range("2024-01-01", periods=3, freq="-1QS-JAN"),
        "90 minutes in seconds": pd.date_range("2024-01-01", periods=3, freq="90min").as_unit("s"),
        "NaT": pd.DatetimeIndex(["2024-01-01", None, "2024-01-02"]),
        "timedeltas": pd.to_timedelta([3, 1, 2], unit="h"),
        "timedeltas in steps": pd.timedelta_range("1h", periods=3, freq="30min"),
        "categories": pd.CategoricalIndex(["b", "a", "b"], ["a", "b"], ordered=True, name="c"),
        "no numbers": pd.Index([], dtype="int64"),
        "no objects": pd.Index([], dtype=object),
        "no days": days[:0],
    }


INDEXES = indexes()


def frames() -> dict[str, Any]:
    """Return frames of every form that travels."""
    numbers = np.arange(12.0).reshape(4, 3)
    mixed = pd.DataFrame({"n": [1, 2], "x": [1.5, None], "s": ["a", "b"], "when": pd.to_datetime(["2024", "2025"])})
    labelled = mixed.copy()
    labelled.attrs = {"source": "book", "currencies": ["EUR", "USD"], "range": (1, 2)}
    return {
        "one dtype, by rows": pd.DataFrame(numbers, columns=list("abc")),
        "one dtype, by columns": pd.DataFrame({name: np.arange(3.0) for name in "abc"}),
        "one dtype, in pieces": pd.concat([pd.DataFrame({name: [1.0, 2.0]}) for name in "abc"], axis=1),
        "one dtype of times": pd.DataFrame({name: pd.to_datetime(["2024", None]) for name in "ab"}),
        "one dtype of truths": pd.DataFrame({name: [True, False] for name in "ab"}),
        "big-endian": pd.DataFrame(numbers.astype(">f8")),
        "a view with gaps": pd.DataFrame(numbers)[::2],
        "mixed": mixed,
        "labels of its columns as a range": pd.DataFrame(numbers),
        "labels of its columns are numbers": pd.DataFrame(numbers, columns=[5, 1, 3]),
        "labels of its columns are days": pd.DataFrame(numbers, columns=pd.date_range("2024", periods=3)),
        "labels of its columns have a name": mixed.rename_axis(columns="field"),
        "labels of its columns are as objects": pd.DataFrame(numbers, columns=pd.Index(["a", None, "c"], dtype=object)),
        "labels of its columns are categories": pd.DataFrame(numbers, columns=pd.CategoricalIndex(list("abc"))),
        "repeated labels": pd.DataFrame(numbers, columns=["a", "a", "b"]),
        "repeated labels, mixed": pd.DataFrame([[1, "a", 2.5]], columns=["a", "a", "a"]),
        "repeated rows": mixed.set_axis([7, 7]),
        "repeated rows of objects": pd.DataFrame({"a": pd.Series(["x", None], dtype=object), "b": 1}).set_axis([7, 7]),
        "no rows": mixed[:0],
        "no columns": mixed[[]],
        "nothing": pd.DataFrame(),
        "nothing, with labels": pd.DataFrame(columns=["a", "b"]),
        "no rows of one dtype": pd.DataFrame(numbers)[:0],
        "attrs": labelled,
        "200 columns of two dtypes": pd.DataFrame({n: [1.5] if n % 2 else [1] for n in range(200)}),
        "every column": pd.concat([column[:2].rename(name) for name, column in COLUMNS.items()], axis=1),
    }


FRAMES = frames()


def assert_same_index(found: Any, sent: Any) -> None:
    pd.testing.assert_index_equal(found, sent, exact=True)
    assert type(found) is type(sent)
    assert found.dtype == sent.dtype
    assert type(found.name) is type(sent.name)
    assert getattr(found, "freq", None) == getattr(sent, "freq", None)
    assert_same_values(found, sent)


def assert_same_values(found: Any, sent: Any) -> None:
    """See what pandas does not look at."""
    assert type(found.array) is type(sent.array)
    assert type(getattr(found.dtype, "tz", None)) is type(getattr(sent.dtype, "tz", None))
    if isinstance(sent.dtype, pd.CategoricalDtype):
        assert_same_index(found.array.categories, sent.array.categories)
        assert found.array.ordered == sent.array.ordered
        assert found.array.codes.dtype == sent.array.codes.dtype
    assert repr(found.tolist()) == repr(sent.tolist())
    assert [*map(type, found.tolist())] == [*map(type, sent.tolist())]


def assert_same_series(found: Any, sent: Any) -> None:
    pd.testing.assert_series_equal(found, sent, check_exact=True, check_freq=True, check_index_type="exact")
    assert_same_values(found, sent)
    assert_same_index(found.index, sent.index)
    assert found.attrs == sent.attrs


def assert_same_frame(found: Any, sent: Any) -> None:
    pd.testing.assert_frame_equal(
        found, sent, check_exact=True, check_freq=True, check_index_type="exact", check_column_type="exact"
    )
    assert type(found) is pd.DataFrame
    for position in range(sent.shape[1]):
        assert_same_values(found.iloc[:, position], sent.iloc[:, position])
    assert_same_index(found.index, sent.index)
    assert_same_index(found.columns, sent.columns)
    assert found.attrs == sent.attrs
    assert repr(found.attrs) == repr(sent.attrs)


def sent_frame(frame: Any, plain: Plain) -> Any:
    return frame_of(memoryview(frame_bytes(frame, plain.encode)), plain.decode)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_series_arrives_as_it_was(plain: Plain, name: str) -> None:
    sent = COLUMNS[name].rename(name)
    assert_same_series(series_of(series_bytes(sent, plain.encode), plain.decode), sent)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_arrives_as_it_was_alone_and_beside_others(plain: Plain, name: str) -> None:
    alone = COLUMNS[name].to_frame("x")
    assert_same_frame(sent_frame(alone, plain), alone)
    beside = pd.DataFrame({"x": alone["x"], "y": "y"})
    assert_same_frame(sent_frame(beside, plain), beside)


@pytest.mark.parametrize("name", INDEXES)
def test_an_index_arrives_as_it_was_alone_and_of_others(plain: Plain, name: str) -> None:
    sent = INDEXES[name]
    assert_same_index(index_of(index_bytes(sent, plain.encode), plain.decode), sent)
    series = pd.Series(np.arange(len(sent)), index=sent)
    assert_same_series(series_of(series_bytes(series, plain.encode), plain.decode), series)
    frame = pd.DataFrame({"a": ["a"] * len(sent), "n": 1.5}, index=sent)
    assert_same_frame(sent_frame(frame, plain), frame)


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_arrives_as_it_was(plain: Plain, name: str) -> None:
    assert_same_frame(sent_frame(FRAMES[name], plain), FRAMES[name])


class Book(pd.DataFrame):  # type: ignore[misc, name-defined]
    """Somebody's own frame."""


class Curve(pd.Series):  # type: ignore[misc, name-defined]
    """Somebody's own series."""


def refused_columns() -> dict[str, tuple[Any, str]]:
    """Return series of what does not travel, and what the refusal says."""
    arrow = pytest.importorskip("pyarrow")
    return {
        "numbers and strings": ([1, "a"], r"objects of type int, str do not travel: give them one dtype"),
        "a number that is missing no more": (["a", 1.5], "objects of type float, str do not travel"),
        "truths and None": ([True, None], "objects of type bool do not travel: .*'boolean'"),
        "Decimals": ([Decimal(1), Decimal(2)], "objects of type Decimal"),
        "dates": ([date(2024, 1, 1)] * 2, "objects of type date"),
        "times in two zones": (
            [datetime(2024, 1, 1, tzinfo=zone) for zone in (UTC, BERLIN)],
            "objects of type datetime",
        ),
        "lists": ([["a"], ["b"]], "objects of type list"),
        "frames": ([pd.DataFrame(), None], "objects of type DataFrame"),
        "arrays": ([np.zeros(2), np.zeros(2)], "objects of type ndarray"),
        "NA among objects": (pd.Series(["a", pd.NA], dtype=object), "objects of type NAType, str .*'string'"),
        "NaT among objects": (pd.Series(["a", pd.NaT], dtype=object), "objects of type NaTType"),
        "strings of numpy": (pd.Series([np.str_("a"), "b"], dtype=object), "objects of type str"),
        "bytes": ([b"a", b"b"], "objects of type bytes"),
        "periods": (pd.Series(pd.period_range("2024", periods=2, freq="D")), r"dtype period\[D\] .*dt.to_timestamp"),
        "intervals": (pd.Series(pd.interval_range(0, 2)), r"dtype interval\[.*left and right ends"),
        "sparse": (pd.Series(pd.arrays.SparseArray([0.0, 1.0])), r"dtype Sparse\[.*sparse.to_dense\(\)"),
        "Arrow's numbers": (pd.Series([1, 2], dtype=pd.ArrowDtype(arrow.int64())), r"dtype int64\[pyarrow\] .*astype"),
        "Arrow's strings": (
            pd.Series(["a", "b"], dtype=pd.ArrowDtype(arrow.string())),
            r"dtype string\[pyarrow\] .*astype",
        ),
        "categories of intervals": (pd.cut(pd.Series([1, 5]), 2), "its categories: a IntervalIndex .*left and right"),
        "categories of Decimals": (pd.Series([Decimal(1)] * 2).astype("category"), "its categories: .* Decimal"),
        "categories of dates": (pd.Series([date(2024, 1, 1)] * 2).astype("category"), "its categories: .* date"),
        "a zone of its own": (
            pd.Series(pd.to_datetime(["2024", "2025"])).dt.tz_localize(tzoffset("JST", 9 * 3600)),
            "time zones of type tzoffset do not travel: convert to a zoneinfo.ZoneInfo",
        ),
    }


REFUSED_COLUMNS = refused_columns()


@pytest.mark.parametrize(("values", "reason"), REFUSED_COLUMNS.values(), ids=REFUSED_COLUMNS)
def test_a_column_that_would_change_is_refused_by_its_name(plain: Plain, values: Any, reason: str) -> None:
    series = values if isinstance(values, pd.Series) else pd.Series(values, dtype=object)
    frame = pd.DataFrame({"n": [1, 2], "it's": series, 7: series})
    with pytest.raises(TypeError, match=f'^column "it\'s": {reason}'):
        frame_bytes(frame, plain.encode)
    with pytest.raises(TypeError, match=f"^column 7: {reason}"):
        frame_bytes(frame[["n", 7]], plain.encode)
    with pytest.raises(TypeError, match=f"^column 1 of those named 'n': {reason}"):
        frame_bytes(frame[["n", 7]].set_axis(["n", "n"], axis=1), plain.encode)
    with pytest.raises(TypeError, match=f"^the values: {reason}"):
        series_bytes(series, plain.encode)


REFUSED_INDEXES = {
    "of levels": (pd.MultiIndex.from_tuples([(1, 2), (3, 4)]), r"a MultiIndex .*reset_index\(\)"),
    "of periods": (pd.period_range("2024", periods=2, freq="D"), r"a PeriodIndex .*to_timestamp\(\)"),
    "of intervals": (pd.interval_range(0, 2), r"a IntervalIndex .*left and right ends"),
    "of numbers and Decimals": (pd.Index([1, Decimal(1)]), "objects of type Decimal do not travel"),
    "of tuples": (pd.Index([(1, 2), (3,)], tupleize_cols=False), "objects of type tuple"),
    "of dates": (pd.Index([date(2024, 1, 1)] * 2, dtype=object), "objects of type date"),
    "named by an object": (pd.Index([1, 2], name=object()), "its name: .* object"),
    "of holidays": (
        pd.date_range("2024-01-01", periods=2, freq=pd.offsets.CustomBusinessDay(holidays=["2024-01-02"])),
        "its frequency C is more than its name tells: set index.freq = None",
    ),
    "of hours of business": (
        pd.date_range("2024-01-01 10:00", periods=2, freq=pd.offsets.BusinessHour(start="10:00")),
        "its frequency .* is more than its name tells",
    ),
    "of a frequency without a name": (
        pd.date_range("2024-01-01", periods=2, freq=pd.DateOffset(months=1, days=1)),
        "its frequency .* is more than its name tells",
    ),
}


@pytest.mark.filterwarnings("ignore:Converting to PeriodArray")
@pytest.mark.parametrize(("index", "reason"), REFUSED_INDEXES.values(), ids=REFUSED_INDEXES)
def test_an_index_that_would_change_is_refused_by_its_place(plain: Plain, index: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=f"^the index: {reason}"):
        index_bytes(index, plain.encode)
    with pytest.raises(TypeError, match=f"^the index: {reason}"):
        series_bytes(pd.Series([1, 2], index=index), plain.encode)
    with pytest.raises(TypeError, match=f"^the index: {reason}"):
        frame_bytes(pd.DataFrame({"n": [1, 2]}, index=index), plain.encode)
    with pytest.raises(TypeError, match=f"^the columns: {reason}"):
        frame_bytes(pd.DataFrame([[1, 2]], index=["a"], columns=index), plain.encode)


def test_subclasses_flags_and_attrs_that_would_be_lost_are_refused(plain: Plain) -> None:
    labelled = pd.DataFrame({"n": [1]})
    labelled.attrs["held"] = {"it": object()}
    strict = pd.DataFrame({"n": [1]}).set_flags(allows_duplicate_labels=False)
    for frame, reason in (
        (Book({"n": [1]}), r"a Book is a subclass of pandas.DataFrame: send pandas.DataFrame\(frame\)"),
        (strict, r"allows_duplicate_labels=False .* send frame.set_flags\(allows_duplicate_labels=True\)"),
        (labelled, "^the attrs: .* object"),
        (pd.DataFrame([[1]], columns=pd.Index(["n"], name=object())), "^the columns: its name: "),
    ):
        with pytest.raises(TypeError, match=reason):
            frame_bytes(frame, plain.encode)
    for series, reason in (
        (Curve([1]), r"a Curve is a subclass of pandas.Series: send pandas.Series\(series\)"),
        (strict["n"], r"allows_duplicate_labels=False .* send series.set_flags"),
        (pd.Series([1], name=(object(),)), "^the name: "),
    ):
        with pytest.raises(TypeError, match=reason):
            series_bytes(series, plain.encode)


@pytest.mark.parametrize("name", ["one dtype, by rows", "one dtype, by columns", "mixed", "200 columns of two dtypes"])
def test_a_frame_that_arrived_can_be_changed_and_shares_nothing(plain: Plain, name: str) -> None:
    data = bytearray(frame_bytes(FRAMES[name], plain.encode))
    first, second = frame_of(data, plain.decode), frame_of(data, plain.decode)
    data[-1] ^= 0xFF
    first.iloc[0, 0] = 77
    first.iloc[:, 1] = first.iloc[:, 1] * 2
    first["new"] = 1
    assert first.iloc[0, 0] == 77
    assert_same_frame(second, FRAMES[name])


def test_columns_that_arrived_are_as_writable_as_those_that_were_made_here(plain: Plain) -> None:
    for frame in FRAMES["one dtype, by columns"], FRAMES["mixed"]:
        found = sent_frame(frame, plain)
        for label in frame.columns:
            if frame[label].dtype.kind == "f":
                assert found[label].to_numpy().flags.writeable == frame.copy()[label].to_numpy().flags.writeable
                found[label].to_numpy(copy=True)[:] = 0


@st.composite
def any_frame(draw: st.DrawFn) -> Any:
    """Return a frame of any columns that travel, with any index that does."""
    rows = st.lists(st.integers(0, 2), min_size=3, max_size=3)
    # Pandas itself does not pick rows of the other byte order.
    columns = [column for name, column in COLUMNS.items() if len(column) >= 3 and "numpy's >" not in name]
    drawn: list[tuple[Any, list[int]]] = draw(st.lists(st.tuples(st.sampled_from(columns), rows), max_size=4))
    held = {label: column.iloc[picked].reset_index(drop=True) for label, (column, picked) in enumerate(drawn)}
    frame = pd.DataFrame(held, index=pd.RangeIndex(3))
    frame.index = draw(st.sampled_from([index for index in INDEXES.values() if len(index) == 3]))
    relabelled: bool = draw(st.booleans())
    if relabelled:
        labels = st.lists(st.text(max_size=2), min_size=len(held), max_size=len(held))
        frame.columns = pd.Index(draw(labels), dtype=object)
    return frame.iloc[: draw(st.integers(0, 3))]


@given(frame=any_frame())
def test_any_frame_arrives_as_it_was(plain: Plain, frame: Any) -> None:
    assert_same_frame(sent_frame(frame, plain), frame)


@given(data=st.data())
def test_altered_bytes_are_a_value_or_an_error_of_encoding(plain: Plain, data: Any) -> None:
    written = data.draw(st.sampled_from([*FRAMES.values()]).map(lambda frame: frame_bytes(frame, plain.encode)))
    for position in data.draw(st.lists(st.integers(0, len(written) - 1), min_size=1, max_size=4)):
        written = written[:position] + bytes([data.draw(st.integers(0, 255))]) + written[position + 1 :]
    for read in (frame_of, series_of, index_of):
        with suppress(EncodingError):
            read(written, plain.decode)


DAMAGED = {
    "nothing": b"",
    "a head that is longer than all": (10**15).to_bytes(8, "little") + b"abc",
    "a head that is none": (3).to_bytes(8, "little") + b"abc",
    "parts that are missing": (4).to_bytes(8, "little") + b"\x92\x80\x91\x05",
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_damaged_bytes_are_refused(plain: Plain, data: bytes) -> None:
    for read, kind in ((frame_of, "frame"), (series_of, "series"), (index_of, "index")):
        with pytest.raises(EncodingError, match=f"{len(data)} bytes cannot be decoded as a pandas {kind}: "):
            read(data, plain.decode)


CLAIMS: dict[str, tuple[Values | None, Any]] = {
    "objects": (Objects(), ["a"]),
    "strings": (Strings("python", nan=False), ["a"]),
    "numbers": (Numbers(), np.zeros(1)),
    "one array": (None, np.zeros((1, 1))),
}


@pytest.mark.parametrize(("values", "held"), CLAIMS.values(), ids=CLAIMS)
def test_rows_that_are_claimed_and_not_there_are_refused_and_nothing_is_allocated(
    plain: Plain, values: Values | None, held: Any
) -> None:
    parts = PartsWriter(plain.encode)
    names_and_attrs: tuple[Any, ...] = (None, None, {})
    for part in names_and_attrs:
        parts.value(part)
    if isinstance(held, list):
        parts.value(held)
    else:
        parts.array(held)
    index = Range(0, 10**15, 1)
    with pytest.raises(EncodingError, match=r"different lengths|Shape of passed values"):
        frame_of(parts.joined(_Frame(index, Range(0, 1, 1), None if values is None else [values])), plain.decode)
    if values is not None:
        with pytest.raises(EncodingError, match=r"different lengths"):
            series_of(parts.joined(_Series(index, values)), plain.decode)


WITHOUT = """
import pickle, sys
sys.modules[sys.argv[1]] = None
from htcgrid.errors import EncodingError
from htcgrid.model.codec import frames
for read in (frames.frame_of, frames.series_of, frames.index_of):
    try:
        read(bytes.fromhex(sys.argv[2]), pickle.loads)
    except EncodingError as error:
        print(error)
"""


def shown_without(missing: str, frame: Any) -> str:
    """Return what is said of a frame where this package is not installed."""
    data = frame_bytes(frame, pickle.dumps).hex()
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT, missing, data]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_frames_in_the_attrs_of_others_are_refused_by_any_codec() -> None:
    frame = pd.DataFrame({"n": [1]})
    frame.attrs["others"] = [("a", pd.Series([1]))]
    with pytest.raises(TypeError, match=r"^the attrs: .* does not travel inside of another: send it beside"):
        frame_bytes(frame, lambda _: b"")


def test_a_side_without_pandas_says_so() -> None:
    shown = shown_without("pandas", FRAMES["mixed"])
    assert shown.count(f"pandas is not installed here ({sys.executable}): ") == 3
    assert "install pandas on both sides, or send" in shown


def test_a_side_without_arrow_says_so_for_strings_that_are_held_by_it() -> None:
    shown = shown_without("pyarrow", pd.DataFrame({"s": pd.Series(["a"], dtype=pd.StringDtype("pyarrow"))}))
    assert re.match("a pandas frame cannot be decoded here: .*pyarrow.*; install on both sides what it is of", shown)
