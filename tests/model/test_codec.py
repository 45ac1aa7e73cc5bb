"""Payloads and results come through as they were, or not at all."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from math import isnan
from threading import Lock
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htcgrid.errors import ConfigError, EncodingError
from htcgrid.model.codec import codec_of

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@dataclass
class Trade:
    value: float | None


class Array:
    """Stands for numpy's arrays and scalars, which have this method."""

    def __init__(self, held: Any) -> None:
        self._held = held

    def tolist(self) -> Any:
        return self._held


@given(values)
def test_json_values_come_back_as_they_were(value: Any) -> None:
    json = codec_of("json")
    assert json.decode(json.encode(value)) == value


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(1 << 63), (1 << 64) - 1)
        | st.floats(allow_nan=False)
        | st.text()
        | st.binary()
        | st.datetimes(timezones=st.just(UTC)),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text() | st.integers(0, 9), inner, max_size=5),
        max_leaves=20,
    )
)
def test_msgpack_values_come_back_as_they_were(value: Any) -> None:
    codec = codec_of("msgpack")
    assert codec.decode(codec.encode(value)) == value


def test_msgpack_carries_what_is_no_number_and_numpys_arrays() -> None:
    codec = codec_of("msgpack")
    assert isnan(codec.decode(codec.encode(float("nan"))))
    assert codec.decode(codec.encode({"a": Array([1, 2])})) == {"a": [1, 2]}


@pytest.mark.parametrize(
    "value", [Lock(), 1 << 64, {"a": object()}, print], ids=["lock", "too-large", "object", "function"]
)
def test_what_msgpack_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(EncodingError, match=r"cannot be encoded as MessagePack: .*; use plain numbers of at most 64"):
        codec_of("msgpack").encode(value)


@given(st.binary())
def test_what_is_no_msgpack_is_an_error_of_ours(data: bytes) -> None:
    with suppress(EncodingError):
        codec_of("msgpack").decode(data)
    with pytest.raises(EncodingError, match="bytes cannot be decoded as MessagePack"):
        codec_of("msgpack").decode(data + b"\xc1" if data == b"" else b"\xc1" + data)


@given(st.binary())
def test_bytes_come_back_as_they_were(value: bytes) -> None:
    codec = codec_of("bytes")
    for form in (value, bytearray(value), memoryview(value)):
        assert codec.decode(codec.encode(form)) == value


@given(st.data())
def test_what_is_no_number_is_refused_wherever_it_stands(data: st.DataObject) -> None:
    hidden: Any = data.draw(st.sampled_from([float("nan"), float("inf"), float("-inf")]))
    for _ in range(data.draw(st.integers(0, 4))):
        wraps: list[Callable[[Any], Any]] = [
            lambda it: [None, it],
            lambda it: {"a": None, "b": it},
            lambda it: (it,),
            Trade,
            lambda it: Array([it]),
        ]
        hidden = data.draw(st.sampled_from(wraps))(hidden)
    with pytest.raises(EncodingError, match="cannot be encoded as JSON"):
        codec_of("json").encode(hidden)


def test_dataclasses_and_arrays_are_taken_for_what_json_has() -> None:
    json = codec_of("json")
    assert json.decode(json.encode([Trade(1.5), Trade(None), Array([1, [2.5]]), (1, 2)])) == [
        {"value": 1.5},
        {"value": None},
        [1, [2.5]],
        [1, 2],
    ]


def endless() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    return ring


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Lock(), "a value of type lock"),
        (b"raw", "a value of type bytes cannot be encoded as JSON: use codec 'bytes'"),
        ({"a": complex(1, 2)}, "an object of type complex has no such form"),
        ({(1, 2): 3}, "a value of type dict"),
        ("\ud800", "a value of type str"),
        (endless(), "a value of type list"),
    ],
)
def test_what_json_cannot_carry_is_named_by_its_type(value: Any, named: str) -> None:
    with pytest.raises(EncodingError, match=named):
        codec_of("json").encode(value)


def test_a_refused_value_is_not_shown() -> None:
    with pytest.raises(EncodingError) as refused:
        codec_of("json").encode({"password": "hunter2", "handle": Lock()})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"{", b"nul", b"\xff", b"[" * 100_000])
def test_bytes_that_are_no_json_are_refused(data: bytes) -> None:
    with pytest.raises(EncodingError, match="cannot be decoded as JSON"):
        codec_of("json").decode(data)


def test_only_bytes_are_sent_as_bytes() -> None:
    with pytest.raises(EncodingError, match="a value of type str cannot be sent with codec 'bytes': pass bytes"):
        codec_of("bytes").encode("text")


def test_any_object_comes_back_from_pickle() -> None:
    codec = codec_of("pickle")
    assert codec.decode(codec.encode((1, {2}, Trade(3.0)))) == (1, {2}, Trade(3.0))
    assert codec.decode(codec.encode(lambda x: x + 1))(2) == 3


class Stubborn:
    def __reduce__(self) -> str:
        raise RuntimeError("never")


@pytest.mark.parametrize(("value", "reason"), [(Lock(), "TypeError"), (Stubborn(), "RuntimeError: never")])
def test_what_cannot_be_pickled_is_told_with_the_reason(value: Any, reason: str) -> None:
    with pytest.raises(EncodingError, match=f"a value of type .* cannot be pickled: {reason}.*; leave out what"):
        codec_of("pickle").encode(value)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "EOFError"),
        (b"\xff", "UnpicklingError"),
        (b"cno_such_module\nf\n.", "ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_what_cannot_be_unpickled_is_told_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(EncodingError, match=f"{len(data)} bytes cannot be unpickled: {reason}"):
        codec_of("pickle").decode(data)


def test_only_who_pickles_imports_cloudpickle() -> None:
    code = """
import sys
from htcgrid.model.codec import codec_of
for name in ("json", "bytes", "msgpack", "pickle"):
    codec_of(name)
assert not {"cloudpickle", "pickle"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_codec_is_named() -> None:
    with pytest.raises(ConfigError, match="there is no codec 'yaml'; use 'json', 'bytes', 'msgpack' or 'pickle'"):
        codec_of("yaml")
