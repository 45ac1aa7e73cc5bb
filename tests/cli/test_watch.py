"""htcgrid watch: a live view in a terminal, a line or an object for each change elsewhere."""

import json
import re
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from htcgrid import Grid, RetryPolicy
from htcgrid.cli.changes import Changes, as_line
from htcgrid.cli.watched import Glance, Speed, Watched
from htcgrid.findings.failed import FailedTask
from htcgrid.model import Session, SessionId, SessionState, SessionStatus
from tests.cli.conftest import Command, Ended, ended, started, until
from tests.cli.terminal import Terminal


@pytest.fixture
def opened(grid: Path) -> Iterator[Grid]:
    """A grid without agents."""
    with Grid.open(grid) as opened:
        yield opened


ONCE = RetryPolicy(tries=1)


def objects(shown: Ended) -> list[dict[str, Any]]:
    return [json.loads(line) for line in shown.out.splitlines()]


def failed(number: int) -> FailedTask:
    return FailedTask(index=number, type="ValueError", message="bad")


def glance(*, ended: int, running: int = 0, failures: tuple[FailedTask, ...] = ()) -> Glance:
    status = SessionStatus(
        session=Session(id=SessionId("s"), handler="work:echo", created=datetime(2026, 1, 1, tzinfo=UTC)),
        state=SessionState.SEALED,
        total=100,
        succeeded=ended,
        failed=0,
        cancelled=0,
        running=running,
    )
    return Glance(status=status, speed=None, failures=failures)


# --- the end ----------------------------------------------------------------------------------------------------------


def test_watch_ends_with_0_once_every_task_succeeded(htcgrid: Command, served: Path) -> None:
    with Grid.open(served / "grid.toml") as grid:
        session = grid.submit("work:sleep", [0.2] * 4).id
    shown = htcgrid("watch", session)
    assert (shown.status, shown.err) == (0, "")
    assert shown.out.splitlines()[-1].startswith(f"{session}  FINISHED  4 of 4 tasks ended, 0 running")


def test_watch_ends_with_1_when_a_task_failed(htcgrid: Command, served: Path) -> None:
    with Grid.open(served / "grid.toml") as grid:
        session = grid.submit("work:refuse", ["good", "bad"], retry=ONCE).id
        htcgrid("results", session)
    shown = htcgrid("watch", session)
    assert shown.status == 1
    assert shown.out == (
        f"{session}  FINISHED  2 of 2 tasks ended, 0 running, 1 failed; "
        "task 1 failed: ValueError: bad, says the handler\n"
    )


def test_watch_ends_with_1_when_a_session_was_cancelled(htcgrid: Command, opened: Grid) -> None:
    opened.submit("work:echo", [1, 2], id="stopped").cancel()
    shown = htcgrid("watch", "stopped")
    assert (shown.status, shown.out) == (1, "stopped  CANCELLED  2 of 2 tasks ended, 0 running, 2 cancelled\n")


def test_watch_ends_only_when_all_sessions_have(htcgrid: Command, opened: Grid) -> None:
    opened.submit("work:echo", [], id="done")
    later = opened.submit("work:echo", [1], id="later")
    with started("watch", "done", "later", "done") as process:
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(2)]
        assert [line.split()[:2] for line in first] == [["done", "FINISHED"], ["later", "SEALED"]]
        time.sleep(0.3)
        assert process.poll() is None
        later.cancel()
        assert ended(process).status == 1


def test_a_session_that_is_open_is_watched_until_it_is_sealed(opened: Grid) -> None:
    session = opened.open_session("work:echo", id="open", on_error="leave")
    with started("watch", "open", "--json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["state"] == "OPEN"
        session.seal()
        shown = ended(process)
    assert (shown.status, objects(shown)[-1]["state"]) == (0, "FINISHED")


def test_watch_waits_no_longer_than_it_is_told(htcgrid: Command, opened: Grid) -> None:
    opened.submit("work:echo", [1, 2], id="waits")
    opened.submit("work:echo", [1], id="too")
    shown = htcgrid("watch", "waits", "--timeout", "0.1")
    assert (shown.status, shown.out) == (124, "waits  SEALED  0 of 2 tasks ended, 0 running\n")
    assert shown.err == "htcgrid: 0 of 2 tasks of session waits had ended after 0.1 s; the others go on\n"
    shown = htcgrid("watch", "waits", "too", "--timeout", "0")
    assert shown.err == "htcgrid: 0 of 3 tasks of sessions waits, too had ended after 0 s; the others go on\n"


@pytest.mark.parametrize("seconds", ["nan", "-1"])
def test_a_time_that_is_none_is_refused(htcgrid: Command, grid: Path, seconds: str) -> None:
    assert htcgrid("watch", "one", "--timeout", seconds).error.startswith("timeout must be a number of seconds")


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_ctrl_c_leaves_the_session_alone(opened: Grid, words: list[str]) -> None:
    session = opened.submit("work:echo", [1, 2], id="waits")
    with started("watch", "waits", *words) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert (ended(process).status, session.status().state) == (130, SessionState.SEALED)


# --- what is wrong ----------------------------------------------------------------------------------------------------


def test_a_session_that_does_not_exist_is_named(htcgrid: Command, opened: Grid) -> None:
    opened.submit("work:echo", [1], id="there")
    assert htcgrid("watch", "there", "nope").error == "there is no session 'nope' on this grid"
    assert htcgrid("watch", "../../etc").error == "there is no session '../../etc' on this grid"


def test_a_session_that_is_deleted_meanwhile_is_told(opened: Grid) -> None:
    session = opened.submit("work:echo", [1], id="gone")
    with started("watch", "gone") as process:
        assert process.stdout is not None
        process.stdout.readline()
        session.delete()
        shown = ended(process)
    assert (shown.status, shown.err) == (2, "htcgrid: there is no session 'gone' on this grid\n")


def test_a_service_that_breaks_down_meanwhile_is_told(opened: Grid, grid: Path) -> None:
    opened.submit("work:echo", [1], id="lost")
    with started("watch", "lost") as process:
        assert process.stdout is not None
        process.stdout.readline()
        with closing(sqlite3.connect(grid.parent / "state" / "grid.db")) as connection:
            connection.execute("ALTER TABLE sessions RENAME TO lost")
        shown = ended(process)
    assert shown.status == 2
    assert shown.err.startswith("htcgrid: ")
    assert "Traceback" not in shown.err


def test_watch_needs_a_session(htcgrid: Command, grid: Path) -> None:
    assert htcgrid("watch").usage_error == "Missing argument 'SESSIONS...'."


# --- lines and objects ------------------------------------------------------------------------------------------------


def test_a_change_as_json_is_the_status_with_speed_and_failures(htcgrid: Command, served: Path) -> None:
    with Grid.open(served / "grid.toml") as grid:
        session = grid.submit("work:refuse", ["bad"] * 9 + ["good"], retry=ONCE).id
        htcgrid("results", session)
    shown = htcgrid("watch", session, "--json")
    (status,) = objects(htcgrid("status", session, "--json"))
    (change,) = objects(shown)
    failures = change.pop("failures")
    assert (shown.status, change.pop("speed"), change) == (1, None, status)
    assert len(failures) == 5
    assert all((task["type"], task["message"]) == ("ValueError", "bad, says the handler") for task in failures)


def test_the_newest_failures_come_first(htcgrid: Command, served: Path) -> None:
    with Grid.open(served / "grid.toml") as grid:
        with grid.open_session("work:refuse", retry=ONCE) as session:
            for number in range(8):
                session.add("bad" if number < 7 else "good")
                until(lambda number=number: session.status().ended > number)  # type: ignore[misc]
        config = grid.config
        assert config is not None
        state, payloads = config.open_state(), config.open_payloads()
        (seen,) = Watched(state, payloads, [session.id]).look()
        state.close()
        payloads.close()
    assert [task.index for task in seen.failures] == [6, 5, 4, 3, 2]


def test_what_is_told_of_a_failure_does_not_move_the_cursor() -> None:
    ugly = FailedTask(index=3, type="ValueError", message="bad\x1b[2J\r\nworse")
    line = as_line(glance(ended=1), [ugly])
    assert line.endswith("; task 3 failed: ValueError: bad\\x1b[2J  worse")


def test_what_has_not_changed_is_not_told_again(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    changes = Changes(as_line, clock=lambda: now[0])
    for second in range(5):
        now[0] = second
        changes.show([glance(ended=1)], False)
    assert capsys.readouterr().out == "s  SEALED  1 of 100 tasks ended, 0 running\n"


def test_changes_are_told_once_a_second_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    changes = Changes(as_line, clock=lambda: now[0])
    for tenth in range(25):
        now[0] = tenth / 10
        changes.show([glance(ended=tenth)], tenth == 24)
    told = [int(line.split()[2]) for line in capsys.readouterr().out.splitlines()]
    assert told == [0, 10, 20, 24]


def test_a_failure_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    changes = Changes(as_line, clock=lambda: now[0])
    for second, failures in enumerate([(failed(1),), (failed(1),), (failed(2), failed(1))]):
        now[0] = second
        changes.show([glance(ended=second, failures=failures)], False)
    told = [line.partition("; ")[2] for line in capsys.readouterr().out.splitlines()]
    assert told == ["task 1 failed: ValueError: bad", "", "task 2 failed: ValueError: bad"]


def test_the_speed_is_that_of_the_last_ten_seconds() -> None:
    speed = Speed()
    assert speed.after(0.0, 0) is None
    assert speed.after(0.1, 50) is None
    assert speed.after(1.0, 100) == 100.0
    for second in range(2, 30):
        assert speed.after(float(second), 100) is not None
    assert speed.after(30.0, 200) == 10.0


# --- the view ---------------------------------------------------------------------------------------------------------


def test_a_terminal_shows_a_view_that_ends_with_the_session(served: Path) -> None:
    with Grid.open(served / "grid.toml") as grid:
        session = grid.submit("work:refuse", ["good", "bad", "fine"], retry=ONCE).id
    with Terminal("watch", session) as terminal:
        assert terminal.ended() == 1
    assert terminal.lines[-4].split() == [session, "FINISHED", "work:refuse"]
    assert terminal.lines[-3].endswith("━ 100 %")
    assert re.fullmatch(r"  3 of 3 · 1 failed( · [\d.]+ tasks/s)?", terminal.lines[-2])
    assert terminal.lines[-1] == "  task 1 failed: ValueError: bad, says the handler"


def test_the_view_changes_in_its_place_and_gives_the_cursor_back(opened: Grid) -> None:
    session = opened.submit("work:echo", [1, 2], id="mine")
    with Terminal("watch", "mine") as terminal:
        terminal.until(lambda: "0 of 2" in terminal.raw)
        session.cancel()
        assert terminal.ended() == 1
    assert "\x1b[1A\x1b[2K" in terminal.raw
    assert terminal.raw.rstrip().endswith("\x1b[?25h")
    # A pace stands behind it when the cancel came late enough for one.
    assert terminal.lines[-1].startswith("  2 of 2 · 2 cancelled")


@pytest.mark.parametrize("columns", [20, 40])
def test_the_view_fits_a_narrow_terminal(opened: Grid, columns: int) -> None:
    for name in ("a-session-with-a-name-that-is-rather-long-for-a-terminal", "other"):
        opened.submit("work:echo", [1], id=name).cancel()
    names = ("a-session-with-a-name-that-is-rather-long-for-a-terminal", "other")
    with Terminal("watch", *names, columns=columns) as terminal:
        assert terminal.ended() == 1
    assert max(map(len, terminal.lines)) <= columns
    assert terminal.lines[-3].startswith("other  CANCELLED")


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(opened: Grid) -> None:
    opened.submit("work:echo", [1], id="mine").cancel()
    with Terminal("watch", "mine", kind="dumb") as terminal:
        assert terminal.ended() == 1
    assert terminal.raw == "mine  CANCELLED  1 of 1 tasks ended, 0 running, 1 cancelled\r\n"


def test_ctrl_c_in_a_terminal_gives_the_cursor_back(opened: Grid) -> None:
    opened.submit("work:echo", [1, 2], id="mine")
    with Terminal("watch", "mine") as terminal:
        terminal.until(lambda: "0 of 2" in terminal.raw)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.ended() == 130
    assert "\x1b[?25h" in terminal.raw
    assert terminal.lines[-1] == "htcgrid: interrupted"
