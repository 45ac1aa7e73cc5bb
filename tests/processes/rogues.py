"""Handlers that write into their worker's channel and memory what no worker would."""

import mmap
import os
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from htcgrid_agent.workers.cell import CELL, SIZE
from htcgrid_agent.workers.journal import COMMON, COMMON_AT, RECORDS, SLOT, SLOTS_AT

encode = msgspec.msgpack.encode
#: Outcomes that a rogue tells of: its own task is the only one of its run.
VALUE = b"1"
FAILED = {"type": "Forged", "message": "forged"}


def descriptors() -> list[int]:
    """Return the worker's channel and the memory that it shares with its agent."""
    words = Path("/proc/self/cmdline").read_bytes().split(b"\0")
    return [int(word) for word in words[:-1][-3:-1]]


def send(data: bytes) -> None:
    """Write into the channel."""
    channel, _ = descriptors()
    with socket.socket(fileno=os.dup(channel)) as connection:
        connection.sendall(data)


def framed(body: bytes, length: int | None = None) -> bytes:
    return struct.pack("<I", len(body) if length is None else length) + body


def block(**fields: Any) -> list[Any]:
    """Return the block of a rogue's own task, as it would be, but for some fields."""
    names = ("start", "values", "began", "durations", "worker", "failures", "tries", "printed", "code")
    whole: dict[str, Any] = {
        "start": own_index(),
        "values": [VALUE],
        "began": time.time(),
        "durations": [5],
        "worker": own_name(),
        "failures": {},
        "tries": {},
        "printed": {},
        "code": "",
    }
    return [(whole | fields)[name] for name in names]


def report(run: Any = None, block: Any = None, **more: Any) -> bytes:
    """Return a report as a message."""
    rest = {"done": False, "worn": False, "edited": "", "teardown": False} | more
    return framed(encode(["report", own_run() if run is None else run, block, *rest.values()]))


def memory() -> mmap.mmap:
    """Return what the worker shares with its agent."""
    return mmap.mmap(descriptors()[1], SIZE)


def own_run() -> int:
    """Return the run that the worker is at."""
    run, *_ = COMMON.unpack_from(memory(), COMMON_AT)
    return int(run)


def own_index() -> int:
    """Return the task that the worker is at."""
    (index,) = struct.unpack_from("=q", memory(), 0)
    return int(index)


def own_name() -> str:
    return NAME[0]


#: The worker's name in outcomes, once it is known.
NAME = [""]


def garbage(start: int, stop: int, seed: bytes = b"\xff") -> None:
    """Write garbage into the shared memory."""
    memory()[start:stop] = (seed * (stop - start))[: stop - start]


def odd_slots(length: int, duration: int) -> None:
    """Write a record into each slot of this epoch, whose length or duration no record has."""
    shared = memory()
    *_, epoch = COMMON.unpack_from(shared, COMMON_AT)
    for place in range(RECORDS):
        SLOT.pack_into(shared, SLOTS_AT + place * SLOT.size, b"x", duration, length, epoch + place)


def shrink() -> None:
    """Cut off the shared memory, so that whoever reads it is killed."""
    os.ftruncate(descriptors()[1], 0)


#: By name: what it does, and whether its worker has to be ended for it.
WAYS: dict[str, tuple[Callable[[], object], bool]] = {
    "no message": (lambda: send(framed(b"\xc1\xc1")), True),
    "an empty message": (lambda: send(framed(b"")), True),
    "no UTF-8": (lambda: send(framed(b"\x92\xa4need\xa4\xff\xff\xff\xff")), True),
    "a frame of 4 GiB": (lambda: send(framed(b"x" * 1000, 0xFFFFFFFF)), True),
    "a frame of 1 GiB": (lambda: send(framed(b"x" * 1000, 1 << 30)), True),
    "an array of 4 G elements": (lambda: send(framed(b"\xdd\xff\xff\xff\xff")), True),
    "100,000 arrays in each other": (lambda: send(framed(b"\x91" * 100_000)), True),
    "another kind of message": (lambda: send(framed(encode(["order", 1]))), True),
    "a map": (lambda: send(framed(encode({"run": 1}))), True),
    "no end of a long one": (lambda: send(framed(b"x" * 10**6, 1 << 26)), True),
    "half a message, and then the rest of the worker's own": (lambda: send(framed(b"x", 60)), True),
    "no end": (lambda: send(framed(b"x", 5000)), True),
    "more durations than values": (lambda: send(report(block=block(durations=[1, 2, 3]))), True),
    "fewer durations than values": (lambda: send(report(block=block(durations=[]))), True),
    "a duration that is negative": (lambda: send(report(block=block(durations=[-1]))), True),
    "a duration of 2 ** 63": (lambda: send(report(block=block(durations=[2**63]))), True),
    "a duration of 300,000 years": (lambda: send(report(block=block(durations=[2**63 - 1]))), True),
    "a start of 1e300": (lambda: send(report(block=block(began=1e300))), True),
    "a start that is no number": (lambda: send(report(block=block(began=float("nan")))), True),
    "values that are none": (lambda: send(report(block=block(values=[{"a": 1}]))), True),
    "neither value nor error": (lambda: send(report(block=block(values=[None]))), True),
    "tasks before its own": (lambda: send(report(block=block(start=own_index() - 1))), True),
    "tasks behind its own": (lambda: send(report(block=block(start=own_index() + 1))), True),
    "a million tasks": (lambda: send(report(block=block(values=[VALUE] * 10**6, durations=[1] * 10**6))), True),
    "a task of 2 ** 62": (lambda: send(report(block=block(start=2**62))), True),
    "an error of another task": (lambda: send(report(block=block(failures={own_index() + 3: FAILED}))), True),
    "tries": (lambda: send(report(block=block(tries={own_index(): 7}))), True),
    "another worker": (lambda: send(report(block=block(worker="somebody/0"))), True),
    "a code of a megabyte": (lambda: send(report(block=block(code="x" * 10**6))), True),
    "a run that is not its own": (lambda: send(report(run=own_run() + 1, block=block())), True),
    "a run of 2 ** 70": (lambda: send(framed(b"\x93\xa6report\xcf" + b"\xff" * 8 + b"\xc0")), True),
    "that it is ready": (lambda: send(report(run=0, done=True)), True),
    "that it is ready, with outcomes": (lambda: send(report(run=0, block=block(), done=True)), True),
    "a file with a long name": (lambda: send(report(done=True, edited="x" * 10**6)), True),
    "that it needs what has no name": (lambda: send(framed(encode(["need", "\0"]))), False),
    "that it needs 5,000 digits": (
        lambda: send(framed(encode(["need", "htcgrid-shared:s:json:" + "9" * 5000 + ":" + "0" * 64]))),
        False,
    ),
    "that it needs a megabyte": (lambda: send(framed(encode(["need", "x" * 10**6]))), False),
    "that it needs 2,000 things": (lambda: send(framed(encode(["need", "x"])) * 2000), False),
    "a closed channel": (lambda: socket.socket(fileno=os.dup(descriptors()[0])).shutdown(socket.SHUT_RDWR), True),
    "a shared memory that is cut off": (shrink, False),
    "garbage in all of the shared memory": (lambda: garbage(0, SIZE), False),
    "zeros in all of the shared memory": (lambda: garbage(0, SIZE, b"\0"), False),
    "garbage in the cell": (lambda: garbage(0, CELL), False),
    "garbage in what records share": (lambda: garbage(COMMON_AT, COMMON_AT + COMMON.size), False),
    "records of 2 GiB": (lambda: odd_slots(2**31 - 1, 1), False),
    "records of -2 GiB": (lambda: odd_slots(-(2**31), 1), False),
    "records that took no time": (lambda: odd_slots(1, -5), False),
}


def rogue(asked: list[str]) -> str:
    """Do what no worker would, and stay for a moment."""
    way, NAME[0] = asked
    WAYS[way][0]()
    time.sleep(0.3)
    return "done"


def healthy(number: int) -> int:
    """Do what workers do."""
    return number * number


def pid(_: object) -> int:
    """Return the process of the agent."""
    return os.getppid()
