"""Payloads, results, arguments and shared inputs arrive as they were sent, by the codec that the client names."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from htcgrid import Grid
from htcgrid.errors import ConfigError, EncodingError, TaskFailedError
from htcgrid.model import RetryPolicy
from htcgrid.testing.handlers import Side, Trade
from tests.agent import jobs
from tests.connector import calls

ONCE = RetryPolicy(tries=1)
VALUES: list[Any] = [
    (1, {2: "two"}),
    Decimal("1.50"),
    Side.SELL,
    Trade(side=Side.BUY, prices=(1.5,)),
    {1, 2},
    b"\0",
    2**70,
]


@pytest.fixture(scope="module")
def grid() -> Iterator[Grid]:
    with Grid.open(workers=1) as opened:
        yield opened


def alike(found: list[Any], sent: list[Any]) -> bool:
    return found == sent and list(map(type, found)) == list(map(type, sent))


def test_payloads_and_results_arrive_as_they_were(grid: Grid) -> None:
    session = grid.submit(jobs.echo, VALUES)
    assert session.codec == "typed"
    assert alike(session.results(timeout=30), VALUES)
    assert alike(grid.session(session.id).results(timeout=30), VALUES)


def test_an_array_is_an_array_for_its_handler(grid: Grid) -> None:
    (twice,) = grid.map(calls.add, [np.arange(3.0)], [np.arange(3.0)])
    assert twice.tolist() == [0.0, 2.0, 4.0]
    assert twice.flags.writeable


def test_tasks_of_an_open_session_and_shared_inputs_do_too(grid: Grid) -> None:
    with grid.open_session(jobs.echo) as session:
        session.extend(VALUES)
    assert alike(session.results(timeout=30), VALUES)
    ref = grid.put(VALUES)
    assert alike(grid.submit(jobs.shared, [ref]).results(timeout=30)[0], VALUES)


def test_arguments_of_map_and_executors_do_too(grid: Grid) -> None:
    assert alike([args[0] for args, _ in grid.map(calls.show, VALUES)], VALUES)
    with grid.executor() as executor:
        assert alike([executor.submit(calls.show, one).result(timeout=30)[0][0] for one in VALUES], VALUES)
        assert executor.submit(calls.show, a=(1,)).result(timeout=30)[1] == {"a": (1,)}


@pytest.mark.parametrize("codec", ["json", "msgpack"])
def test_other_codecs_refuse_what_they_would_change_unless_it_is_asked_for(grid: Grid, codec: Any) -> None:
    with pytest.raises(
        EncodingError, match=rf"task 1: a value of type tuple at \[0\] .* '{codec}': .*'typed' keeps it"
    ):
        grid.submit(jobs.echo, [1, [(1, 2)]], codec=codec)
    with pytest.raises(EncodingError, match=f"a value of type tuple cannot be sent with codec '{codec}'"):
        grid.put((1, 2), codec=codec)
    session = grid.submit(jobs.echo, [[(1, 2)], Side.BUY], codec=codec, lossy=True)
    assert session.results(timeout=30) == [[[1, 2]], "buy"]
    assert grid.submit(jobs.shared, [grid.put((1, 2), codec=codec, lossy=True)]).results(timeout=30) == [[1, 2]]
    assert list(grid.map(calls.show, [(1, 2)], codec=codec, lossy=True)) == [[[[1, 2]], {}]]


def test_a_result_is_lossy_where_its_session_is(grid: Grid) -> None:
    (refused,) = grid.submit("builtins:divmod", [[7, 2]], codec="json", retry=ONCE).outcomes(timeout=30)
    assert refused.error is not None
    exact = grid.map(divmod, [7], [2], codec="json", retry=ONCE)
    with pytest.raises(TaskFailedError, match="the result: a value of type tuple cannot be sent with codec 'json'"):
        next(exact)
    lossy: list[object] = list(grid.map(divmod, [7], [2], codec="json", lossy=True))
    assert lossy == [[3, 1]]


def test_what_is_no_choice_for_lossy_is_told(grid: Grid) -> None:
    with pytest.raises(ConfigError, match="codec 'typed' has no lossy form"):
        grid.submit(jobs.echo, [1], lossy=True)
    with pytest.raises(ConfigError, match="lossy must be True or False, not 1"):
        grid.submit(jobs.echo, [1], codec="json", lossy=1)  # type: ignore[arg-type]


def test_lossy_makes_another_submission(grid: Grid) -> None:
    grid.submit(jobs.echo, [1], id="lossy", codec="json", lossy=True).results(timeout=30)
    grid.submit(jobs.echo, [1], id="lossy", codec="json", lossy=True).results(timeout=30)
    with pytest.raises(Exception, match="other options"):
        grid.submit(jobs.echo, [1], id="lossy", codec="json")


def test_a_reader_may_bring_a_decoder_of_its_own(grid: Grid) -> None:
    session = grid.submit(jobs.echo, [1, 2])
    assert grid.session(session.id, decode=len).results(timeout=30) == [1, 1]
