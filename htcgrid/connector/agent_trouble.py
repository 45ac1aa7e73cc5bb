"""What keeps an embedded grid's agent from going on, as its log says: a full disk, a store that does not answer."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from htcgrid.errors import UnreadableError
from htcgrid.model.decoding import Decoder

#: What a line of a log holds that tells of a call which failed, and is made again.
_SIGN = b'"event": "call failed"'
#: How much of a log's end is read: bytes.
_END = 1 << 14
#: How old what it says may be: agents make a call again after 15 s at most.
_RECENT = timedelta(seconds=20)


class _Line(msgspec.Struct):
    """A line of an agent's log."""

    call: str
    error: str
    timestamp: datetime


def _check(line: _Line) -> None:
    if line.timestamp.tzinfo is None:
        raise ValueError("its time has no time zone")


_decode: Decoder[_Line] = Decoder(_Line, "a line of an agent's log", json=True, check=_check)


def agent_trouble(folder: Path, now: datetime) -> str | None:
    """Return what went wrong last in the agents of a folder, unless that is long ago."""
    lines = [line for log in folder.glob("*.log") for line in _failed(_end_of(log, now - _RECENT))]
    last = max(lines, key=lambda line: line.timestamp, default=None)
    if last is None or now - last.timestamp > _RECENT:
        return None
    return f"the agent of this embedded grid cannot go on, and tries again: {last.error}"


def _end_of(log: Path, since: datetime) -> bytes:
    """Return the end of a log that was written to since then; a folder that is used for long has many others."""
    try:
        if log.stat().st_mtime < since.timestamp():
            return b""
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _END))
            return file.read()
    except OSError:
        # It is gone with its agent.
        return b""


def _failed(data: bytes) -> Iterator[_Line]:
    for line in data.split(b"\n"):
        if _SIGN in line:
            try:
                yield _decode(line)
            except UnreadableError:
                # Half a line, or what a handler has printed.
                continue
