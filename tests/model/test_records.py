"""Records: what makes two of them the same, and what is no record."""

import subprocess
import sys
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htcgrid.errors import ConfigError, EncodingError
from htcgrid.model import (
    Block,
    BundleKey,
    Failure,
    Hint,
    KeepOutput,
    Pack,
    RetryPolicy,
    Session,
    SessionId,
    SessionState,
    SessionStatus,
    child_birth,
    pack_blocks,
    pack_payloads,
    unpack_blocks,
    unpack_payloads,
    utcnow,
)


def session(**fields: Any) -> Session:
    given: dict[str, Any] = {"id": SessionId("s"), "handler": "m:f", "created": utcnow()}
    return Session(**given | fields)


def test_the_digest_of_a_session_is_that_of_what_was_asked_for() -> None:
    first = session(labels={"a": "1", "b": "2"})
    assert first.digest == session(labels={"b": "2", "a": "1"}).digest
    # By which Python somebody goes on with a submission is no part of it.
    assert first.digest == session(labels=first.labels, codec_options={"python": {"version": "3.12"}}).digest
    others = [
        session(),
        session(handler="m:g"),
        session(priority=2),
        session(pool="gpu"),
        session(timeout=timedelta(seconds=1)),
        session(retry=RetryPolicy(tries=1)),
        session(codec="bytes"),
        session(calls=True),
        session(keep_for=timedelta(days=8)),
        session(output=KeepOutput.ALL),
        session(id=SessionId("t")),
    ]
    assert len({first.digest, *(other.digest for other in others)}) == len(others) + 1


def test_the_digest_of_a_session_is_the_same_in_every_process() -> None:
    code = """
from datetime import UTC, datetime
from htcgrid.model import Session, SessionId
print(Session(id=SessionId("s"), handler="m:f", created=datetime.now(UTC), labels={"a": "1"}).digest)
"""
    shown = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert shown == {f"{session(labels={'a': '1'}).digest}\n".encode()}


@pytest.mark.parametrize("name", ["a", "A.b_c-9", "0", "x" * 80])
def test_plain_ids_are_taken(name: str) -> None:
    assert session(id=SessionId(name)).id == name


@pytest.mark.parametrize("name", ["", "x" * 81, "-a", ".a", "a/b", "a b", "ä", "a\n", "..", "a\0"])
def test_ids_that_would_not_do_in_a_key_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is not usable: 1 to 80 letters"):
        session(id=SessionId(name))
    with pytest.raises(ConfigError, match="is not usable: 1 to 80 letters"):
        session(pool=name)


@pytest.mark.parametrize(
    "fields",
    [
        {"tries": 0},
        {"tries": 1001},
        {"tries": 2.0},
        {"tries": True},
        {"backoff": -1},
        {"backoff": "1"},
        {"limit": float("nan")},
        {"limit": timedelta(seconds=-1)},
    ],
)
def test_a_retry_policy_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"retry {next(iter(fields))} must be"):
        RetryPolicy(**fields)


@given(st.integers(1, 1000), st.floats(0, 1))
def test_waits_double_up_to_a_limit_and_are_spread(tries: int, jitter: float) -> None:
    policy = RetryPolicy(backoff=timedelta(seconds=1), limit=timedelta(seconds=60))
    full = min(60.0, 2.0 ** min(tries - 1, 60))
    assert full / 2 <= policy.wait(tries, jitter).total_seconds() <= full
    assert RetryPolicy(backoff=timedelta(0)).wait(tries, jitter) == timedelta(0)


def test_every_child_has_a_name_of_its_own() -> None:
    parent = BundleKey(SessionId("s"), 0)
    births = [child_birth(parent, attempt) for attempt in range(1, 50)]
    grandchild = child_birth(BundleKey(SessionId("s"), 0, births[0]), 1)
    assert len({parent.birth, grandchild, *births}) == 51
    assert births == [child_birth(parent, attempt) for attempt in range(1, 50)]
    assert len(grandchild) == len(births[0])


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_payloads_are_unpacked_as_they_were_packed(payloads: list[bytes]) -> None:
    pack = Pack.of(pack_payloads(payloads))
    assert pack.data is not None
    assert unpack_payloads(pack.moved_to("key").checked(pack.data)) == payloads


def test_outcomes_are_unpacked_as_they_were_packed() -> None:
    failure = Failure(type="ValueError", message="no", traceback="somewhere", final=True)
    blocks = [Block(3, [b"1", None], 1.5, [10, 20], "a/0", {4: failure}, {4: 3}), Block(9, [b""], 2.5, [0], "a/1")]
    assert unpack_blocks(pack_blocks(blocks)) == blocks
    assert [block.stop for block in blocks] == [5, 10]


@given(st.binary(min_size=1, max_size=100), st.data())
def test_a_pack_with_one_changed_byte_is_not_taken_for_the_one_that_was_written(
    data: bytes, draw: st.DataObject
) -> None:
    place = draw.draw(st.integers(0, len(data) - 1))
    changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    pack = Pack.of(data).moved_to("s/in/0")
    for other in (changed, data[:-1], data + b"\0", b""):
        with pytest.raises(EncodingError, match="the bytes of pack s/in/0 are not those that were written"):
            pack.checked(other)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x91", b"\x91\xc0"])
def test_what_is_no_pack_is_refused(data: bytes) -> None:
    with pytest.raises(EncodingError, match="cannot be read"):
        unpack_payloads(data)
    with pytest.raises(EncodingError, match="cannot be read"):
        unpack_blocks(data)


def test_a_record_with_fields_of_a_later_version_is_read() -> None:
    hint = Hint(key=BundleKey(SessionId("s"), 0))
    later = msgspec.msgpack.encode(msgspec.to_builtins(hint) | {"colour": "red"})
    assert msgspec.msgpack.decode(later, type=Hint) == hint


def test_a_status_is_short_where_somebody_prints_it() -> None:
    status = SessionStatus(
        session=session(), state=SessionState.SEALED, total=9, succeeded=4, failed=1, cancelled=0, running=2
    )
    assert repr(status) == "<SEALED session s of 9 tasks: 4 succeeded, 1 failed, 0 cancelled, 2 running, 2 pending>"
