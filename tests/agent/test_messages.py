"""What agent and worker say to each other: frames, messages and the cell."""

import time
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from htcgrid.model import Block, Failure
from htcgrid_agent.workers.cell import Cell
from htcgrid_agent.workers.messages import Frames, Report, RunTasks, frame


@given(bodies=st.lists(st.binary(max_size=300), max_size=8), cuts=st.lists(st.integers(0, 2500), max_size=8))
def test_bodies_come_out_as_they_went_in_however_the_stream_is_cut(bodies: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(frame, bodies))
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    frames = Frames()
    assert [body for low, high in pairwise(places) for body in frames.feed(stream[low:high])] == bodies


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
    assert cell.enter(5)
    first = cell.look()
    assert cell.enter(6)
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
    assert [cell.enter(index) for index in (5, 6, 7)] == [True, True, False]
    cell.close()
