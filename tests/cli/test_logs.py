"""htcgrid logs: what handlers printed, and what agents log."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from htcgrid import Grid
from htcgrid.config import read_config
from htcgrid.model import AgentInfo
from tests.cli.conftest import PATIENCE, Command, Ended, ended, started, until


@pytest.fixture
def talks(htcgrid: Command, served: Path, tmp_path: Path) -> Any:
    """Submit tasks that print, and wait until they have ended; return the session's id."""

    def run(payloads: list[str], *words: object) -> str:
        (tmp_path / "tasks.json").write_text(json.dumps(payloads))
        session = htcgrid("submit", "work:talk", "--input", tmp_path / "tasks.json", "--tries", "1", *words).out.strip()
        assert htcgrid("results", session, "--timeout", PATIENCE).status in {0, 1}
        return session

    return run


def objects(shown: Ended) -> list[dict[str, Any]]:
    assert shown.status == 0, shown
    return [json.loads(line) for line in shown.out.splitlines()]


def test_what_failed_tasks_printed_is_shown_with_their_error(htcgrid: Command, talks: Any) -> None:
    shown = htcgrid("logs", talks(["good", "bad"]))
    assert (shown.status, shown.err) == (0, "")
    out, err, first, *error, last = shown.out.splitlines()
    assert out == "1 stdout | hello bad"
    assert err == "1 stderr | careful with \\x1b[31mred"
    assert first == "1 error  | Traceback (most recent call last):"
    assert any("in talk" in line for line in error)
    assert last == "1 error  | ValueError: bad, says the handler"


def test_of_a_session_that_keeps_all_every_task_is_shown(htcgrid: Command, talks: Any) -> None:
    shown = htcgrid("logs", talks(["a", "b"], "--output", "all"))
    assert sorted(line for line in shown.out.splitlines() if "stdout" in line) == [
        "0 stdout | hello a",
        "1 stdout | hello b",
    ]


def test_one_task_is_shown_when_it_is_named(htcgrid: Command, talks: Any) -> None:
    session = talks(["a", "b"], "--output", "all")
    assert "hello b" in htcgrid("logs", session, "1").out
    assert "hello a" not in htcgrid("logs", session, "1").out


def test_programs_get_an_object_for_each_task(htcgrid: Command, talks: Any) -> None:
    (found,) = objects(htcgrid("logs", talks(["good", "bad"]), "--json"))
    assert "in talk" in found["error"].pop("traceback")
    assert found == {
        "index": 1,
        "state": "FAILED",
        "tries": 1,
        "stdout": "hello bad\n",
        "stderr": "careful\twith \x1b[31mred\n",
        "error": {"type": "ValueError", "message": "bad, says the handler"},
    }


def test_where_nothing_is_kept_it_is_told_why(htcgrid: Command, talks: Any) -> None:
    session = talks(["good"])
    assert htcgrid("logs", session) == Ended(
        0,
        "",
        f"nothing is known of what session {session} printed: "
        "it is kept of failed tasks only, unless the session is submitted with --output all\n",
    )
    assert htcgrid("logs", session, "--json") == Ended(0, "", "")
    session = talks(["good"], "--output", "none")
    assert htcgrid("logs", session, "0").err.endswith("the session was submitted with --output none\n")


def test_tasks_that_have_not_ended_are_not_waited_for(htcgrid: Command, grid: Path) -> None:
    (grid.parent / "tasks.json").write_text("[1]")
    htcgrid("submit", "work:echo", "--id", "waits", "--input", "tasks.json", "--output", "all")
    said = "printed so far: it is kept of every task when it ends\n"
    assert htcgrid("logs", "waits") == Ended(0, "", f"nothing is known of what session waits {said}")
    assert htcgrid("logs", "waits", "0") == Ended(0, "", f"nothing is known of what task 0 of session waits {said}")


def test_a_session_is_followed_to_its_end(htcgrid: Command, grid: Path) -> None:
    (grid.parent / "tasks.json").write_text('["a", "bad"]')
    htcgrid("submit", "work:talk", "--id", "talks", "--input", "tasks.json", "--output", "all", "--tries", "1")
    following = started("logs", "talks", "--follow"), started("logs", "talks", "1", "--follow")
    with following[0] as every, following[1] as one, started("agent") as agent:
        lines = {line for line in ended(every).out.splitlines() if "stdout" in line}
        assert "1 stdout | hello bad" in ended(one).out
        agent.terminate()
        ended(agent)
    assert lines == {"0 stdout | hello a", "1 stdout | hello bad"}


_BOOBY_TRAP = """
from pathlib import Path

class Trap:
    def __reduce__(self):
        return Path.touch, (Path(%r),)

def trap(event):
    print("set")
    return Trap()
"""


def test_nothing_pickled_is_opened(htcgrid: Command, grid: Path) -> None:
    sprung = grid.parent / "sprung"
    (grid.parent / "work.py").write_text(_BOOBY_TRAP % str(sprung))
    grid.write_text(grid.read_text() + "pickle = true\n")
    with Grid.open(grid) as opened, started("agent") as agent:
        session = opened.submit("work:trap", [1, 2], codec="pickle", output="all")
        session.wait(timeout=PATIENCE)
        agent.terminate()
        ended(agent)
    assert sorted(htcgrid("logs", session.id).out.splitlines()) == ["0 stdout | set", "1 stdout | set"]
    assert htcgrid("logs", session.id, "1", "--follow").out == "1 stdout | set\n"
    assert "task 1 succeeded after 1 try" in htcgrid("explain", session.id, "1").out
    assert not sprung.exists()
    with Grid.open(grid) as opened:
        opened.session(session.id, pickle=True).results()
    assert sprung.exists()


# --- agents -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def agent(grid: Path) -> Iterator[AgentInfo]:
    """An agent that the grid's compute backend started."""
    with closing(read_config(grid).open_compute()) as compute:
        compute.scale("default", 1)
        (agent,) = compute.agents("default")
        until(lambda: bool(list(compute.logs(agent.id))))
        yield agent
        compute.scale("default", 0)
        until(lambda: not compute.agents("default"))


def test_an_agent_s_log_is_shown(htcgrid: Command, agent: AgentInfo) -> None:
    shown = htcgrid("logs", "--agent", agent.id)
    assert (shown.status, shown.err) == (0, "")
    (line,) = shown.out.splitlines()
    assert json.loads(line)["event"] == "agent started"
    assert objects(htcgrid("logs", "--agent", agent.id, "--json")) == [{"agent": agent.id, "line": line}]
    assert htcgrid("logs", "--agent", agent.id, "--tail", "0") == Ended(0, "", "")


def test_an_agent_s_log_is_followed_to_its_end(htcgrid: Command, agent: AgentInfo) -> None:
    assert agent.pid is not None
    with started("logs", "--agent", agent.id, "--follow") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "agent started"
        os.kill(agent.pid, signal.SIGTERM)
        status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["stopping", "agent ended"]
    assert htcgrid("logs", "--agent", agent.id, "--tail", "1").out == out.splitlines(keepends=True)[-1]


def test_following_ends_with_ctrl_c(agent: AgentInfo) -> None:
    with started("logs", "--agent", agent.id, "--follow") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        status, out, err = ended(process)
    assert (status, out, err.strip()) == (130, "", "htcgrid: interrupted")


# --- what is not right ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["nope"], "there is no session 'nope' on this grid"),
        (["nope", "1"], "there is no session 'nope' on this grid"),
        (["empty", "1"], "session empty has 0 tasks, from 0 on, so none of 1"),
        (["gone"], "there is no session 'gone' on this grid"),
        (["--agent", "nope"], "no agent 'nope' was started by the compute backend of "),
        (["--agent", "../grid"], "no agent '../grid' was started by the compute backend of "),
    ],
)
def test_what_there_is_not_is_told(htcgrid: Command, grid: Path, words: list[str], error: str) -> None:
    (grid.parent / "tasks.json").write_text("[]")
    for name in ("empty", "gone"):
        htcgrid("submit", "work:echo", "--id", name, "--input", "tasks.json")
    htcgrid("delete", "gone")
    assert htcgrid("logs", *words).error.startswith(error)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "name either a SESSION or an agent, with --agent"),
        (["one", "--agent", "a"], "name either a SESSION or an agent, with --agent"),
        (["one", "--tail", "3"], "--tail goes with --agent"),
        (["one", "x"], "Invalid value for '[INDEX]': 'x' is not a valid integer range."),
        (["--agent", "a", "--tail", "-1"], "Invalid value for '--tail': -1 is not in the range x>=0."),
    ],
)
def test_words_that_are_not_right_are_told(htcgrid: Command, grid: Path, words: list[str], error: str) -> None:
    assert htcgrid("logs", *words).usage_error == error
