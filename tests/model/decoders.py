"""What decodes bytes that others wrote, what each may raise, and something that it reads."""

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
from htcgrid.connector import agent_trouble, handler_output
from htcgrid.errors import ConfigError, EncodingError, UnreadableError
from htcgrid.local import backlog, record, roster
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
from htcgrid.model.decoding import Decoder, number_of
from htcgrid.model.function_layout import join_function, split_function
from htcgrid.model.header import session_decoder
from htcgrid.model.report import check_report
from htcgrid.model.shared import SharedInput, parse_shared
from htcgrid_agent.shell import journal_reader
from htcgrid_agent.workers.messages import Need, Report
from htcgrid_redis import records

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


pack = msgspec.msgpack.encode
VALUE: dict[str, Any] = {"numbers": [1, 2.5, None], "text": "é", "deep": [[[[]]]]}
KINDS: dict[str, Kind] = {
    "the header of a session": Kind(
        lambda data: session_decoder()(data, SessionId("s")), UnreadableError, pack(SESSION)
    ),
    "a hint": Kind(Decoder(Hint, "hint"), UnreadableError, pack(Hint(key=KEY))),
    "a hint as JSON": Kind(Decoder(Hint, "hint", json=True), UnreadableError, msgspec.json.encode(Hint(key=KEY))),
    "the report of an agent": Kind(
        Decoder(AgentReport, "report", check=check_report),
        UnreadableError,
        pack(REPORT),
    ),
    "an entry": Kind(Decoder(Entry, "entry"), UnreadableError, pack(ENTRY)),
    "a message of a worker": Kind(
        Decoder(Report | Need, "message"), UnreadableError, pack(Report(1, BLOCK, done=True))
    ),
    "a report's end": Kind(backlog._decode, UnreadableError, pack(REPORT)),
    "a record of an agent's process": Kind(
        roster._decode,
        UnreadableError,
        msgspec.json.encode(roster.AgentRecord(id=AgentId("a"), pool="p", pid=1, mark="m", started=NOW, host="h")),
    ),
    "a printed line": Kind(handler_output._decode, UnreadableError, b'{"line": "x", "worker": 1, "stream": "stderr"}'),
    "a line of trouble": Kind(
        agent_trouble._decode, UnreadableError, b'{"call": "c", "error": "e", "timestamp": "2026-01-01T00:00:00Z"}'
    ),
    "spans": Kind(record._decode_spans, UnreadableError, pack([[0, 3], [5, 9]])),
    "tries": Kind(record._decode_tries, UnreadableError, pack({1: 2, 3: 4})),
    "a record on Redis": Kind(
        records._decode_record, UnreadableError, pack([4, 0, 1, 2, "n", "a", 5, 6, 0, 0, [0, 4], [1, 1], 7, 0])
    ),
    "a bundle that was won on Redis": Kind(
        records._decode_won, UnreadableError, pack([1, 0, [0, 4], [1, 1], 0, 0, "b"])
    ),
    "an entry on Redis": Kind(
        records._decode_entry, UnreadableError, pack([1, False, [[0, "0", [0, 4], [], Pack.of(b"x")]]])
    ),
    "a pack on Redis": Kind(records._decode_pack, UnreadableError, pack(Pack.of(b"x"))),
    "a document": Kind(lambda data: decoded(data, "it"), EncodingError, b'[{"a": [1, 2.5, null, "x"]}]'),
    "a grid.toml": Kind(toml, ConfigError, b'[state]\nprovider = "local"\npath = "x"\n[agent]\nworkers = 2\n'),
    "an outcome in memory": Kind(
        journal_reader._decode, UnreadableError, pack((None, Failure(type="E", message="m"), Printed("x")))
    ),
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
