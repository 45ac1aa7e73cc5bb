"""References to shared inputs as arguments of calls: each arrives as its value."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from htcgrid import Grid, RetryPolicy
from htcgrid.errors import ConfigError, EncodingError, PayloadLostError, TaskFailedError
from htcgrid.model import SessionId, SharedInput, SharedRef
from tests.connector import calls

ONCE = RetryPolicy(tries=1)
CURVE = [0.01, 0.02]
#: The codec of the calls, and that of the shared input.
CODECS = [("json", "json"), ("json", "msgpack"), ("json", "pickle"), ("json", "bytes"), ("msgpack", "json")]
CODECS += [("msgpack", "bytes"), ("pickle", "json"), ("pickle", "pickle"), ("pickle", "bytes")]


def call(grid: Grid, way: str, codec: str, *args: Any, **kwargs: Any) -> Any:
    """Return what a function was called with, by one of the ways of calling it."""
    function: Any = calls.show if codec != "pickle" else lambda *a, **k: [list(a), k]
    if way == "map":
        return next(grid.map(function, *[[value] for value in args], codec=codec, retry=ONCE))
    with grid.executor(codec=codec) as executor:
        return executor.submit(function, *args, **kwargs).result(timeout=30)


@pytest.fixture(scope="module")
def put(grid: Grid) -> Callable[[str], SharedRef]:
    """Return the reference to a curve, put with a codec."""
    made: dict[str, SharedRef] = {}

    def ref(codec: str) -> SharedRef:
        if codec not in made:
            made[codec] = grid.put(b"curve" if codec == "bytes" else CURVE, codec=codec)
        return made[codec]

    return ref


@pytest.mark.parametrize(("codec", "shared"), CODECS)
@pytest.mark.parametrize("way", ["map", "executor"])
def test_a_reference_as_an_argument_arrives_as_its_value(
    grid: Grid, put: Callable[[str], SharedRef], way: str, codec: str, shared: str
) -> None:
    function: Any = calls.kind_and_length
    ref = put(shared)
    wanted = ["bytes", 5] if shared == "bytes" else ["list", 2]
    if way == "map":
        assert list(grid.map(function, [ref] * 3, codec=codec)) == [wanted] * 3
    else:
        with grid.executor(codec=codec) as executor:
            assert executor.submit(function, ref).result(timeout=30) == wanted
            assert executor.submit(function, data=ref).result(timeout=30) == wanted


@pytest.mark.parametrize("codec", ["json", "msgpack", "pickle"])
@pytest.mark.parametrize("way", ["map", "executor"])
def test_only_what_is_a_reference_by_itself_is_replaced(
    grid: Grid, put: Callable[[str], SharedRef], way: str, codec: str
) -> None:
    ref = put("json")
    others: list[Any] = [
        [ref],
        {"curve": ref},
        f"see {ref}",
        ref[:-1],
        "htcgrid-shared:",
        "htcgrid-shared:a:b:c:d",
        ref,
    ]
    assert call(grid, way, codec, *others) == [[*others[:-1], CURVE], {}]


def test_text_is_no_reference_where_a_codec_tells_them_apart(grid: Grid, put: Callable[[str], SharedRef]) -> None:
    text = str(put("json"))
    assert type(text) is str
    for codec, arrives in (("pickle", text), ("json", CURVE), ("msgpack", CURVE)):
        assert call(grid, "executor", codec, text) == [[arrives], {}]


def test_references_and_values_are_mixed(grid: Grid, put: Callable[[str], SharedRef]) -> None:
    ref = put("json")
    assert list(grid.map(calls.add, [ref, [1], ref], [[3], ref, ref])) == [[*CURVE, 3], [1, *CURVE], CURVE * 2]
    for codec in ("json", "msgpack", "pickle"):
        assert call(grid, "executor", codec, 1, ref, three=ref, four=4) == [[1, CURVE], {"three": CURVE, "four": 4}]


def test_a_reference_is_text_as_it_always_was(grid: Grid, put: Callable[[str], SharedRef]) -> None:
    ref = put("json")
    assert isinstance(ref, str)
    assert ref == str(ref)
    assert {ref: 1} == {str(ref): 1}
    for codec in ("json", "msgpack", "pickle"):
        (back,) = grid.submit("tests.agent.jobs:echo", [{"curve": ref}], codec=codec).results(timeout=30)
        assert back == {"curve": ref}
        assert grid.submit("tests.connector.calls:shared", [ref], codec=codec).results(timeout=30) == [CURVE]


def lost(ref: SharedRef) -> SharedRef:
    """Return a reference whose data is nowhere."""
    return SharedRef(ref.replace("htcgrid-shared:shared-", "htcgrid-shared:shared-0"))


WRONG: list[tuple[Callable[[SharedRef], SharedRef], type[Exception], str]] = [
    (lost, PayloadLostError, "is not in the payload store any more: put it again"),
    (lambda _: SharedRef("curve"), ConfigError, "a shared input is named by what grid.put returned"),
    (lambda ref: SharedRef(ref[:-1]), ConfigError, "a shared input is named by what grid.put returned"),
    (lambda ref: SharedRef(f"{ref}:"), ConfigError, "a shared input is named by what grid.put returned"),
    (lambda ref: SharedRef(ref.replace(":json:", ":yaml:")), ConfigError, "there is no codec 'yaml'"),
    (lambda ref: SharedRef(ref.replace(":json:", ":msgpack:")), EncodingError, "cannot be decoded as MessagePack"),
]


@pytest.mark.parametrize(("spoil", "error", "message"), WRONG)
@pytest.mark.parametrize("way", ["map", "executor"])
def test_a_wrong_reference_fails_its_call_as_it_would_in_the_function(
    grid: Grid, way: str, spoil: Callable[[SharedRef], SharedRef], error: type[Exception], message: str
) -> None:
    # Of its own: what is known under its digest would be found. As MessagePack, such text has no end.
    ref = spoil(grid.put(f"put for {way}, {message}", codec="json"))
    with pytest.raises(error, match=message):
        call(grid, way, "pickle", ref)


def test_a_lost_reference_fails_a_named_call_at_its_first_try_and_no_other(grid: Grid) -> None:
    ref = grid.put("put under another name, and lost")
    results = grid.map(len, [lost(ref), "four"], return_exceptions=True, retry=RetryPolicy(tries=3))
    failed, four = results
    assert four == 4
    assert isinstance(failed, TaskFailedError)
    assert "after 1 try" in str(failed)
    assert "PayloadLostError" in str(failed)


def test_the_codec_of_bytes_refuses_a_reference_in_words(grid: Grid, put: Callable[[str], SharedRef]) -> None:
    with grid.executor(codec="bytes") as executor:
        with pytest.raises(EncodingError, match="SharedRef cannot be sent with codec 'bytes'"):
            # As a type checker would say, too.
            executor.submit(calls.length, put("bytes"))  # type: ignore[arg-type]
        # Bytes that look like one are bytes.
        assert executor.submit(calls.length, put("bytes").encode()).result(timeout=30) == b"%d" % len(put("bytes"))


def test_a_shared_input_has_a_place_of_its_own_in_its_session() -> None:
    one, two = (SharedInput.of(SessionId("s"), "bytes", data) for data in (b"1", b"2"))
    assert one.key != two.key
    assert one.key.startswith("s/shared/")


def test_what_was_put_for_a_moment_is_lost_and_no_riddle(grid: Grid) -> None:
    ref = grid.put("for a moment", keep_for=timedelta(days=1))
    assert grid._payloads.get([key_of(ref)])
    grid._payloads.delete([key_of(ref)])
    with pytest.raises(PayloadLostError, match="with a longer keep_for"):
        call(grid, "executor", "pickle", ref)


def key_of(ref: SharedRef) -> str:
    """Return where a payload store has a shared input."""
    _, session, _, _, digest = ref.split(":")
    return f"{session}/shared/{digest}"
