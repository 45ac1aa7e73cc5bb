"""The logs of agents that were started on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from htcgrid.local.agent_log import AgentLog


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agent.log"


def ended_log(file: Path, data: bytes) -> AgentLog:
    file.write_bytes(data)
    return AgentLog(file, ended=lambda: True)


@pytest.mark.parametrize(
    ("data", "count", "lines"),
    [
        (b"", 5, []),
        (b"a\n", 0, []),
        (b"a\nb\nc\n", 2, ["b", "c"]),
        (b"a\nb\nc", 2, ["b", "c"]),
        (b"a\nb\nc\n", 3, ["a", "b", "c"]),
        (b"a\nb\nc\n", 9, ["a", "b", "c"]),
        (b"\n\n", 1, [""]),
        (b"a\n\n\nb\n", 3, ["", "", "b"]),
        (b"a\r50%\r100%\n\x0c\n", 2, ["a\r50%\r100%", "\x0c"]),
        (b"gr\xefd\n", 1, ["gr�d"]),
    ],
)
def test_the_last_lines_are_read(file: Path, data: bytes, count: int, lines: list[str]) -> None:
    log = ended_log(file, data)
    assert list(log.tail(count)) == lines
    assert list(log.follow(count)) == lines


def test_the_last_lines_of_a_long_log_are_read_whatever_its_blocks(file: Path) -> None:
    lines = [f"{number} " + "x" * (number % 97) for number in range(20_000)]
    log = ended_log(file, "\n".join(lines).encode() + b"\n")
    for count in (1, 7, 3_000, 20_000, 30_000):
        assert list(log.tail(count)) == lines[-count:]
    assert list(ended_log(file, b"y" * 300_000 + b"\nz\n").tail(2)) == ["y" * 300_000, "z"]


def test_what_is_added_is_followed_in_whole_lines_until_the_agent_has_ended(file: Path) -> None:
    file.write_bytes(b"old\nlast\n")
    added: Iterator[bytes] = iter([b"ne", b"w\nlas", b"t\nwords"])

    def ended() -> bool:
        data = next(added, None)
        with file.open("ab") as log:
            log.write(data or b"")
        return data is None

    assert list(AgentLog(file, ended=ended).follow(1)) == ["last", "new", "last", "words"]
