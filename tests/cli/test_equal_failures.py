"""Failures that are equal are told once."""

import json
from pathlib import Path

import pytest

from htcgrid import Grid
from htcgrid.findings.failed import FailedTask
from htcgrid.findings.failures import Failures
from tests.cli.conftest import Command

LONG = "x" * 1000
#: What tasks fail with, by index, and what is said of it.
CASES: list[tuple[dict[int, tuple[str, str]], list[str]]] = [
    ({}, []),
    ({3: ("ValueError", "bad rate")}, ["task 3 failed: ValueError: bad rate"]),
    ({3: ("ValueError", "")}, ["task 3 failed: ValueError"]),
    ({5: ("E", "no"), 3: ("E", "no")}, ["2 tasks failed: E: no (tasks 3, 5)"]),
    (dict.fromkeys(range(5), ("E", "no")), ["5 tasks failed: E: no (tasks 0, 1, 2, 3, 4)"]),
    (dict.fromkeys(range(6), ("E", "no")), ["6 tasks failed: E: no (tasks 0, 1, 2, 3, 4, …)"]),
    (dict.fromkeys(range(5000, 0, -1), ("E", "no")), ["5,000 tasks failed: E: no (tasks 1, 2, 3, 4, 5, …)"]),
    # Another type, or another message, is another failure.
    ({1: ("E", "no"), 2: ("F", "no")}, ["task 1 failed: E: no", "task 2 failed: F: no"]),
    ({1: ("E", "no"), 2: ("E", "No")}, ["task 1 failed: E: no", "task 2 failed: E: No"]),
    ({1: ("E", "trade 1"), 2: ("E", "trade 2")}, ["task 1 failed: E: trade 1", "task 2 failed: E: trade 2"]),
    ({1: ("E", "0x1f"), 2: ("E", "0x2f")}, ["task 1 failed: E: 0x1f", "task 2 failed: E: 0x2f"]),
    # White space and places in memory make no difference.
    ({1: ("E", "a  b"), 2: ("E", "a\nb")}, ["2 tasks failed: E: a b (tasks 1, 2)"]),
    ({1: ("E", " no "), 2: ("E", "no")}, ["2 tasks failed: E: no (tasks 1, 2)"]),
    (
        {1: ("E", "<T at 0x7f0012ab>"), 2: ("E", "<T at 0x7f99ffff>")},
        ["2 tasks failed: E: <T at 0x7f0012ab> (tasks 1, 2)"],
    ),
    # The most frequent one comes first, then that of the first task.
    (
        {1: ("E", "a"), 2: ("E", "b"), 3: ("E", "b")},
        ["2 tasks failed: E: b (tasks 2, 3)", "task 1 failed: E: a"],
    ),
    ({9: ("E", "a"), 4: ("E", "b")}, ["task 4 failed: E: b", "task 9 failed: E: a"]),
    # Only some ways of failing are told.
    (
        {n: ("E", str(n)) for n in range(6)},
        [*(f"task {n} failed: E: {n}" for n in range(5)), "1 more task failed"],
    ),
    (
        {n: ("E", str(n)) for n in range(3000)},
        [*(f"task {n} failed: E: {n}" for n in range(5)), "2,995 more tasks failed"],
    ),
    ({1: ("E", LONG)}, [f"task 1 failed: E: {LONG[:597]}…"]),
    ({1: ("E", "naïve ☃")}, ["task 1 failed: E: naïve ☃"]),
]


@pytest.mark.parametrize(("failed", "said"), CASES)
def test_equal_failures_are_one_line(failed: dict[int, tuple[str, str]], said: list[str]) -> None:
    tasks = (FailedTask(index=index, type=type_, message=message) for index, (type_, message) in failed.items())
    assert Failures(tasks).lines() == said


def test_results_and_explain_tell_equal_failures_once(htcgrid: Command, served: Path) -> None:
    with Grid.open() as grid:
        session = grid.submit("work:refuse", ["bad", "good", "bad", "bad"], retry=None).id
        grid.session(session).wait(timeout=180)
    said = "3 tasks failed: ValueError: bad, says the handler (tasks 0, 2, 3)"
    for words in ((), ("--failed",)):
        shown = htcgrid("results", session, *words)
        assert (shown.status, shown.err) == (1, f"htcgrid: {said}\n")
        assert sum("error" in json.loads(line) for line in shown.out.splitlines()) == 3
    explained = htcgrid("explain", session).out
    assert f"- {said}\n  'htcgrid logs {session} 0' shows" in explained
