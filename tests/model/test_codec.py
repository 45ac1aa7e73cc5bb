"""JSON, MessagePack, bytes and pickle: what arrives equals what was sent, or is refused at its place."""

import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htcgrid.errors import ConfigError, EncodingError
from htcgrid.model.codec import codec_of
from tests.model import codec_classes as own
from tests.model.test_codec_typed import nested, ring, same

NAN = float("nan")
INF = float("inf")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
keys = st.text() | st.integers(-(1 << 63), (1 << 64) - 1) | st.binary() | st.booleans() | st.none() | st.floats()


@given(values)
def test_json_values_come_back_as_they_were(value: Any) -> None:
    json = codec_of("json")
    assert same(json.decode(json.encode(value)), value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
        max_leaves=20,
    )
)
def test_msgpack_values_come_back_as_they_were(value: Any) -> None:
    codec = codec_of("msgpack")
    assert same(codec.decode(codec.encode(value)), value)


#: What both refuse, with the codec that keeps it.
REFUSED_BY_BOTH: dict[str, tuple[Any, str, str]] = {
    "a tuple": ((1,), "would arrive as a list", "typed"),
    "a set": ({1}, "would arrive as a list", "typed"),
    "a frozenset": (frozenset({1}), "would arrive as a list", "typed"),
    "a bytearray": (bytearray(b"hunter2"), "would arrive as bytes", "typed"),
    "a memoryview": (memoryview(b"hunter2"), "would arrive as bytes", ""),
    "a Decimal": (Decimal(1), "(JSON|MessagePack) has no such type", "typed"),
    "a datetime": (datetime(2024, 1, 1, tzinfo=UTC), "", "typed"),
    "a date": (date(2024, 1, 1), "", "typed"),
    "a timedelta": (timedelta(1), "", "typed"),
    "a UUID": (UUID(int=1), "", "typed"),
    "a path": (PurePosixPath("a"), "", "typed"),
    "a complex number": (1j, "(JSON|MessagePack) has no such type", "typed"),
    "an Enum": (own.Side.BUY, "", "typed"),
    "an Enum of numbers": (own.Level.LOW, "", "typed"),
    "an Enum of text": (own.Currency.EUR, "", "typed"),
    "a dataclass": (own.Point(1), "(JSON|MessagePack) has no such type", "typed"),
    "a subclass of str": (own.Text("hunter2"), "would arrive as str", "pickle"),
    "a subclass of int": (own.Number(1), "would arrive as int", "pickle"),
    "a subclass of float": (own.Real(1), "would arrive as float", "pickle"),
    "a subclass of dict": (own.Table(), "would arrive as dict", "pickle"),
    "a subclass of list": (own.Row(), "would arrive as list", "pickle"),
    "an OrderedDict": (OrderedDict(), "would arrive as a dict", "pickle"),
    "a key that is a tuple": ({(1, "hunter2"): 1}, "keys", "typed"),
    "a key that is an Enum": ({own.Currency.EUR: 1}, "keys", "typed"),
    "a key that is a subclass": ({own.Text("a"): 1}, "keys", "pickle"),
    "a lone surrogate": ("\ud800", "surrogate", "typed"),
    "a lone surrogate in a key": ({"\ud800": 1}, "surrogate", "typed"),
    "a lock": (threading.Lock(), "belongs to this process", ""),
    "an object": (object(), "(JSON|MessagePack) has no such type", "pickle"),
    "an Enum that is text": (own.Currency.EUR, "it would arrive as its value: send that", "typed"),
    "an iterator": (iter([1]), "it makes its items only here: send list", "pickle"),
    "a generator": ((one for one in [1]), "send list", ""),
    "a ring": (ring(), "holds itself", "pickle"),
    "10,000 lists": (nested(10_000, lambda it: [it]), "levels deep", ""),
    "10,000 dicts": (nested(10_000, lambda it: {"a": it}), "levels deep", ""),
}
REFUSED = {
    **{("json", name): case for name, case in REFUSED_BY_BOTH.items()},
    **{("msgpack", name): case for name, case in REFUSED_BY_BOTH.items()},
    ("json", "bytes"): (b"hunter2", "JSON has no bytes", "typed"),
    ("json", "NaN"): (NAN, "no NaN", "typed"),
    ("json", "NaN beside None"): ([None, -NAN], "no NaN", "typed"),
    ("json", "infinity"): (INF, "no infinities", "typed"),
    ("json", "-infinity"): (-INF, "no infinities", "typed"),
    ("json", "a key that is a number"): ({1: "a", "1": "b"}, "not all of its keys are text", "typed"),
    ("json", "a key that is None"): ({None: 1}, "not all of its keys are text", "typed"),
    ("json", "a key that is bytes"): ({b"EUR": 1.0}, "not all of its keys are text", "typed"),
    ("msgpack", "a number of 65 bits"): (1 << 64, "more than 64 bits", "typed"),
    ("msgpack", "a negative one"): (-(1 << 63) - 1, "more than 64 bits", "typed"),
    ("msgpack", "2**70 as a key"): ({2**70: 1}, "more than 64 bits", "typed"),
}
WRAPS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "alone": (lambda it: it, ""),
    "in a list": (lambda it: [None, it], r" at \[1\]"),
    "in a dict": (lambda it: {"a": None, "b": [it]}, r' at \["b"\]\[0\]'),
}


@pytest.mark.parametrize(("codec", "name"), REFUSED, ids="-".join)
def test_what_arrives_as_something_else_is_refused_at_its_place(codec: str, name: str) -> None:
    value, reason, keeper = REFUSED[codec, name]
    for wrap, place in WRAPS.values():
        with pytest.raises(EncodingError, match=rf"{place}.* cannot be sent with codec '{codec}': .*{reason}") as why:
            codec_of(codec).encode(wrap(value))
        assert "hunter2" not in str(why.value)
        assert ("keeps it" in str(why.value)) is bool(keeper)
        assert f"codec '{keeper}' keeps it" in str(why.value) or not keeper


@pytest.mark.parametrize("name", [name for name, (_, _, keeper) in REFUSED_BY_BOTH.items() if keeper])
def test_the_codec_that_a_message_names_keeps_the_value(name: str) -> None:
    value, _, keeper = REFUSED_BY_BOTH[name]
    codec = codec_of(keeper)
    found = codec.decode(codec.encode(value))
    assert type(found) is type(value)
    assert name in {"a ring", "an object", "an iterator"} or found == value


#: By what lossy=True makes of them, in JSON and in MessagePack.
LOSSY: dict[str, tuple[Any, ...]] = {
    "tuples": (((1, 2), []), [[1, 2], []], [[1, 2], []]),
    "sets": ({1}, [1], [1]),
    "a dataclass": (own.Point(1.5, (own.Frozen("a"),)), *[{"x": 1.5, "y": [{"name": "a", "level": 1}]}] * 2),
    "a dataclass with slots": (own.Slotted(1, [2]), *[{"a": 1, "b": [2]}] * 2),
    "keys that are numbers": ({1: "b", 2.5: 1, None: 2}, {"1": "b", "2.5": 1, "null": 2}, {1: "b", 2.5: 1, None: 2}),
    "Enums": ([own.Side.BUY, own.Level.HIGH, own.Currency.EUR], *[["buy", 2, "EUR"]] * 2),
    "an Enum as a key": ({own.Currency.EUR: 1, own.Level.LOW: 2}, {"EUR": 1, "1": 2}, {"EUR": 1, 1: 2}),
    "a Decimal": (Decimal("1.50"), "1.50", "1.50"),
    "a datetime": (datetime(2024, 1, 1, tzinfo=UTC), *["2024-01-01T00:00:00Z"] * 2),
    "a date": (date(2024, 1, 1), "2024-01-01", "2024-01-01"),
    "a timedelta": (timedelta(seconds=1), "PT1S", "PT1S"),
    "a UUID": (UUID(int=1), *["00000000-0000-0000-0000-000000000001"] * 2),
    "a path": (PurePosixPath("a/b"), "a/b", "a/b"),
    "subclasses": (
        [own.Text("a"), own.Number(1), own.Real(1.5), own.Row([1]), own.Table(a=1)],
        *[["a", 1, 1.5, [1], {"a": 1}]] * 2,
    ),
    "bytes": ({"a": b"\0\1"}, {"a": "AAE="}, {"a": b"\0\1"}),
    "bytearrays": ([bytearray(b"\0\1")], ["AAE="], [b"\0\1"]),
    "a range": (range(3), [0, 1, 2], [0, 1, 2]),
}


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_codecs_send_what_comes_near(name: str) -> None:
    value, in_json, in_msgpack = LOSSY[name]
    for codec, expected in (("json", in_json), ("msgpack", in_msgpack)):
        lossy = codec_of(codec, lossy=True)
        found = lossy.decode(lossy.encode(value))
        assert same(
            found, expected if expected is not None else msgspec.to_builtins(value) if codec == "json" else found
        )


@pytest.mark.parametrize(
    "value", [NAN, [None, (INF,)], own.Point(NAN), Decimal("NaN"), {1: 1, "1": 2}, {(1,): 2}, object(), ring(), int]
)
def test_lossy_json_still_refuses_what_has_no_form(value: Any) -> None:
    with pytest.raises(EncodingError, match="cannot be sent with codec 'json', not even with lossy=True"):
        codec_of("json", lossy=True).encode(value)


@pytest.mark.parametrize(
    ("codec", "value", "said"),
    [
        ("json", [{"a": NAN}], r"float at \[0\]\[\"a\"\] .*: it is NaN, infinite or NaT; codec 'typed' keeps it$"),
        ("json", [object()], r"object at \[0\] .*: it has no such form; codec 'pickle' keeps it, on agents that"),
        ("json", [threading.Lock()], r"lock at \[0\] .*: it has no such form$"),
        ("json", {(1,): 2}, r"tuple at \[key 0 itself\] .*: a key has to become text; codec 'typed' keeps it$"),
        (
            "msgpack",
            {(1,): 2},
            r"tuple at \[key 0 itself\] .*: a key has to become text, bytes, a number, .*'typed' keeps",
        ),
        ("json", [(1,), "\ud800"], r"str at \[1\] .*: it has a surrogate .*; codec 'typed' keeps it$"),
        ("msgpack", [(1,), 2**64], r"int at \[1\] .*: it has more than 64 bits; codec 'typed' keeps it$"),
        ("json", ring(), r"it holds itself, or more than 250 levels$"),
    ],
)
def test_lossy_codecs_tell_where_what_has_no_form_stands_and_what_keeps_it(codec: str, value: Any, said: str) -> None:
    with pytest.raises(EncodingError, match=said):
        codec_of(codec, lossy=True).encode(value)


@pytest.mark.parametrize("codec", ["json", "msgpack"])
@pytest.mark.parametrize(("value", "would"), [((1,), True), (own.Point(1), True), (1j, False), (object(), False)])
def test_a_refusal_tells_whether_lossy_would_send_the_value(codec: str, value: Any, *, would: bool) -> None:
    with pytest.raises(EncodingError) as why:
        codec_of(codec).encode([value])
    assert str(why.value).endswith("; lossy=True sends what comes near it") is would


@pytest.mark.parametrize("codec", ["typed", "bytes", "pickle"])
def test_only_json_and_msgpack_may_be_lossy(codec: str) -> None:
    with pytest.raises(ConfigError, match=f"codec '{codec}' has no lossy form"):
        codec_of(codec, lossy=True)


@given(st.binary())
def test_what_is_no_msgpack_is_an_error_of_ours(data: bytes) -> None:
    with suppress(EncodingError):
        codec_of("msgpack").decode(data)
    with pytest.raises(EncodingError, match="bytes cannot be decoded as MessagePack"):
        codec_of("msgpack").decode(data + b"\xc1" if data == b"" else b"\xc1" + data)


@given(st.binary())
def test_bytes_come_back_as_they_were(value: bytes) -> None:
    codec = codec_of("bytes")
    assert same(codec.decode(codec.encode(value)), value)


@pytest.mark.parametrize("value", [bytearray(b"x"), memoryview(b"x"), own.Raw(b"x"), "text", 1, None, [b"x"]])
def test_only_bytes_are_sent_as_bytes(value: Any) -> None:
    with pytest.raises(EncodingError, match=r"a value of type .* cannot be sent with codec 'bytes': .*bytes"):
        codec_of("bytes").encode(value)


@pytest.mark.parametrize("data", [b"", b"{", b"nul", b"\xff", b"[" * 100_000, b'{"a":' * 100_000])
def test_bytes_that_are_no_json_are_refused(data: bytes) -> None:
    with pytest.raises(EncodingError, match="cannot be decoded as JSON"):
        codec_of("json").decode(data)


# --- pickle ------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [(1, {2}, own.Point(3.0)), own.Text("a"), own.Table(a=1), OrderedDict(a=1), own.Failing(), own.Side.BUY, int, len],
)
def test_any_object_comes_back_from_pickle(value: Any) -> None:
    codec = codec_of("pickle")
    found = codec.decode(codec.encode(value))
    assert type(found) is type(value)
    assert found == value or isinstance(value, Exception)


def test_functions_without_a_name_come_along() -> None:
    codec = codec_of("pickle")
    assert codec.decode(codec.encode(lambda x: x + 1))(2) == 3


class Stubborn:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> str:
        raise self.error


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (threading.Lock(), "TypeError"),
        (Stubborn(RuntimeError("never")), "RuntimeError: never"),
        (Stubborn(SystemExit(3)), "SystemExit: 3"),
        (Stubborn(RecursionError()), "recursion"),
        ([Stubborn(MemoryError())], "MemoryError"),
        (nested(10_000, lambda it: [it]), "recursion"),
        (memoryview(b"x"), "TypeError: a memoryview would arrive as bytes"),
        ({"a": [memoryview(b"x")]}, "TypeError: a memoryview would arrive as bytes"),
    ],
)
def test_what_cannot_be_pickled_is_told_with_the_reason(value: Any, reason: str) -> None:
    with pytest.raises(EncodingError, match=rf"a value of type .* cannot be pickled: .*{reason}.*; leave out what"):
        codec_of("pickle").encode(value)


def test_an_open_file_is_not_read_and_sent_as_something_else(tmp_path: Any) -> None:
    (tmp_path / "a").write_text("x", encoding="utf-8")
    with (tmp_path / "a").open(encoding="utf-8") as file, pytest.raises(EncodingError, match="an open file belongs"):
        codec_of("pickle").encode([file])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "EOFError"),
        (b"\xff", "UnpicklingError"),
        (b"cno_such_module\nf\n.", "ModuleNotFoundError: No module named 'no_such_module'"),
        (b"csys\nexit\n)R.", "SystemExit"),
    ],
)
def test_what_cannot_be_unpickled_is_told_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(EncodingError, match=f"{len(data)} bytes cannot be unpickled: {reason}"):
        codec_of("pickle").decode(data)


SCRIPT = """
import sys
from htcgrid.model.codec import codec_of
class Curve:
    class Kind: pass
    def __init__(self, rate): self.rate = rate
    def at(self): return self.rate
class Odd(Exception): pass
def price(): return 7
made = lambda: 8
if sys.argv[1] == "read":
    curve, found = codec_of("pickle").decode(sys.stdin.buffer.read())
    assert type(curve) is Curve and curve.rate == 5 and found is price
    sys.exit()
pickle = codec_of("pickle", script=__file__)
for value in (Curve, Curve.Kind, Odd, price):
    assert pickle.decode(pickle.encode(value)) is value, value
curve = pickle.decode(pickle.encode([Curve(1), Curve(2).at]))
assert type(curve[0]) is Curve and curve[1]() == 2
assert pickle.decode(pickle.encode(made))() == 8
error = pickle.decode(pickle.encode(Odd("x")))
assert type(error) is Odd and error.args == ("x",)
assert codec_of("pickle").decode(codec_of("pickle").encode(price)) is not price
sys.stdout.buffer.write(pickle.encode((Curve(5), price)))
"""


def test_what_the_script_defines_is_found_in_it_on_the_other_side_too(tmp_path: Path) -> None:
    script, other = tmp_path / "client.py", tmp_path / "other.py"
    script.write_text(SCRIPT)
    other.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script, "write"], check=True, capture_output=True)
    subprocess.run([sys.executable, script, "read"], check=True, input=done.stdout)
    # In another script the names stand for something else.
    refused = subprocess.run([sys.executable, other, "read"], check=False, capture_output=True, input=done.stdout)
    assert f"it is defined in the script {script}, and this process runs the script {other}" in str(refused.stderr)


def test_only_who_pickles_imports_cloudpickle_and_only_who_has_arrays_imports_numpy() -> None:
    code = """
import sys
from htcgrid.model.codec import codec_of
for name in ("typed", "json", "bytes", "msgpack", "pickle"):
    codec_of(name)
codec_of("typed").decode(codec_of("typed").encode((1, {2: 3})))
assert not {"cloudpickle", "numpy", "pandas"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_codec_is_named() -> None:
    with pytest.raises(
        ConfigError, match="there is no codec 'yaml'; use 'typed', 'json', 'msgpack', 'bytes' or 'pickle'"
    ):
        codec_of("yaml")
