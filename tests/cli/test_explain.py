"""htcgrid explain on real grids: nobody there, at work, gone wrong, lost, ended."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from htcgrid import Grid
from tests.cli.conftest import Command, Ended, ended, started, until


@pytest.fixture
def quick(grid: Path) -> Path:
    """A grid whose agents report often, and soon learn of a cancel."""
    grid.write_text(grid.read_text() + "report = 0.05\nheartbeat = 0.2\n")
    return grid


@pytest.fixture
def submit(htcgrid: Command, tmp_path: Path, grid: Path) -> Command:
    def run(name: str, handler: str, payloads: list[Any], *words: object) -> Ended:
        (tmp_path / "tasks.json").write_text(json.dumps(payloads))
        return htcgrid("submit", handler, "--id", name, "--input", tmp_path / "tasks.json", *words)

    return run


@pytest.fixture
def explained(htcgrid: Command) -> Any:
    """What explain finds, by kind."""

    def run(*words: object) -> dict[str, str]:
        shown = htcgrid("explain", *words, "--json")
        assert (shown.status, shown.err) == (0, "")
        return {found["finding"]: found["message"] for found in map(json.loads, shown.out.splitlines())}

    return run


@contextmanager
def agent(name: str, *words: str) -> Iterator[int]:
    with started("agent", "--id", name, *words) as process:
        assert process.stderr is not None
        process.stderr.readline()
        try:
            yield process.pid
        finally:
            process.terminate()
            ended(process)


def test_people_get_a_line_on_the_session_and_one_for_each_finding(htcgrid: Command, submit: Command) -> None:
    submit("risk", "work:echo", [1, 2])
    shown = htcgrid("explain", "risk")
    assert (shown.status, shown.err) == (0, "")
    first, *lines = shown.out.splitlines()
    assert first.startswith("risk: work:echo on pool default, made 20")
    assert lines == [
        "- 0 of 2 tasks have ended: 0 succeeded, 0 failed",
        "- 2 tasks in 2 bundles are pending",
        "- no agent of pool default has reported in the last day",
        "  start one: 'htcgrid agent'",
    ]


def test_programs_get_an_object_for_each_finding(htcgrid: Command, submit: Command) -> None:
    submit("risk", "work:echo", [1])
    *_, last = map(json.loads, htcgrid("explain", "risk", "0", "--json").out.splitlines())
    assert last == {
        "session": "risk",
        "index": 0,
        "finding": "NO_AGENT",
        "message": "no agent of pool default has reported in the last day",
        "advice": "start one: 'htcgrid agent'",
    }


def test_a_pool_whose_agents_serve_another_is_told(submit: Command, explained: Any, quick: Path) -> None:
    submit("risk", "work:echo", [1])
    with agent("desk-7", "--pool", "night"):
        until(lambda: "there are agents of pool night" in explained("risk")["NO_AGENT"])


def test_a_session_that_runs_is_told_with_its_agent(
    submit: Command, explained: Any, htcgrid: Command, quick: Path
) -> None:
    submit("naps", "work:sleep", [60, 60])
    with agent("desk-7") as pid:
        until(lambda: "with 2 of 2 workers busy" in explained("naps").get("RUNNING", ""))
        assert explained("naps", "1")["RUNNING"].startswith(f"task 1 is with agent desk-7 (pid {pid} on ")
        submit("late", "work:echo", [1, 2, 3])
        until(lambda: "BUSY" in explained("late"))
        assert explained("late")["BUSY"] == "all 2 workers of pool default are busy, also with tasks of naps (2 tasks)"
        htcgrid("cancel", "naps")
        until(lambda: "FINISHED" in explained("late"))
    assert explained("naps") == {
        "CANCELLED": "it was cancelled, which ended 2 tasks; of the others, 0 succeeded, 0 failed"
    }
    assert explained("naps", "1") == {"CANCELLED": "task 1 was cancelled before it ended"}


def test_a_task_that_is_tried_again_is_told_with_its_last_error(submit: Command, explained: Any, quick: Path) -> None:
    submit("risk", "work:refuse", ["good", "bad"], "--backoff", "60")
    with agent("desk-7"):
        # That it waits is known a moment before the agent's report of what went wrong.
        until(lambda: "try 1 of 3" in str(explained("risk", "1")))
        told = explained("risk", "1")
    message = told.get("DELAYED") or told["WENT_WRONG"]
    assert "try 1 of 3 of task 1 went wrong " in message
    assert message.endswith(" ago: ValueError: bad, says the handler")
    assert "try 1 of 3" not in str(explained("risk", "0"))


def test_tasks_that_failed_are_told_with_their_errors(submit: Command, explained: Any, quick: Path) -> None:
    submit("risk", "work:refuse", ["good", "bad"], "--tries", "1")
    with agent("desk-7"):
        until(lambda: "FINISHED" in explained("risk"))
    assert explained("risk") == {
        "FINISHED": "every task has ended: 1 succeeded, 1 failed",
        "FAILED": "task 1 failed: ValueError: bad, says the handler",
    }
    assert explained("risk", "0")["SUCCEEDED"].startswith("task 0 succeeded after 1 try, on desk-7/")
    assert explained("risk", "1")["FAILED"].endswith(": ValueError: bad, says the handler")


def test_a_handler_that_agents_do_not_allow_is_told(submit: Command, explained: Any, quick: Path) -> None:
    submit("risk", "os:system", ["true"])
    with agent("desk-7"):
        until(lambda: explained("risk").get("FAILED", "").startswith("task 0 failed: HandlerNotAllowed: "))


def test_an_agent_that_was_killed_is_told(submit: Command, explained: Any, quick: Path) -> None:
    quick.write_text(quick.read_text() + "reaper = false\n")
    submit("naps", "work:sleep", [60])
    with agent("desk-7") as pid:
        until(lambda: "RUNNING" in explained("naps"))
        os.kill(pid, signal.SIGKILL)
    until(lambda: "LOST" in explained("naps"))
    assert explained("naps")["LOST"].startswith("task 0 is with agent desk-7, on ")


def test_an_open_session_is_told(explained: Any, grid: Path) -> None:
    with Grid.open(grid) as opened, opened.open_session("work:echo") as session:
        assert explained(session.id)["OPEN"].endswith("; no task has been accepted yet")
        session.add(1)
        until(lambda: explained(session.id)["OPEN"].endswith("; 1 task was accepted so far"))
        assert "NO_AGENT" in explained(session.id)
    assert "OPEN" not in explained(session.id)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["nope"], "there is no session 'nope' on this grid"),
        (["nope", "3"], "there is no session 'nope' on this grid"),
        (["risk", "2"], "session risk has tasks 0 to 1, so none of the index 2"),
        (["empty", "0"], "session empty has no tasks, so none of the index 0"),
        (["gone"], "there is no session 'gone' on this grid"),
    ],
)
def test_what_there_is_not_is_told(htcgrid: Command, submit: Command, words: list[str], error: str) -> None:
    submit("risk", "work:echo", [1, 2])
    for name in ("empty", "gone"):
        submit(name, "work:echo", [])
    htcgrid("delete", "gone")
    assert htcgrid("explain", *words).error == error


@pytest.mark.parametrize("words", [["risk", "-1"], ["risk", "x"], ["risk", "0", "1"], []])
def test_words_that_are_not_right_are_told(htcgrid: Command, grid: Path, words: list[str]) -> None:
    assert htcgrid("explain", *words).status == 2


@pytest.mark.parametrize("command", ["explain", "logs"])
def test_a_task_is_named_by_two_words(htcgrid: Command, grid: Path, command: str) -> None:
    error = htcgrid(command, "risk/3").usage_error
    assert error.endswith("'risk/3' is no session's id; a task is named by two words, as 'risk 3'")


def test_what_an_exception_says_cannot_move_the_cursor(htcgrid: Command, submit: Command, quick: Path) -> None:
    (quick.parent / "work.py").write_text("def refuse(event):\n    raise ValueError('a\\x1b[2Jb\\nc' + 2000 * '.')\n")
    submit("risk", "work:refuse", [1], "--tries", "1")
    with agent("desk-7"):
        until(lambda: '"FINISHED"' in htcgrid("explain", "risk", "--json").out)
    (line,) = (line for line in htcgrid("explain", "risk").out.splitlines() if line.startswith("- task 0 failed: "))
    assert line.startswith("- task 0 failed: ValueError: a\\x1b[2Jb c...")
    assert len(line) < 800
