# ruff: noqa: DTZ001, DTZ901 - times without a zone travel, too
"""What the typed codec keeps arrives equal in type and value; all else is refused at its place."""

import io
import os
import sys
import threading
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass, make_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid1, uuid4
from zoneinfo import ZoneInfo

import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htcgrid.errors import EncodingError
from htcgrid.model.codec import Classes, codec_of
from tests.model import codec_classes as own

TYPED = codec_of("typed")
NAN = float("nan")
BERLIN = ZoneInfo("Europe/Berlin")
Pair = namedtuple("Pair", "a b")


def same(a: Any, b: Any) -> bool:
    """Return whether two values are alike in type and value, also where == says no, as for NaN, or too easily yes."""
    if type(a) is not type(b):
        return False
    for kinds, of in TELLING:
        if isinstance(a, kinds):
            return same(of(a), of(b))
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, set | frozenset):
        return len(a) == len(b) and all(any(same(one, other) for other in b) for one in a)
    if is_dataclass(a):
        return all(same(getattr(a, one.name, None), getattr(b, one.name, None)) for one in fields(a))
    return bool(a == b)


#: What tells values of a type apart.
TELLING: list[tuple[Any, Callable[[Any], Any]]] = [
    (Enum, lambda it: [type(it).__qualname__, it.name, repr(it.value)]),
    (float, float.hex),
    (complex, lambda it: [it.real, it.imag]),
    (Decimal, lambda it: repr(it.as_tuple())),
    ((datetime, time), lambda it: [repr(it), it.fold]),
    (tuple, list),
    (dict, lambda it: [list(it), list(it.values())]),
]


def nested(levels: int, wrap: Callable[[Any], Any], value: Any = 1) -> Any:
    for _ in range(levels):
        value = wrap(value)
    return value


def ring() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def ring_of_tuples() -> list[Any]:
    found: list[Any] = []
    through = (found,)
    found += [through, through]
    return found


KEPT = {
    "None": None,
    "bools": [True, False],
    "ints": [0, -1, 2**63 - 1, -(2**63), 2**64 - 1, 2**64, -(2**63) - 1, 2**70, -(2**200), 10**5000],
    "floats": [0.0, -0.0, 1.5, 1e308, 5e-324, NAN, float("inf"), float("-inf")],
    "complex numbers": [1j, complex(NAN, -0.0)],
    "text": ["", "ü", "\0", "😀" * 100],
    "lone surrogates": ["\ud800", {"\udcff": "a\ud800"}, ("\udfff",)],
    "bytes": [b"", b"\xc4\xc5\xc6", b"x" * 300, b"y" * 70_000],
    "bytearrays": [bytearray(b""), bytearray(b"x"), {"a": bytearray(b"\xff" * 300)}, (bytearray(b"y"), b"y")],
    "lists": [[], [[[]]], [1, "a", None]],
    "tuples": ((), (1,), ((), (2, [3, (4,)]))),
    "one tuple": (1, "a"),
    "an empty tuple": (),
    "sets": [set(), {1, "a", None}, {(1, 2), frozenset({3})}],
    "frozensets": frozenset({1, frozenset({2, ()})}),
    "keys of any type": {
        "a": 1,
        1: 2,
        None: 3,
        2.5: 4,
        b"b": 5,
        (1, "x"): 6,
        frozenset({1}): 7,
        Decimal("1.50"): 8,
        date(2024, 1, 1): 9,
        own.Side.BUY: 10,
        own.Frozen("f"): 11,
        2**80: 12,
        UUID(int=1): 13,
        1j: 14,
    },
    "keys that are alike but for their type": [{1: "a", "1": "b"}, {True: 1}, {1: 1}, {1.0: 1}, {own.Level.LOW: 1}],
    "NaN as a key": {NAN: 1},
    "the order of keys": {"z": 1, "a": 2, 5: 3, "m": 4},
    "many keys": {index: str(index) for index in range(2000)},
    "Decimals": list(
        map(Decimal, ["1", "1.50", "-0", "0E+5", "NaN", "-NaN", "sNaN12", "Infinity", "1E-999", "9" * 60])
    ),
    "Fractions": [Fraction(1, 3), Fraction(-(2**80), 3**50)],
    "datetimes": [
        datetime(2024, 2, 29, 1, 2, 3, 4),
        datetime.min,
        datetime.max,
        datetime(2024, 10, 27, 2, 30, fold=1),
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=BERLIN),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30, seconds=7, microseconds=9))),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=-5), "EST")),
    ],
    "dates": [date.min, date(2024, 2, 29), date.max],
    "times": [time(), time(23, 59, 59, 999_999), time(1, tzinfo=UTC), time(1, fold=1), time(2, tzinfo=BERLIN)],
    "timedeltas": [timedelta(), timedelta(-1, 3, 5), timedelta.min, timedelta.max],
    "time zones": [UTC, BERLIN, timezone(timedelta(hours=1), "CET")],
    "UUIDs": [uuid4(), UUID(int=0)],
    "Enums": [own.Side.BUY, own.Side.ASK, own.Shape.POINT, own.Shape.BOX, own.Outer.Kind.A],
    "Enums that are numbers or text": [own.Level.HIGH, own.Currency.EUR],
    "Flags": [own.Right.READ, own.Right.READ | own.Right.WRITE, own.Right(0), own.Bit.ONE | own.Bit.TWO, own.Bit(8)],
    "dataclasses": [own.Point(1.0, (own.Point(NAN),)), own.Derived(1, 2, 3), own.Outer.Inner({1}), own.Box([1])],
    "frozen dataclasses": {own.Frozen("a", own.Level.HIGH): own.FrozenSlots(2)},
    "dataclasses with slots": own.Slotted(1, [2]),
    "keyword-only dataclasses": own.KeywordOnly(count=3),
    "ranges": [range(3), range(5, -5, -2), range(2**70, 2**71)],
    "paths": [Path("/tmp"), Path("a:b"), PurePosixPath(), PureWindowsPath("C:/x"), Path("\udcff")],
    "the ellipsis": ...,
    "levels of lists": nested(240, lambda it: [it]),
    "levels of tuples": nested(240, lambda it: (it,)),
    "levels of several kinds": nested(60, lambda it: {"a": [(it,), own.Point(it)][0:1]}),
    "many tuples": [(index, float(index)) for index in range(3000)],
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_kept_arrives_equal_in_type_and_value(name: str) -> None:
    value = KEPT[name]
    assert same(TYPED.decode(TYPED.encode(value)), value)
    wrapped = {"first": 1, "inside": [{"deep": value}], "last": "z"}
    if "levels" not in name:
        assert same(TYPED.decode(TYPED.encode(wrapped)), wrapped)


def test_whether_a_uuid_is_safe_arrives_too() -> None:
    one = uuid1()
    assert TYPED.decode(TYPED.encode(one)).is_safe is one.is_safe


class Zone(tzinfo):
    def utcoffset(self, when: datetime | None) -> timedelta:
        return timedelta(0)

    def dst(self, when: datetime | None) -> None:
        return None

    def tzname(self, when: datetime | None) -> str:
        return "own"


@dataclass
class Local:
    held: Any = None


def local_class() -> Any:
    @dataclass
    class Inside:
        a: int = 1

    class Colour(Enum):
        RED = 1

    return Inside(), Colour.RED


def with_more() -> Any:
    made = own.Point(1)
    made.z = 5  # type: ignore[attr-defined]
    return made


def replaced() -> Any:
    kind: Any = dataclass(type("Point", (), {"__annotations__": {"x": int}, "x": 1, "__module__": own.__name__}))
    return kind()


REFUSED = {
    "a lock": (threading.Lock(), "belongs to this process"),
    "an open file": (io.TextIOWrapper(io.BytesIO()), "an open file"),
    "a generator": ((one for one in [1]), "send list"),
    "a map": (map(str, ()), "send list"),
    "a function": (len, "only data travels"),
    "a lambda": (lambda: None, "only data travels"),
    "a class": (int, "this is a class"),
    "a module": (sys, "only data travels"),
    "an object": (object(), "only plain data"),
    "a namespace": (SimpleNamespace(a=1), "only plain data"),
    "an exception": (ValueError("hunter2"), "send what it says"),
    "a memoryview": (memoryview(b"hunter2"), "send bytes"),
    "views of a dict": ({"hunter2": 1}.keys(), "send list"),
    "a named tuple": (Pair(1, 2), "send tuple"),
    "an OrderedDict": (OrderedDict(a=1), "send dict"),
    "a defaultdict": (defaultdict(int), "send dict"),
    "a Counter": (Counter("a"), "send dict"),
    "a deque": (deque([1]), "send list"),
    "a subclass of str": (own.Text("hunter2"), r"would arrive as str: send str"),
    "a subclass of int": (own.Number(1), "send int"),
    "a subclass of float": (own.Real(1), "send float"),
    "a subclass of bytes": (own.Raw(b"hunter2"), "send bytes"),
    "a subclass of dict": (own.Table(a=1), "send dict"),
    "a subclass of list": (own.Row([1]), "send list"),
    "a time zone of one's own": (datetime(2024, 1, 1, tzinfo=Zone()), "its time zone is of type .*Zone"),
    "a local dataclass": (local_class()[0], "inside a function"),
    "a local Enum": (local_class()[1], "inside a function"),
    "a dataclass with more than its fields": (with_more(), "beside its fields, as 'z'"),
    "a dataclass that is a list": (own.Listed(), "derived from one that keeps data of its own"),
    "a dataclass that is an exception": (own.Failing(), "derived from one that keeps data of its own"),
    "a class that was replaced": (replaced(), "is not what .*Point names now"),
    "a ring": (ring(), "it holds itself"),
    "a ring of tuples": (ring_of_tuples(), "it holds itself"),
    "10,000 lists": (nested(10_000, lambda it: [it]), "levels deep"),
    "10,000 tuples": (nested(10_000, lambda it: (it,)), "levels deep"),
    "10,000 dicts": (nested(10_000, lambda it: {"a": it}), "levels deep"),
    "10,000 dataclasses": (nested(10_000, own.Point), "levels deep"),
}
PLACES: dict[str, tuple[Callable[[Any], Any], str]] = {
    r'["curve"][1].x': (lambda it: {"curve": [1, own.Point(it)]}, r'\["curve"\]\[1\]\.x'),
    "[2][0]": (lambda it: (1, 2, (it,)), r"\[2\]\[0\]"),
    "[key 1]": (lambda it: {1: 1, 2: it}, r"\[key 1\]"),
    "[key 0] of a long key": (lambda it: {"hunter2" * 10: it}, r"\[key 0\]"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_kept_is_refused_with_the_reason(name: str) -> None:
    value, reason = REFUSED[name]
    with pytest.raises(
        EncodingError, match=rf"a value of type .* cannot be sent with codec 'typed': .*{reason}"
    ) as why:
        TYPED.encode(value)
    assert "hunter2" not in str(why.value)


@pytest.mark.parametrize("name", [name for name in REFUSED if "10,000" not in name])
@pytest.mark.parametrize("place", PLACES)
def test_what_is_refused_is_named_by_its_place(place: str, name: str) -> None:
    wrap, shown = PLACES[place]
    value, reason = REFUSED[name]
    with pytest.raises(EncodingError, match=rf" at {shown}.* cannot be sent with codec 'typed': .*{reason}") as why:
        TYPED.encode(wrap(value))
    assert "hunter2" not in str(why.value)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({own.Text("a"): 1}, r"\[key 0 itself\]"),
        ({"a": {(1, threading.Lock()): 2}}, r'\["a"\]\[key 0 itself\]\[1\]'),
        ([{1: 1, own.Number(2): 2}], r"\[0\]\[key 1 itself\]"),
        ({"a": {threading.Lock()}}, r'\["a"\]\{…\}'),
        ({memoryview(b"a"): 1}, r"\[key 0 itself\]"),
    ],
)
def test_keys_and_members_are_refused_at_their_place(value: Any, place: str) -> None:
    with pytest.raises(EncodingError, match=f"at {place} cannot be sent"):
        TYPED.encode(value)


def test_a_codec_that_keeps_what_was_refused_is_named_and_does_keep_it() -> None:
    pickle = codec_of("pickle")
    for value, _ in REFUSED.values():
        with pytest.raises(EncodingError) as why:
            TYPED.encode(value)
        if "codec 'pickle' keeps it" in str(why.value):
            assert type(pickle.decode(pickle.encode(value))) is type(value)


def test_a_dataclass_is_made_again_without_running_its_code() -> None:
    made = own.KeywordOnly.made
    sent = TYPED.encode(own.KeywordOnly(count=3, factor=5))
    before = len(made)
    found = TYPED.decode(sent)
    assert (found.count, found.double, len(made)) == (3, 15, before)


def test_what_a_dataclass_has_cached_stays_behind() -> None:
    value = own.Cached(3)
    assert value.square == 9
    found = TYPED.decode(TYPED.encode(value))
    assert vars(found) == {"base": 3}
    assert found.square == 9


def test_fields_that_are_not_set_stay_so() -> None:
    found = TYPED.decode(TYPED.encode(own.Unset(1)))
    assert found.first == 1
    assert not hasattr(found, "second")


def test_objects_of_a_class_with_other_fields_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = TYPED.encode(own.Point(1.0, 2))
    changed = make_dataclass("Point", ["a", "b"])
    changed.__module__ = own.__name__
    monkeypatch.setattr(own, "Point", changed)
    with pytest.raises(EncodingError, match=r"dataclass Point .* came with the fields x, y, and has a, b here"):
        codec_of("typed").decode(sent)


def test_members_that_an_enum_has_not_got_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = TYPED.encode(own.Side.BUY)
    monkeypatch.setattr(own, "Side", Enum("Side", {"HOLD": 1}, module=own.__name__))
    with pytest.raises(EncodingError, match=r"Enum Side of module .* has no member 'BUY' here"):
        codec_of("typed").decode(sent)


@pytest.mark.parametrize(
    "name", ["Renamed", "Side.__class__", "Holder.held", "made_when_asked", "environ", "__builtins__", "Side.BUY"]
)
def test_a_class_is_found_by_its_own_name_only(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for other, value in (
        ("Renamed", own.Side),
        ("Holder", type("Holder", (), {"held": own.Side})),
        ("environ", os.environ),
        ("__getattr__", lambda _name: own.Side),
    ):
        monkeypatch.setattr(own, other, value, raising=False)
    with pytest.raises(EncodingError, match=r"that name only|cannot be found here|is neither an Enum nor"):
        Classes().find(own.__name__, name)


def test_a_class_that_is_not_here_is_named_with_where_was_looked() -> None:
    sent = TYPED.encode(own.Side.BUY).replace(b"tests.model", b"tests.nodel")
    classes = Classes(folders=("/home/client/src",))
    with pytest.raises(
        EncodingError,
        match=r"class Side of module 'tests.nodel.codec_classes' cannot be found here: ModuleNotFoundError.*; "
        r"this side imports from .*; the other side from /home/client/src",
    ):
        codec_of("typed", classes=classes).decode(sent)


@pytest.mark.parametrize(
    ("module", "name", "reason"),
    [
        ("os", "system", "neither an Enum nor a dataclass"),
        ("subprocess", "Popen", "neither an Enum nor a dataclass"),
        ("builtins", "object.__subclasses__", "no such class"),
        ("tests.model.codec_classes", "Nobody", "no such class"),
        ("tests.model.codec_classes", "sys.modules", "no such class"),
        ("", "x", "ValueError"),
        (".", "x", "TypeError"),
        ("no.such.module", "x", "ModuleNotFoundError"),
    ],
)
def test_only_enums_and_dataclasses_are_found(module: str, name: str, reason: str) -> None:
    with pytest.raises(EncodingError, match=reason):
        Classes().find(module, name)


def test_a_side_may_allow_some_classes_and_import_none() -> None:
    sent = TYPED.encode(own.Side.BUY)
    asked: list[str] = []

    def allow(name: str) -> bool:
        asked.append(name)
        return False

    codec = codec_of("typed", classes=Classes(allow=allow))
    with pytest.raises(EncodingError, match="not among the classes that are allowed here"):
        codec.decode(sent)
    assert asked == ["tests.model.codec_classes:Side"]
    with pytest.raises(EncodingError, match="for a session of others nothing is"):
        Classes(importing=False).find("this", "Zen")
    assert "this" not in sys.modules


def test_classes_of_the_script_go_by_its_name_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "__main__", own)
    sent = codec_of("typed").encode([own.Side.BUY, own.Point(1)])
    assert b"codec_classes" not in sent
    monkeypatch.undo()
    with pytest.raises(EncodingError, match=r"class .* of module '__main__' cannot be found here"):
        TYPED.decode(sent)
    assert codec_of("typed", classes=Classes(load_main=lambda: own)).decode(sent)[0] is own.Side.BUY


# --- any value ------------------------------------------------------------

zones = st.none() | st.just(UTC) | st.sampled_from([BERLIN, timezone(timedelta(hours=3), "X")])
atoms: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.complex_numbers(),
    st.decimals().filter(lambda it: not it.is_snan()),
    st.fractions(),
    st.datetimes(timezones=zones),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.sampled_from([*own.Side, *own.Level, own.Right(3), own.Currency.USD]),
    st.builds(range, st.integers()),
    st.text(st.characters(codec=None, exclude_characters="\0")).map(PurePosixPath),
    st.builds(own.FrozenSlots, st.integers()),
)
keys = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3), max_leaves=4
)
values = st.recursive(
    atoms | st.binary().map(bytearray),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.sets(keys, max_size=3),
        st.dictionaries(st.text(), inner, max_size=4),
        st.dictionaries(keys, inner, max_size=3),
        st.builds(own.Point, inner, inner),
        st.builds(own.Slotted, inner, inner),
    ),
    max_leaves=15,
)


@given(values)
def test_any_value_of_the_kept_types_arrives_as_it_was(value: Any) -> None:
    assert same(TYPED.decode(TYPED.encode(value)), value)


@given(values, st.data())
def test_altered_bytes_are_a_value_or_an_error_of_ours(value: Any, data: st.DataObject) -> None:
    sent = bytearray(TYPED.encode(value))
    for _ in range(data.draw(st.integers(1, 3))):
        # The bounds say nothing of the length: what an equal value is sent as may differ, as a set's order.
        at = data.draw(st.integers(0, 1 << 16)) % (len(sent) or 1)
        sent[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    with suppress(EncodingError):
        TYPED.decode(bytes(sent))


def ext(tag: int, data: bytes) -> bytes:
    return ormsgpack.packb(ormsgpack.Ext(tag, data))


def parts(*table: Any) -> bytes:
    return ext(64, ormsgpack.packb(list(table)))


def chain(length: int, tag: int) -> bytes:
    """Return parts that each hold the next one."""
    refer = [b"\x91" + ext(65, index.to_bytes(4, "little")) for index in range(1, length)]
    return parts(*(item for one in [*refer, b"\x90"] for item in (tag, one)))


NO_VALUES = [
    *[b"", b"\xc1", b"\x91", b"\xa1\xff", b"\x81\x01\x01", b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"],
    *[b"\x91" * 100_000, b"\x81\xa1a" * 100_000, b"\xc9\xff\xff\xff\xff\x01", ext(127, b""), ext(5, b"ten")],
    *[ext(6, b"\x92\x01\x00"), ext(7, b"today"), ext(7, b"\x93\xa1x\x00\xc0"), ext(8, b""), ext(10, b"\x91\xa1x")],
    *[ext(12, b"short"), ext(13, b"\x93\x01\x01\x00"), ext(14, b"NoPath:x"), ext(14, b"\xff"), ext(4, b"x")],
    *[ext(11, ormsgpack.packb("Mars/Olympus")), ext(11, b"\x93\x7f\x00\x00"), ext(40, b""), ext(40, b"\x90")],
    *[ext(40, ormsgpack.packb(["os", "system", "x"])), ext(40, ormsgpack.packb([[], {}, None, "x"]))],
    *[ext(64, b""), ext(64, b"\x90"), ext(64, b"\xc0"), parts(0), parts(0, 1), parts("x", b"\x90"), parts(99, b"\x90")],
    *[parts(0, ext(65, b"")), parts(0, ext(65, b"\0\0\0\0")), parts(0, parts(0, b"\x01")), parts(33, b"\x91\x90")],
    *[parts(32, b"\x01"), parts(35, b"\x91\x01"), parts(35, b"\x92\x90\x01"), parts(36, b"\x90")],
    *[parts(36, b"\x93\x01\x01\x01"), parts(32, b"\x92" + 2 * ext(65, b"\1\0\0\0"), 32, b"\x90")],
    *[chain(300, 32), chain(10_000, 32), chain(10_000, 33)],
    b"\x91" * 1000 + parts(0, b"\x91" * 1000 + parts(0, b"\x91" * 1000 + b"\x01")),
]


@pytest.mark.parametrize("data", NO_VALUES, ids=range(len(NO_VALUES)))
def test_bytes_that_are_no_value_are_refused(data: bytes) -> None:
    with pytest.raises(EncodingError):
        TYPED.decode(data)


@pytest.mark.parametrize("wrap", [lambda it: it, lambda it: {"a": [it]}, lambda it: (it, 1)])
def test_an_error_of_the_users_class_is_told_by_its_type(wrap: Callable[[Any], Any]) -> None:
    with pytest.raises(
        EncodingError, match=r"Moody.* cannot be sent with codec 'typed': it raised ZeroDivisionError"
    ) as why:
        TYPED.encode(wrap(own.Moody(ZeroDivisionError("hunter2"))))
    assert "hunter2" not in str(why.value)
    with pytest.raises(KeyboardInterrupt):
        TYPED.encode(wrap(own.Moody(KeyboardInterrupt())))


def test_many_threads_use_one_codec() -> None:
    found: list[bool] = []

    def work(number: int) -> None:
        value = {"a": (number, [Decimal(number)], {number: bytearray(b"x")})}
        found.append(all(same(TYPED.decode(TYPED.encode(value)), value) for _ in range(300)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4
