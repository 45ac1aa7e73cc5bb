"""What agent and worker say to each other: frames, messages and the cell."""

import time
from itertools import cycle

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from htcgrid.model import Block, Failure
from htcgrid_agent.workers.cell import SINCE, STOP, TASK, Cell
from htcgrid_agent.workers.messages import Found, Frames, Report, RunTasks, frame


class Connection:
    """Gives bytes in parts of these sizes, again and again, as a socket does, and ends."""

    def __init__(self, stream: bytes, parts: list[int]) -> None:
        self._stream = stream
        self._parts = cycle(parts)

    def recv_into(self, room: memoryview) -> int:
        part = self._stream[: min(next(self._parts), len(room))]
        self._stream = self._stream[len(part) :]
        room[: len(part)] = part
        return len(part)


_SIZES = st.one_of(st.integers(0, 300), st.integers(Frames._ROOM - 10, Frames._ROOM + 10), st.just(3 * Frames._ROOM))


def enter(cell: Cell, task: int, now: int) -> bool:
    """Begin a task as a worker does; return whether it is still to be run."""
    cell.slots[SINCE], cell.slots[TASK] = now, task
    return task < cell.slots[STOP]


@given(sizes=st.lists(_SIZES, max_size=6), parts=st.lists(st.integers(1, 1 << 17), min_size=1))
def test_messages_come_out_as_they_went_in_however_the_stream_is_cut(sizes: list[int], parts: list[int]) -> None:
    messages = [Found(b"x" * size, str(number)) for number, size in enumerate(sizes)]
    stream = b"".join(frame(message, msgspec.msgpack.Encoder()) for message in messages)
    # However small the parts are, some hundreds are enough.
    least = len(stream) // 300
    connection, frames, found = Connection(stream, [part + least for part in parts]), Frames(), []
    while (bodies := frames.read(connection)) is not None:  # type: ignore[arg-type]
        found += [msgspec.msgpack.decode(body, type=Found) for body in bodies]
    assert found == messages


def test_messages_say_the_same_on_both_sides() -> None:
    run = RunTasks(3, "s", "m:f", "json", 1.5, {"desk": "rates"}, 7, [b"1", b""], {8: 2})
    block = Block(7, [b"2", None], 12.5, [10, 20], "a/0", {8: Failure(type="ValueError", message="no")}, {})
    report = Report(3, block, done=True)
    for message in (run, report, Report(0, None, done=True)):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=type(message)) == message


def test_a_cell_shows_the_task_that_runs_and_since_when() -> None:
    cell = Cell.create()
    assert cell.look() is None
    cell.begin(5, 8)
    loading = cell.look()
    before = time.monotonic()
    assert enter(cell, 5, time.monotonic_ns())
    first = cell.look()
    assert enter(cell, 6, time.monotonic_ns())
    second = cell.look()
    assert loading is not None
    assert first is not None
    assert second is not None
    assert (loading[0], first[0], second[0]) == (5, 5, 6)
    assert before <= first[1] <= second[1] <= time.monotonic()
    # Importing the handler is no part of the first try, for up to a minute.
    assert before + 59 < loading[1] <= before + 60
    cell.rest()
    assert cell.look() is None
    cell.close()


def test_a_run_that_is_shortened_ends_before_the_task_that_was_named() -> None:
    cell = Cell.create()
    cell.begin(5, 8)
    cell.shorten(7)
    assert [enter(cell, index, 0) for index in (5, 6, 7)] == [True, True, False]
    cell.close()
