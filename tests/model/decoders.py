"""What decodes bytes that others wrote, what each may raise, and something that it reads."""

import importlib
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import msgspec

from htcgrid.cli.document import decoded
from htcgrid.config import read_config
from htcgrid.errors import ConfigError, EncodingError, UnreadableError
from htcgrid.local import roster
from htcgrid.model import (
    AgentId,
    AgentReport,
    Block,
    BundleKey,
    Entry,
    Failure,
    Hint,
    Pack,
    Part,
    Printed,
    Ranges,
    Session,
    SessionId,
    pack_blocks,
    pack_payloads,
    unpack_blocks,
    unpack_payloads,
)
from htcgrid.model.call import PickledCall, read_call, write_call
from htcgrid.model.client_process import ClientProcess
from htcgrid.model.codec import codec_of
from htcgrid.model.decoding import Row, number_of
from htcgrid.model.function_layout import join_function, split_function
from htcgrid.model.header import session_decoder
from htcgrid.model.shared import SharedInput, parse_shared
from htcgrid_agent.workers.messages import Report

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SESSION = Session(id=SessionId("s"), handler="m:f", created=NOW, labels={"a": "b"}, timeout=timedelta(seconds=3))
KEY = BundleKey(SessionId("s"), 3)
BLOCK = Block(3, [b"1", None], 1.5, [3, 4], "a/0", {4: Failure(type="E", message="m")}, {4: 2}, {3: Printed("x")}, "")
REPORT = AgentReport(id=AgentId("a"), started=NOW, handlers=("m:*",), usage={"calls": 1.5})
ENTRY = Entry(parts=(Part(KEY, Ranges.of((3, 5)), Ranges(), Pack.of(b"x")),), committed=NOW)


class Kind(msgspec.Struct):
    """A decoder, what it may raise, and something that it reads."""

    read: Callable[[bytes], Any]
    raises: type[Exception]
    sample: bytes


def of_text(read: Callable[[str], Any]) -> Callable[[bytes], Any]:
    return lambda data: read(data.decode("utf-8", "replace"))


def client(data: bytes) -> ClientProcess:
    return ClientProcess.taken({"HTCGRID_CLIENT_0": data.decode("utf-8", "replace")})


def toml(data: bytes) -> object:
    with NamedTemporaryFile(suffix=".toml") as file:
        Path(file.name).write_bytes(data)
        return read_config(Path(file.name))


def codec(name: str, value: Any) -> Kind:
    one = codec_of(name)
    return Kind(one.decode, EncodingError, one.encode(value))


def columns(row: Row[Any]) -> Callable[[bytes], Any]:
    """Return what reads columns that are packed; a store holds them in any type."""

    def read(data: bytes) -> Any:
        try:
            found = msgspec.msgpack.decode(data)
        except Exception:  # noqa: BLE001 - it has no columns
            return None
        return row(found, "x")

    return read


pack = msgspec.msgpack.encode
_LINE = {"line": "x", "worker": 1, "stream": "stderr"}
_TROUBLE = {"call": "c", "error": "e", "timestamp": "2026-01-01T00:00:00Z"}
_PROCESS = roster.AgentRecord(id=AgentId("a"), pool="p", pid=1, mark="m", started=NOW, host="h")
_MORE = (None, Failure(type="E", message="m"), Printed("x"))
#: Something that each decoder of bytes, and of rows, reads, by the name of its place.
SAMPLES: dict[str, bytes] = {
    "htcgrid.connector.agent_trouble._decode": msgspec.json.encode(_TROUBLE),
    "htcgrid.connector.handler_output._decode": msgspec.json.encode(_LINE),
    "htcgrid.local.backlog._decode": pack(REPORT),
    "htcgrid.local.backlog._row": pack(["s", 1, 0, "0", 4, 1, 0]),
    "htcgrid.local.cancels._row": pack([1, 1, 9, 2, 3, 1, 0, 2]),
    "htcgrid.local.hints._decode": pack(Hint(key=KEY)),
    "htcgrid.local.inspection._agent_row": pack(["a", 1.5e9, pack(REPORT)]),
    "htcgrid.local.inspection._bundle_row": pack([0, "0", 4, 1, 1.5e9, 2, "a", 0, 1, None, pack({1: 2})]),
    "htcgrid.local.inspection._decode": pack(REPORT),
    "htcgrid.local.inspection._submitted_row": pack([0, 4, "d", 9, None, b"x"]),
    "htcgrid.local.leasing._row": pack([b"h", 1, 9, 4, 0, 1, None, None, 0, 0, "d", 9, None, b"x", 0]),
    "htcgrid.local.reaping._ripe": pack(["s", 1, 0, "0", "p", 1, 4, 1, 0]),
    "htcgrid.local.reaping._running": pack(["s", 1, 0, "0", 1, 1, "a", 30.0]),
    "htcgrid.local.record._decode_spans": pack([[0, 3], [5, 9]]),
    "htcgrid.local.record._decode_tries": pack({1: 2, 3: 4}),
    "htcgrid.local.record._row": pack([1, 9, 2, 1, 3, 3, "p", 1, 4, 0, 1, "n", 0, 0, None, None]),
    "htcgrid.local.reports._decode_entry": pack(ENTRY),
    "htcgrid.local.reports._log_row": pack([1, 9, 3, 2]),
    "htcgrid.local.reports._status_row": pack(["s", pack(SESSION), 1, 9, 2, 1, 0, 3]),
    "htcgrid.local.roster._decode": msgspec.json.encode(_PROCESS),
    "htcgrid.local.submissions._row": pack(["d", 1, "p", 1, 0, 9]),
    "htcgrid.model.call._decode": pack(PickledCall(b"f", b"a")),
    "htcgrid.model.outcome._decode": pack_blocks([BLOCK]),
    "htcgrid.model.pack._decode": pack_payloads([b"1", b"22"]),
    "htcgrid_agent.shell.journal_reader._decode": pack(_MORE),
    "htcgrid_agent.shell.process._decode": pack(Report(1, BLOCK, done=True)),
    "htcgrid_redis.inspection._decode": pack(REPORT),
    "htcgrid_redis.queue._decode": msgspec.json.encode(Hint(key=KEY)),
    "htcgrid_redis.records._decode_entry": pack([1, False, [[0, "0", [0, 4], [], Pack.of(b"x")]]]),
    "htcgrid_redis.records._decode_pack": pack(Pack.of(b"x")),
    "htcgrid_redis.records._decode_record": pack([4, 0, 1, 2, "n", "a", 5, 6, 0, 0, [0, 4], [1, 1], 7, 0]),
    "htcgrid_redis.records._decode_won": pack([1, 0, [0, 4], [1, 1], 0, 0, "b"]),
    "htcgrid_redis.records._status_row": pack([1, 9, 2, 1, 3]),
}


def of_module(name: str) -> Kind:
    """Return the decoder of a place in the code."""
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module), attribute)
    return Kind(columns(found) if isinstance(found, Row) else found, UnreadableError, SAMPLES[name])


VALUE: dict[str, Any] = {"numbers": [1, 2.5, None], "text": "é", "deep": [[[[]]]]}
KINDS: dict[str, Kind] = {name: of_module(name) for name in SAMPLES} | {
    # What is decoded in other ways, or checked by more than its decoder.
    "the header of a session": Kind(
        lambda data: session_decoder()(data, SessionId("s")), UnreadableError, pack(SESSION)
    ),
    "a document": Kind(lambda data: decoded(data, "it"), EncodingError, b'[{"a": [1, 2.5, null, "x"]}]'),
    "a grid.toml": Kind(toml, ConfigError, b'[state]\nprovider = "local"\npath = "x"\n[agent]\nworkers = 2\n'),
    "payloads": Kind(unpack_payloads, EncodingError, pack_payloads([b"1", b"22"])),
    "outcomes": Kind(unpack_blocks, EncodingError, pack_blocks([BLOCK])),
    "a call": Kind(read_call, EncodingError, write_call(PickledCall(b"f", b"a"))),
    "a function": Kind(split_function, EncodingError, join_function(b"pickle", [memoryview(b"x" * 64)])),
    "a shared input": Kind(
        of_text(parse_shared), ConfigError, SharedInput.of(SessionId("s"), "json", b"x").ref.encode()
    ),
    "a client's process": Kind(client, ConfigError, json.dumps({"argv": ["a"], "path": ["/x"]}).encode()),
    "a number": Kind(of_text(number_of), ConfigError, b"123"),
    "JSON": codec("json", VALUE),
    "MessagePack": codec("msgpack", VALUE),
    "typed values": codec("typed", {"when": NOW, "set": {1, 2}, "tuple": (1, "x"), "bytes": b"y"}),
    "bytes": codec("bytes", b"x"),
}
#: What has broken decoders.
ODD = (
    b"",
    b"\xff",
    b"\xc1",
    b"\x91" * 5000,
    b"[" * 5000,
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x01",
    b"9" * 5000,
    b'"\xed\xa0\x80"',
    b"\xa2\xff\xff",
    b"\xcf" + b"\xff" * 8,
    b"\xcb\x7f\xf0" + b"\0" * 6,
    b"htcgrid-shared:s:json:" + b"9" * 5000 + b":" + b"0" * 64,
    b'{"argv": 5}',
    b"null",
    b"\0" * 16,
    b"\xff" * 8,
)


#: What may stand where another value is expected: numbers at the bounds of what holds them, and other types.
_BOUNDS = (7, 8, 15, 16, 31, 32, 53, 63, 64)
_OTHERS: tuple[Any, ...] = (
    *(n for bits in _BOUNDS for n in (2**bits - 1, 2**bits, -(2**bits)) if -(2**63) <= n < 2**64),
    *(0, -1, 0.0, -0.0, 1e-320, 1e308, 2.0**53, 253_402_300_799, 253_402_300_800.0, -62_135_596_801.0, 10**15 + 1),
    *(float("inf"), float("-inf"), float("nan")),
    *(
        "",
        "0",
        "x" * 300,
        "\0",
        "9" * 400,
        "\ue000",
        "2026-01-01T00:00:00",
        "9999-12-31T23:59:60Z",
        "P1D",
        "P99999999D",
    ),
    *(b"", b"\xff\xfe", b"\x91" * 200, None, True, False, [], {}, [[]], {"": None}, {1: 2}, [0] * 300),
    msgspec.msgpack.Ext(-1, b"\xff" * 12),
    msgspec.msgpack.Ext(-1, b"\xff" * 4),
    msgspec.msgpack.Ext(5, b"x"),
)
_DEEP = 400


def bent(data: bytes, seed: int) -> bytes:
    """Return an encoding of nearly the same value; other bytes where these are no encoding."""
    rng = random.Random(seed)
    for read, write in ((msgspec.msgpack.decode, pack), (msgspec.json.decode, msgspec.json.encode)):
        try:
            value: Any = read(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        for _ in range(rng.randint(1, 3)):
            value = _bent(value, rng)
        try:
            return write(value)
        except (ValueError, TypeError, OverflowError, RecursionError):
            # JSON has no bytes as keys, and not all numbers.
            break
    return changed(data, seed)


def _bent(value: Any, rng: random.Random) -> Any:
    """Return a value in which one part, at any depth, is another."""
    goes_in = rng.random() < 0.9
    if isinstance(value, list) and value and goes_in:
        return _bent_list(value, rng)
    if isinstance(value, dict) and value and goes_in:
        return _bent_dict(value, rng)
    if isinstance(value, bytes) and value and rng.random() < 0.5:
        # It may be another encoding.
        return bent(value, rng.getrandbits(32))
    found = rng.choice(_OTHERS)
    if rng.random() < 0.05:
        for _ in range(rng.choice((3, _DEEP))):
            found = [found]
    return found


def _bent_list(value: list[Any], rng: random.Random) -> list[Any]:
    at = rng.randrange(len(value))
    match rng.randrange(8):
        case 0:
            middle = []
        case 1:
            middle = [value[at]] * rng.choice((2, 3))
        case 2:
            middle = [rng.choice(value)]
        case _:
            middle = [_bent(value[at], rng)]
    return [*value[:at], *middle, *value[at + 1 :]]


def _bent_dict(value: dict[Any, Any], rng: random.Random) -> dict[Any, Any]:
    key = rng.choice(list(value))
    match rng.randrange(8):
        case 0:
            return {name: one for name, one in value.items() if name != key}
        case 1:
            other = rng.choice([one for one in _OTHERS if isinstance(one, str | int | float)])
            return {(other if name == key else name): one for name, one in value.items()}
        case _:
            return value | {key: _bent(value[key], rng)}


def changed(data: bytes, seed: int) -> bytes:
    """Return bytes that are nearly the same."""
    rng = random.Random(seed)
    found = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(found) + 1)
        match rng.randrange(4):
            case 0 if at < len(found):
                found[at] = rng.randrange(256)
            case 1:
                found[at:at] = rng.randbytes(rng.randint(1, 9))
            case 2:
                del found[at : at + rng.randint(1, 9)]
            case _ if at < len(found):
                found[at] ^= 1 << rng.randrange(8)
    return bytes(found)
