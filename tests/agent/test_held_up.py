"""Outcomes that are there although their worker cannot report them: it is at the next task, for ever."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from htcgrid import Grid, Outcome, RetryPolicy
from tests.agent import holding

#: Tasks before the one that goes on, and after it.
BEFORE, AFTER = 6, 12


class Job:
    """Tasks of which one holds up the others."""

    def __init__(self, folder: Path) -> None:
        self._ran = folder / "ran"

    def events(self, way: str, before: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        kinds = [before or {"do": "return"}] * BEFORE + [{"do": way}] + [{"do": "return"}] * AFTER
        return [{"index": index, "ran": str(self._ran), **kind} for index, kind in enumerate(kinds)]

    @property
    def ran(self) -> Counter[int]:
        """How often each task was run."""
        return Counter(map(int, self._ran.read_text(encoding="utf-8").split()[::2]))

    def end(self) -> None:
        """End the worker at the task that goes on, once it does."""
        deadline = time.monotonic() + 120
        while not self.ran[BEFORE]:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.kill(int(self._ran.read_text(encoding="utf-8").split()[-1]), signal.SIGKILL)


@pytest.fixture
def job(lone: Grid, tmp_path: Path) -> Job:
    """What follows tasks that the agent knows to be short, so that it hands out many at once."""
    quick = [{"do": "return", "index": index, "ran": "/dev/null"} for index in range(40)]
    lone.submit(holding.act, quick).wait(timeout=120)
    return Job(tmp_path)


def early(outcomes: Any) -> list[Outcome]:
    """Return the outcomes of the tasks before the one that goes on."""
    return sorted(islice(outcomes, BEFORE), key=lambda outcome: outcome.index)


@pytest.mark.parametrize("way", holding.ENDLESS)
def test_what_has_ended_is_there_while_the_next_task_goes_on(lone: Grid, job: Job, way: str) -> None:
    session = lone.submit(holding.act, job.events(way), retry=RetryPolicy(tries=1))
    outcomes = session.outcomes(timeout=120)
    assert [(outcome.index, outcome.value) for outcome in early(outcomes)] == [(n, n) for n in range(BEFORE)]
    assert session.status().ended == BEFORE
    job.end()
    assert {outcome.index for outcome in outcomes if not outcome.succeeded} == {BEFORE}
    assert set(job.ran.values()) == {1}


def test_what_had_ended_when_its_session_is_cancelled_stays(lone: Grid, job: Job) -> None:
    session = lone.submit(holding.act, job.events("holds the lock in C"))
    found = early(session.outcomes(timeout=120))
    session.cancel()
    assert [outcome.value for outcome in found] == list(range(BEFORE))
    assert (session.status().succeeded, session.status().cancelled) == (BEFORE, 1 + AFTER)


KINDS: dict[str, tuple[dict[str, Any], Callable[[Outcome], object], Callable[[int], object]]] = {
    "fail": ({"do": "fail"}, lambda found: found.error and found.error.message, lambda index: f"no {index}"),
    "print": ({"do": "print"}, lambda found: found.stdout, lambda index: f"said {index}\n"),
    "give nothing": ({"do": "bytes", "size": 0}, lambda found: found.value, lambda _: b""),
    "are short": ({"do": "bytes", "size": 40}, lambda found: found.value, lambda index: bytes([index]) * 40),
    "are longer": ({"do": "bytes", "size": 100}, lambda found: found.value, lambda index: bytes([index]) * 100),
    "are big": ({"do": "bytes", "size": 90_000}, lambda found: found.value, lambda index: bytes([index]) * 90_000),
    "fill the journal": (
        {"do": "bytes", "size": 300_000},
        lambda found: found.value,
        lambda index: bytes([index]) * 300_000,
    ),
    "are above its size": (
        {"do": "bytes", "size": 3_000_000},
        lambda found: found.value,
        lambda index: bytes([index]) * 3_000_000,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_has_ended_is_there_as_it_was(lone: Grid, job: Job, kind: str) -> None:
    before, seen, expected = KINDS[kind]
    session = lone.submit(holding.act, job.events("sleeps", before), retry=RetryPolicy(tries=1), output="all")
    found = early(session.outcomes(timeout=120))
    job.end()
    session.wait(timeout=120)
    assert [seen(outcome) for outcome in found] == [expected(index) for index in range(BEFORE)]
    assert all(job.ran[index] == 1 for index in range(BEFORE))


@pytest.mark.parametrize("way", [*holding.DEADLY, "sleeps"])
def test_what_had_ended_when_a_worker_dies_is_not_run_again(lone: Grid, job: Job, way: str) -> None:
    limit = 0.5 if way == "sleeps" else None
    session = lone.submit(holding.act, job.events(way), retry=RetryPolicy(tries=1), timeout=limit)
    found = {outcome.index: outcome for outcome in session.outcomes(timeout=120)}
    assert [index for index, outcome in found.items() if not outcome.succeeded] == [BEFORE]
    assert ("TimedOut" if limit else "WorkerDied") in str(found[BEFORE].error)
    assert set(job.ran.values()) == {1}


def test_what_failed_before_it_is_tried_again_once(lone: Grid, job: Job) -> None:
    retry = RetryPolicy(tries=2, backoff=timedelta(0))
    session = lone.submit(holding.act, job.events("crashes", {"do": "fail"}), retry=retry)
    found = {outcome.index: outcome for outcome in session.outcomes(timeout=120)}
    assert {outcome.tries for index, outcome in found.items() if index <= BEFORE} == {2}
    assert all(job.ran[index] == 2 for index in range(BEFORE))


@pytest.mark.parametrize("codec", ["typed", "pickle"])
def test_calls_that_have_ended_are_told_while_the_next_goes_on(lone: Grid, tmp_path: Path, codec: str) -> None:
    go = tmp_path / "go"
    with lone.executor(codec=codec) as executor:
        for round_ in range(3):
            numbers = [1, 2, 3, 4, -1, 5] if round_ else [1] * 50
            futures = [executor.submit(holding.wait_for, number, str(go)) for number in numbers]
            early = futures[: numbers.index(-1)] if round_ else futures
            assert [future.result(timeout=120) for future in early] == numbers[: len(early)]
            go.touch()
            assert [future.result(timeout=120) for future in futures] == numbers
            go.unlink()


def test_a_map_yields_what_has_ended_while_the_next_goes_on(lone: Grid, tmp_path: Path) -> None:
    go = tmp_path / "go"
    assert list(lone.map(holding.wait_for, [1] * 50, [str(go)] * 50)) == [1] * 50
    results = lone.map(holding.wait_for, [1, 2, 3, 4, -1, 5, 6, 7], [str(go)] * 8)
    assert list(islice(results, 4)) == [1, 2, 3, 4]
    go.touch()
    assert list(results) == [-1, 5, 6, 7]


@pytest.mark.parametrize("way", ["sessions", "calls", "a map"])
def test_one_worker_begins_what_waits_in_the_order_of_its_submission(lone: Grid, tmp_path: Path, way: str) -> None:
    places = tmp_path / "places"
    numbers = list(range(40))
    with lone.executor() as executor:
        # Bundles come to wait, and which of them is next is to be no matter of chance.
        ends: list[Callable[[], object]]
        if way == "sessions":
            sessions = [lone.submit(holding.line_up_as, [[n, str(places)]]) for n in numbers]
            ends = [partial(session.wait, timeout=120) for session in sessions]
        elif way == "calls":
            futures = [executor.submit(holding.line_up, n, str(places)) for n in numbers]
            ends = [partial(future.result, 120) for future in futures]
        else:
            ends = [partial(list, lone.map(holding.line_up, numbers, [str(places)] * 40))]
        for end in ends:
            end()
    assert places.read_text(encoding="utf-8").split() == [str(n) for n in numbers]
