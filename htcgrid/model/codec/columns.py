"""Columns and indexes of pandas frames, as descriptions and parts.

A column or index has values; categories have an index of their own, whose values may be all but categories.
"""

from math import isnan
from typing import Any, Literal

import msgspec

from htcgrid.errors import EncodingError
from htcgrid.model.codec.arrays import library
from htcgrid.model.codec.parts import PartsReader, PartsWriter, refused_in
from htcgrid.model.codec.zones import Zone, zone_named, zone_of

#: The dtypes that have a mask beside the values, by class, with the class of their arrays.
_MASKED = {f"{kind}{bits}Dtype": "IntegerArray" for kind in ("Int", "UInt") for bits in (8, 16, 32, 64)}
_MASKED |= {"Float32Dtype": "FloatingArray", "Float64Dtype": "FloatingArray", "BooleanDtype": "BooleanArray"}
#: What a dtype of strings may hold, a column of objects, where a float is NaN, and an index of objects.
_STRINGS: frozenset[type] = frozenset((str, type(None)))
_CELLS: frozenset[type] = _STRINGS | {float}
_LABELS: frozenset[type] = _CELLS | {int, bool}
_INDEXES = ("Index", "DatetimeIndex", "TimedeltaIndex", "CategoricalIndex")

_ADVICE = {
    "ArrowDtype": "convert it with astype to a dtype of numpy or pandas",
    "IntervalDtype": "send the left and right ends as two columns, or astype(str)",
    "IntervalIndex": "send the left and right ends as two columns, or index.astype(str)",
    "MultiIndex": "make its levels columns with reset_index()",
    "PeriodDtype": "convert it with dt.to_timestamp()",
    "PeriodIndex": "convert it with index.to_timestamp()",
    "SparseDtype": "convert it with sparse.to_dense()",
}


class Numbers(msgspec.Struct, frozen=True, tag="numbers"):
    """An array: of numbers, truths, or times without a zone."""


class Objects(msgspec.Struct, frozen=True, tag="objects"):
    """Python's own strings, with None or NaN where one is missing; as labels, numbers too: a list."""


class Strings(msgspec.Struct, frozen=True, tag="strings"):
    """A dtype of strings: a list with None where one is missing."""

    storage: Literal["python", "pyarrow"]
    #: Whether a missing one is shown as NaN, or as pandas.NA.
    nan: bool


class Masked(msgspec.Struct, frozen=True, tag="masked"):
    """An array, and one that tells which are missing."""

    dtype: str


class Zoned(msgspec.Struct, frozen=True, tag="zoned"):
    """An array of times in UTC."""

    zone: Zone


class Categories(msgspec.Struct, frozen=True, tag="categories"):
    """An array of positions in an index."""

    ordered: bool
    categories: "Range | Labels"


Values = Numbers | Objects | Strings | Masked | Zoned | Categories


class Range(msgspec.Struct, frozen=True, tag="range"):
    """An index that is a range; its name."""

    start: int
    stop: int
    step: int


class Labels(msgspec.Struct, frozen=True, tag="labels"):
    """An index of values; its name."""

    values: Values
    freq: str | None = None


Index = Range | Labels


def values_written(values: Any, parts: PartsWriter) -> Values:
    """Add a series' or an index' values to the parts.

    Raises:
        TypeError: its values do not travel; says what to do.
    """
    pandas, numpy = library("pandas"), library("numpy")
    dtype = values.dtype
    if isinstance(dtype, numpy.dtype):
        if dtype.kind == "O":
            # Labels of several types are common, and cells of several types mostly a mistake.
            kinds = _LABELS if isinstance(values, pandas.Index) else _CELLS
            parts.value(_checked(values.to_numpy().tolist(), kinds))
            return Objects()
        parts.array(values.to_numpy())
        return Numbers()
    name = type(dtype).__name__
    # A class of the same name may be another's.
    if type(dtype) is getattr(pandas, name, None):
        if name == "StringDtype":
            parts.value(_checked(values.array.to_numpy(dtype=object, na_value=None).tolist(), _STRINGS))
            return Strings("python" if dtype.storage == "python" else "pyarrow", dtype.na_value is not pandas.NA)
        if name in _MASKED:
            parts.array(values.array.to_numpy(dtype=dtype.numpy_dtype, na_value=0))
            parts.array(numpy.asarray(values.array.isna()))
            return Masked(name)
        if name == "DatetimeTZDtype":
            zone = zone_named(dtype.tz)
            parts.array(values.array.tz_convert(None).to_numpy())
            return Zoned(zone)
        if name == "CategoricalDtype":
            parts.array(values.array.codes)
            with refused_in("its categories"):
                return Categories(values.array.ordered, index_written(values.array.categories, parts))
    raise TypeError(f"dtype {dtype} does not travel: {_ADVICE.get(name, 'convert it with astype')}")


def values_read(values: Values, parts: PartsReader[Any]) -> Any:
    """Return an array of numpy or pandas."""
    pandas, numpy = library("pandas"), library("numpy")
    match values:
        case Numbers():
            return parts.array()
        case Objects():
            objects = _checked(parts.value(), _LABELS)
            array = numpy.empty(len(objects), dtype=object)
            array[:] = objects
            return array
        case Strings(storage, nan):
            return pandas.array(_checked(parts.value(), _STRINGS), dtype=_string_dtype(storage, nan=nan))
        case Masked(name):
            return getattr(pandas.arrays, _MASKED[name])(parts.array(), parts.array())
        case Zoned(zone):
            times = pandas.DatetimeIndex(parts.array(), copy=False)
            return times.tz_localize("UTC").tz_convert(zone_of(zone)).array
        case Categories(ordered, index):
            codes = parts.array()
            dtype = pandas.CategoricalDtype(index_read(index, parts), ordered=ordered)
            return pandas.Categorical.from_codes(codes, dtype=dtype)


def index_written(index: Any, parts: PartsWriter) -> Index:
    """Add an index to the parts.

    Raises:
        TypeError: it does not travel; says what to do.
    """
    pandas = library("pandas")
    name = type(index).__name__
    described: Index
    if type(index) is pandas.RangeIndex:
        described = Range(index.start, index.stop, index.step)
    elif name in _INDEXES and type(index) is getattr(pandas, name):
        described = Labels(values_written(index, parts), _frequency(getattr(index, "freq", None)))
    else:
        raise TypeError(f"a {name} does not travel: {_ADVICE.get(name, 'send pandas.Index(list(index))')}")
    with refused_in("its name"):
        parts.value(index.name)
    return described


def index_read(index: Index, parts: PartsReader[Any]) -> Any:
    """Return the index."""
    pandas = library("pandas")
    if isinstance(index, Range):
        return pandas.RangeIndex(index.start, index.stop, index.step, name=parts.value())
    values = values_read(index.values, parts)
    found = pandas.Index(values, dtype=values.dtype, copy=False, name=parts.value())
    if index.freq is not None:
        found.freq = index.freq
    return found


def _checked(values: list[Any], kinds: frozenset[type]) -> list[Any]:
    """Return the list, of which all is refused that is not of these types."""
    found = set(map(type, values))
    others = found - kinds
    if kinds is _CELLS and float in found and not all(isnan(value) for value in values if type(value) is float):
        others.add(float)
    if others:
        # With numbers among them, strings are no less the mistake.
        shown = ", ".join(sorted(kind.__name__ for kind in others | (found & {str})))
        raise TypeError(
            f"objects of type {shown} do not travel: give them one dtype with astype, as 'float64', 'boolean' or "
            "'string', or send a list"
        )
    return values


def _string_dtype(storage: str, *, nan: bool) -> Any:
    """Return the dtype; pandas before 2.3 has another spelling for that of missing values shown as NaN."""
    pandas = library("pandas")
    if not nan:
        return pandas.StringDtype(storage)
    try:
        return pandas.StringDtype(storage, na_value=float("nan"))
    except TypeError as error:
        if storage == "python":
            raise EncodingError(
                f"pandas {pandas.__version__} has no such strings as the other side's: install 2.3 or newer on both "
                "sides, or convert them with astype(object)"
            ) from error
        return pandas.StringDtype("pyarrow_numpy")


def _frequency(freq: Any) -> str | None:
    """Return the name that the other side has the same frequency from."""
    if freq is None:
        return None
    name: str = freq.freqstr
    try:
        found = library("pandas").tseries.frequencies.to_offset(name)
    except ValueError:
        found = None
    # Holidays and times of business days are not in the name.
    if type(found) is not type(freq) or found != freq:
        raise TypeError(f"its frequency {name} is more than its name tells: set index.freq = None")
    return name
