"""Ranges are sets of whole numbers, whatever form they are kept in."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htcgrid.model import Ranges

indexes = st.sets(st.integers(0, 60), max_size=40)
spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


def is_normal(ranges: Ranges) -> bool:
    """Return whether the spans are sorted, not empty, and do not touch."""
    flat = [edge for span in ranges.spans for edge in span]
    return flat == sorted(set(flat))


@given(indexes, indexes)
def test_operations_are_those_of_sets(left: set[int], right: set[int]) -> None:
    one, other = Ranges.of_indexes(left), Ranges.of_indexes(right)
    for found, expected in ((one | other, left | right), (one & other, left & right), (one - other, left - right)):
        assert list(found) == sorted(expected)
        assert is_normal(found)
        assert found == Ranges.of_indexes(expected)


@given(spans)
def test_spans_of_any_kind_are_put_in_order(given: list[tuple[int, int]]) -> None:
    ranges = Ranges.of(*given)
    expected = {index for start, stop in given for index in range(start, stop)}
    assert set(ranges) == expected
    assert is_normal(ranges)
    assert (ranges.count, bool(ranges)) == (len(expected), bool(expected))
    if expected:
        assert (ranges.first, ranges.stop) == (min(expected), max(expected) + 1)


@given(indexes, st.integers(-2, 70))
def test_what_is_taken_and_the_rest_are_the_whole(held: set[int], count: int) -> None:
    taken, rest = Ranges.of_indexes(held).take(count)
    assert list(taken) == sorted(held)[: max(0, count)]
    assert list(taken) + list(rest) == sorted(held)
    assert is_normal(taken)
    assert is_normal(rest)


@given(indexes)
def test_members_are_known(held: set[int]) -> None:
    ranges = Ranges.of_indexes(held)
    assert {index for index in range(-1, 62) if index in ranges} == held
    assert "1" not in ranges


@given(indexes)
def test_ranges_are_read_as_they_were_written(held: set[int]) -> None:
    ranges = Ranges.of_indexes(held)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(ranges), type=Ranges) == ranges


def test_operations_do_not_grow_with_the_number_of_tasks() -> None:
    huge = Ranges.of((0, 10**15))
    assert (huge - Ranges.single(7)).spans == ((0, 7), (8, 10**15))
    assert (huge & Ranges.of((5, 10**16))).count == 10**15 - 5
    assert huge.take(10**14)[0].spans == ((0, 10**14),)


@pytest.mark.parametrize("data", [b"\xc0", b"\x91\x91\x91\x01", b"\x91\x91\x92\xa1a\x01"])
def test_what_is_no_set_of_spans_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(data, type=Ranges)
