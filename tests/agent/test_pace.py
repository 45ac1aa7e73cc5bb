"""How an agent learns, waits and cuts: the small parts of its decisions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htcgrid.model import Block, Failure, Ranges
from htcgrid_agent.core.blocks import lone_failure, pieces
from htcgrid_agent.core.pace import Pace
from htcgrid_agent.core.wait import Patience


def test_the_first_report_is_believed_and_later_ones_move_it() -> None:
    pace = Pace()
    assert pace.seconds("m:f") is None
    pace.learn("m:f", 10, 1.0)
    assert pace.seconds("m:f") == pytest.approx(0.1)
    pace.learn("m:f", 100, 100.0)
    assert pace.seconds("m:f") == pytest.approx(0.55)


def test_one_odd_task_moves_little() -> None:
    pace = Pace()
    pace.learn("m:f", 1000, 1.0)
    pace.learn("m:f", 1, 10.0)
    assert (pace.seconds("m:f") or 0) < 1.5


def test_a_report_of_no_tasks_teaches_nothing() -> None:
    pace = Pace()
    pace.learn("m:f", 0, 5.0)
    assert pace.seconds("m:f") is None


def test_handlers_that_clients_make_up_fill_no_memory() -> None:
    pace = Pace()
    for number in range(5000):
        pace.learn(f"m:f{number}", 1, 1.0)
    assert pace.seconds("m:f4999") == pytest.approx(1.0)
    assert pace.seconds("m:f0") is None


def test_waits_double_from_the_first_to_a_hundred_times_it_and_begin_again_after_a_success() -> None:
    patience = Patience(0.1, lambda: 1.0)
    waits = []
    for _ in range(40):
        patience.failed(50.0)
        waits.append(patience.until - 50.0)
    assert waits[:4] == pytest.approx([0.1, 0.2, 0.4, 0.8])
    assert max(waits) == pytest.approx(10.0)
    patience.succeeded()
    assert patience.until == 0.0
    patience.failed(60.0)
    assert patience.until == pytest.approx(60.1)


def test_waits_are_spread_by_jitter() -> None:
    patience = Patience(1.0, lambda: 0.0)
    patience.failed(0.0)
    assert patience.until == pytest.approx(0.5)


@given(wanted=st.sets(st.integers(100, 109)), tried=st.dictionaries(st.integers(100, 109), st.integers(1, 5)))
def test_a_report_is_cut_to_the_tasks_that_are_wanted(wanted: set[int], tried: dict[int, int]) -> None:
    failures = {103: Failure(type="E", message="no"), 107: Failure(type="E", message="no")}
    values = [None if index in failures else b"%d" % index for index in range(100, 110)]
    block = Block(100, values, 50.0, [1_000_000] * 10, "a/0", failures, {})
    cut = list(pieces(block, Ranges.of(*((index, index + 1) for index in sorted(wanted))), tried))
    seen = {}
    for piece in cut:
        for offset, value in enumerate(piece.values):
            index = piece.start + offset
            seen[index] = value
            assert piece.failures.get(index) == failures.get(index)
            assert piece.tries.get(index, 1) == tried.get(index, 0) + 1
        assert piece.began == pytest.approx(50.0 + piece.start - 100)
        assert len(piece.durations) == len(piece.values)
    assert seen == {index: values[index - 100] for index in wanted}


def test_a_task_whose_worker_died_has_a_block_of_its_own() -> None:
    failure = Failure(type="WorkerDied", message="was killed by SIGSEGV")
    block = lone_failure(5, failure, "a/0")
    assert (block.start, block.values, block.failures) == (5, [None], {5: failure})
