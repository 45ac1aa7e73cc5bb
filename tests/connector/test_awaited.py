"""Sessions in asyncio programs."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from htcgrid import Grid, Outcome, RetryPolicy
from htcgrid.errors import ConfigError, ProviderError, TaskCancelledError, TaskFailedError
from tests.agent import jobs
from tests.connector import calls

_ONCE = RetryPolicy(tries=1)


def _lookers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "look for outcomes"]


def _wait_for_lookers() -> None:
    """Wait until no thread looks for outcomes any more."""
    for thread in _lookers():
        thread.join(60)
    assert not _lookers()


def test_outcomes_come_one_by_one_as_the_loop_goes_on(grid: Grid, tmp_path: Path) -> None:
    held = tmp_path / "held"

    async def main() -> list[Outcome]:
        session = grid.submit(calls.hold, [str(tmp_path), str(held)])
        seen = []
        async with asyncio.timeout(60):
            async for outcome in session:
                seen.append(outcome)
                # The second task waits for this, which only a loop that goes on can do.
                asyncio.get_running_loop().call_later(0.05, held.touch)
        return seen

    assert [outcome.value for outcome in asyncio.run(main())] == [str(tmp_path), str(held)]


def test_a_session_is_awaited_for_its_results(grid: Grid) -> None:
    async def main() -> tuple[list[object], ...]:
        sessions = [grid.submit(jobs.echo, range(start, start + 300)) for start in range(0, 900, 300)]
        sessions.append(grid.submit(jobs.echo, []))
        sessions.append(grid.submit(jobs.echo, iter(range(5))))
        return tuple(await asyncio.wait_for(asyncio.gather(*sessions), 60))

    assert asyncio.run(main()) == (list(range(300)), list(range(300, 600)), list(range(600, 900)), [], list(range(5)))


def test_a_session_is_awaited_more_than_once_and_found_by_its_id(grid: Grid) -> None:
    session = grid.submit(jobs.echo, range(10))

    async def main() -> list[list[object]]:
        return [await session, await session, await grid.session(session.id)]

    assert asyncio.run(main()) == [list(range(10))] * 3


def test_what_results_would_raise_is_raised_to_whoever_awaits(grid: Grid) -> None:
    async def main() -> None:
        with pytest.raises(TaskFailedError, match="oops, says the handler"):
            await grid.submit(jobs.oops, ["fine", "oops"], retry=_ONCE)
        cancelled = grid.submit(jobs.sleep, [60.0])
        cancelled.cancel()
        with pytest.raises(TaskCancelledError):
            await cancelled
        [outcome] = [outcome async for outcome in cancelled]
        assert outcome.state == "CANCELLED"
        opened = grid.open_session(jobs.echo)
        opened.add(1)
        assert next(opened.outcomes(timeout=60)).succeeded
        opened.cancel()
        with pytest.raises(TaskCancelledError, match="before it was sealed"):
            await opened
        with pytest.raises(ZeroDivisionError):
            await grid.submit(jobs.echo, (1 // number for number in (1, 0)))

    asyncio.run(asyncio.wait_for(main(), 120))


def test_failed_tasks_are_among_the_outcomes(grid: Grid) -> None:
    async def main() -> list[bool]:
        session = grid.submit(jobs.oops, ["fine", "oops", "fine"], retry=_ONCE)
        outcomes = [outcome async for outcome in session]
        return [one.succeeded for one in sorted(outcomes, key=lambda one: one.index)]

    assert asyncio.run(main()) == [True, False, True]


def test_a_session_goes_on_when_whoever_awaits_it_is_cancelled(grid: Grid, tmp_path: Path) -> None:
    held = tmp_path / "held"
    session = grid.submit(calls.hold, [str(held)])

    async def main() -> None:
        async def reads() -> None:
            async for _ in session:
                raise AssertionError

        for waiting in (asyncio.ensure_future(session), asyncio.ensure_future(reads())):
            await asyncio.sleep(0.05)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session, 0.05)

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 60
    _wait_for_lookers()
    held.touch()
    assert session.results(timeout=60) == [str(held)]


def test_a_loop_that_is_closed_leaves_no_thread(grid: Grid, tmp_path: Path) -> None:
    session = grid.submit(calls.hold, [str(tmp_path / "held")])
    loop = asyncio.new_event_loop()
    waiting = asyncio.ensure_future(session, loop=loop)
    loop.run_until_complete(asyncio.sleep(0.05))
    assert _lookers()
    waiting.cancel()
    loop.run_until_complete(asyncio.wait([waiting]))
    loop.close()
    _wait_for_lookers()
    (tmp_path / "held").touch()
    assert session.results(timeout=60) == [str(tmp_path / "held")]


def test_a_reader_that_breaks_off_leaves_no_thread(grid: Grid) -> None:
    async def main() -> int:
        async for outcome in grid.submit(jobs.echo, range(100)):
            return outcome.tries
        raise AssertionError

    assert asyncio.run(main()) == 1
    _wait_for_lookers()


def test_a_grid_that_is_closed_ends_the_waiting(tmp_path: Path) -> None:
    async def main() -> None:
        with Grid.open(folder=tmp_path / "grid", workers=1) as grid:
            session = grid.submit(calls.hold, [str(tmp_path / "held")])
            waiting = asyncio.ensure_future(session)
            await asyncio.sleep(0.05)
        with pytest.raises((ConfigError, ProviderError), match=r"grid (is|was) closed"):
            await asyncio.wait_for(waiting, 60)

    asyncio.run(main())


def test_a_future_of_an_executor_is_awaited(grid: Grid) -> None:
    async def main() -> list[object]:
        with grid.executor() as executor:
            futures = [asyncio.wrap_future(executor.submit(calls.add, number, 1)) for number in range(5)]
            failing = asyncio.wrap_future(executor.submit(calls.fail, "no market"))
            found = await asyncio.wait_for(asyncio.gather(*futures), 60)
            with pytest.raises(ValueError, match="no market"):
                await asyncio.wait_for(failing, 60)
            return found

    assert asyncio.run(main()) == [1, 2, 3, 4, 5]


def test_a_session_is_not_awaited_outside_of_a_loop(grid: Grid) -> None:
    session = grid.submit(jobs.echo, [1])
    with pytest.raises(RuntimeError, match="no running event loop"):
        session.__await__().send(None)
    assert session.results(timeout=60) == [1]
