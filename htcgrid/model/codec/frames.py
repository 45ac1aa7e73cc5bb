"""Pandas frames, series and indexes as bytes."""

from collections.abc import Callable
from typing import Any

import msgspec

from htcgrid.model.codec.arrays import Buffer, library
from htcgrid.model.codec.columns import Index, Values, index_read, index_written, values_read, values_written
from htcgrid.model.codec.parts import PartsReader, PartsWriter, decoded_as, refused_in

#: Encodes and decodes plain values: names, lists of strings, attrs.
Encode = Callable[[Any], bytes]
Decode = Callable[[bytes], Any]

#: Above this many columns that are not kept together, pandas warns of each that is added.
_APART = 100


class _Frame(msgspec.Struct, frozen=True):
    """Index, columns, attrs; then one array of two dimensions, or the values of each column."""

    index: Index
    columns: Index
    values: list[Values] | None


class _Series(msgspec.Struct, frozen=True):
    """Index, name, attrs; then the values."""

    index: Index
    values: Values


class _Index(msgspec.Struct, frozen=True):
    index: Index


def frame_bytes(frame: Any, encode: Encode) -> bytes:
    """Return a pandas frame's columns, index, labels and attrs.

    Raises:
        TypeError: some of it does not travel; says what, and what to do.
    """
    _check(frame, library("pandas").DataFrame)
    parts = PartsWriter(encode)
    with refused_in("the index"):
        index = index_written(frame.index, parts)
    with refused_in("the columns"):
        columns = index_written(frame.columns, parts)
    _attrs_written(frame.attrs, parts)
    if _is_one_array(frame):
        parts.array(frame.to_numpy())
        return parts.joined(_Frame(index, columns, None))
    values = []
    for position, (_, column) in enumerate(frame.items()):
        try:
            values.append(values_written(column, parts))
        except TypeError as error:
            raise TypeError(f"{_column_named(frame, position)}: {error}") from error
    return parts.joined(_Frame(index, columns, values))


def frame_of(data: Buffer, decode: Decode) -> Any:
    """Return the frame, whose memory is its own.

    Raises:
        EncodingError: this is no frame, or this side lacks a library that it needs.
    """
    pandas = library("pandas")
    with decoded_as("a pandas frame", data):
        parts = PartsReader(data, decode, _Frame)
        described = parts.description
        index, columns, attrs = index_read(described.index, parts), index_read(described.columns, parts), parts.value()
        if described.values is None:
            frame = pandas.DataFrame(parts.array(dimensions=2), index=index, columns=columns, copy=False)
        else:
            frame = _assembled([values_read(values, parts) for values in described.values], index)
            frame.columns = columns
        frame.attrs = attrs
        return frame


def series_bytes(series: Any, encode: Encode) -> bytes:
    """Return a pandas series' values, index, name and attrs.

    Raises:
        TypeError: some of it does not travel; says what, and what to do.
    """
    _check(series, library("pandas").Series)
    parts = PartsWriter(encode)
    with refused_in("the index"):
        index = index_written(series.index, parts)
    with refused_in("the name"):
        parts.value(series.name)
    _attrs_written(series.attrs, parts)
    with refused_in("the values"):
        return parts.joined(_Series(index, values_written(series, parts)))


def series_of(data: Buffer, decode: Decode) -> Any:
    """Return the series, whose memory is its own.

    Raises:
        EncodingError: this is no series, or this side lacks a library that it needs.
    """
    pandas = library("pandas")
    with decoded_as("a pandas series", data):
        parts = PartsReader(data, decode, _Series)
        index, name, attrs = index_read(parts.description.index, parts), parts.value(), parts.value()
        values = values_read(parts.description.values, parts)
        _check_lengths([values], index)
        series = pandas.Series(values, index=index, dtype=values.dtype, name=name, copy=False)
        series.attrs = attrs
        return series


def index_bytes(index: Any, encode: Encode) -> bytes:
    """Return a pandas index' labels and name.

    Raises:
        TypeError: it does not travel; says why, and what to do.
    """
    parts = PartsWriter(encode)
    with refused_in("the index"):
        return parts.joined(_Index(index_written(index, parts)))


def index_of(data: Buffer, decode: Decode) -> Any:
    """Return the index, whose memory is its own.

    Raises:
        EncodingError: this is no index, or this side lacks a library that it needs.
    """
    library("pandas")
    with decoded_as("a pandas index", data):
        parts = PartsReader(data, decode, _Index)
        return index_read(parts.description.index, parts)


def _attrs_written(attrs: dict[Any, Any], parts: PartsWriter) -> None:
    with refused_in("the attrs"):
        # First, as it refuses those that hold themselves.
        parts.value(attrs)
        if _holds_frames(attrs):
            raise TypeError("a frame, a series or an index does not travel inside of another: send it beside")


def _holds_frames(value: Any) -> bool:
    pandas = library("pandas")
    if isinstance(value, pandas.DataFrame | pandas.Series | pandas.Index):
        return True
    if isinstance(value, dict):
        return any(map(_holds_frames, value.values()))
    return isinstance(value, list | tuple) and any(map(_holds_frames, value))


def _is_one_array(frame: Any) -> bool:
    """Return whether all columns are of one dtype of numpy's: then pandas keeps them together, and so they go."""
    dtypes = list(frame.dtypes)
    return (
        bool(dtypes)
        and dtypes[0].kind in "biufcmM"
        and isinstance(dtypes[0], library("numpy").dtype)
        and (all(dtype == dtypes[0] for dtype in dtypes))
    )


def _assembled(columns: list[Any], index: Any) -> Any:
    """Return a frame of the columns, which are numbered."""
    pandas = library("pandas")
    _check_lengths(columns, index)
    if not columns:
        return pandas.DataFrame(index=index)
    # As an array, pandas 3 makes objects that are strings into its own.
    held = {
        position: pandas.Series(column, dtype=object, copy=False) if column.dtype == object else column
        for position, column in enumerate(columns)
    }
    frame = pandas.DataFrame(held, copy=len(held) > _APART)
    frame.index = index
    return frame


def _check_lengths(columns: list[Any], index: Any) -> None:
    """Raise if they differ, before pandas fills up what is missing."""
    if any(len(column) != len(index) for column in columns):
        raise ValueError("its columns and its index have different lengths")


def _check(found: Any, kind: Any) -> None:
    """Raise for subclasses, and for a flag that would be lost."""
    name = kind.__name__
    shown = name.removeprefix("Data").lower()
    if type(found) is not kind:
        raise TypeError(f"a {type(found).__name__} is a subclass of pandas.{name}: send pandas.{name}({shown})")
    if not found.flags.allows_duplicate_labels:
        raise TypeError(
            f"the flag allows_duplicate_labels=False does not travel: send {shown}.set_flags("
            "allows_duplicate_labels=True)"
        )


def _column_named(frame: Any, position: int) -> str:
    """Return the column's label if it is the only one of it, else its position too."""
    label = frame.columns.tolist()[position]
    alone = not frame.columns.duplicated(keep=False)[position]
    return f"column {label!r}" if alone else f"column {position} of those named {label!r}"
