"""A user's script on an embedded grid."""

import re
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from htcgrid import Grid, RetryPolicy
from htcgrid.errors import ConfigError, EncodingError, ResultTimeoutError
from tests.agent import jobs

ONCE = RetryPolicy(tries=1)


def test_outcomes_come_once_each_as_they_finish(grid: Grid) -> None:
    session = grid.submit(jobs.sleep, [1.5, 0.0])
    outcomes = session.outcomes(timeout=30)
    assert next(outcomes).index == 1
    assert [outcome.index for outcome in outcomes] == [0]


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (jobs.segfault, "the worker was killed by SIGSEGV"),
        (jobs.exit_hard, "the worker exited with status 3"),
        (jobs.close_everything, "the worker closed its connection to the agent, and was killed"),
        (jobs.leave_a_child_behind, "the worker exited with status 4"),
        (jobs.exit_soft, "3"),
    ],
)
def test_a_worker_that_goes_is_blamed_on_its_task_alone(grid: Grid, handler: Any, reason: str) -> None:
    session = grid.submit(handler, [*range(50), "die", *range(50)], retry=ONCE)
    outcomes = {outcome.index: outcome for outcome in session.outcomes(timeout=30)}
    assert outcomes[50].error is not None
    assert outcomes[50].error.message == reason
    assert sum(outcome.succeeded for outcome in outcomes.values()) == 100


def test_a_worker_that_closes_its_output_goes_on(tmp_path: Path) -> None:
    # On a grid of its own: the worker's output stays closed for all that come after.
    with Grid.open(folder=tmp_path, workers=1) as grid:
        assert grid.submit(jobs.close_output, range(100)).results(timeout=30) == list(range(100))


def test_a_worker_that_prints_megabytes_does_not_fill_the_log(grid: Grid, grid_folder: Path) -> None:
    grid.submit(jobs.print_megabytes, [1] * 4).results(timeout=30)
    time.sleep(0.2)
    assert sum(log.stat().st_size for log in (grid_folder / "agents").glob("*.log")) < 2 << 20


def test_a_worker_that_ignores_sigterm_is_ended_by_a_time_out(grid: Grid) -> None:
    (outcome,) = grid.submit(jobs.ignore_sigterm, [60.0], timeout=0.3, retry=ONCE).outcomes(timeout=30)
    assert outcome.error is not None
    assert outcome.error.type == "TimedOut"


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (jobs.too_large, "more than the 67108864 that are allowed"),
        ("no_such_module_anywhere:f", "importing 'no_such_module_anywhere' failed"),
        ("tests.agent.jobs:missing", "has no attribute 'missing'"),
    ],
)
def test_what_can_never_work_fails_at_its_first_try_with_the_reason(grid: Grid, handler: Any, message: str) -> None:
    (outcome,) = grid.submit(handler, [1]).outcomes(timeout=30)
    assert outcome.error is not None
    assert re.search(message, outcome.error.message)
    assert outcome.tries == 1


@pytest.mark.parametrize("payload", [memoryview(b""), [1, print], object(), {"a": {1, 2}, "b": object()}])
def test_a_payload_that_cannot_be_encoded_is_refused_with_its_number(grid: Grid, payload: Any) -> None:
    with pytest.raises(EncodingError, match=r"task 1: a value of type \w+ (at .* )?cannot be sent with codec 'typed'"):
        grid.submit(jobs.echo, [1, payload])


def test_a_payload_over_the_limit_is_refused(grid: Grid) -> None:
    with pytest.raises(EncodingError, match=r"task 0: the payload is .* bytes long, more than the"):
        grid.submit(jobs.echo, ["x" * (65 << 20)])


def test_time_is_up_for_the_caller_and_not_for_the_tasks(grid: Grid) -> None:
    session = grid.submit(jobs.sleep, [0.6])
    with pytest.raises(ResultTimeoutError, match=r"0 of 1 tasks of session .* had ended after 0.05 s"):
        session.results(timeout=0.05)
    assert session.results(timeout=30) == [0.6]


def test_a_time_to_wait_is_a_number_of_seconds_or_a_timedelta(grid: Grid) -> None:
    session = grid.submit(jobs.echo, [1])
    assert session.results(timeout=timedelta(seconds=30)) == [1]
    assert session.results(timeout=float("inf")) == [1]
    assert session.submitted(timeout=timedelta.max) == 1
    wrong: list[Any] = ["5", float("nan"), -1, True, timedelta(seconds=-1)]
    for timeout in wrong:
        for call in (session.results, session.wait, lambda timeout: list(session.outcomes(timeout=timeout))):
            with pytest.raises(ConfigError, match="timeout must be a number of seconds of at least 0, or None"):
                call(timeout=timeout)


def test_a_time_out_is_for_the_task_and_not_for_importing_its_handler(grid: Grid, tmp_path: Path) -> None:
    file = tmp_path / "slow_to_import.py"
    file.write_text("import time\ntime.sleep(1)\ndef echo(event):\n    return event\n")
    assert grid.submit(f"{file}:echo", [1, 2], timeout=0.3, retry=ONCE).results(timeout=30) == [1, 2]


def test_wait_shows_a_bar_and_returns_the_counts(grid: Grid, capsys: pytest.CaptureFixture[str]) -> None:
    status = grid.submit(jobs.oops, ["fine", "oops"], retry=ONCE).wait(timeout=30, progress=True)
    assert (status.succeeded, status.failed) == (1, 1)
    assert "2/2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"priority": 4}, "priority must be a whole number from 0 to 3, not 4"),
        ({"priority": -1}, "priority must be"),
        ({"priority": True}, "priority must be"),
        ({"timeout": 0}, "timeout must be a number of seconds greater than 0"),
        ({"timeout": "1"}, "timeout must be a number of seconds"),
        ({"id": "a/b"}, "session id 'a/b' is not usable"),
        ({"id": "x" * 81}, "is not usable"),
        ({"codec": "xml"}, "there is no codec 'xml'"),
        ({"labels": {"a": 1}}, "labels must be"),
        ({"pool": ""}, "pool '' is not usable"),
    ],
)
def test_arguments_that_are_not_right_are_refused(grid: Grid, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        grid.submit(jobs.echo, [1], **arguments)


@pytest.mark.parametrize("tasks", ["abc", b"abc", {"a": 1}, 5, None])
def test_what_is_no_list_of_tasks_is_refused(grid: Grid, tasks: Any) -> None:
    with pytest.raises(ConfigError, match="tasks must be an iterable of payloads"):
        grid.submit(jobs.echo, tasks)


def test_a_closed_grid_says_so(tmp_path: Path) -> None:
    grid = Grid.open(folder=tmp_path)
    session = grid.submit(jobs.echo, [1])
    grid.close()
    grid.close()
    for call in (lambda: grid.submit(jobs.echo, [1]), session.status, session.results, session.cancel):
        with pytest.raises(ConfigError, match="this grid is closed"):
            call()


_FORKS = """
import os
from htcgrid import Grid
from htcgrid.errors import ConfigError

if __name__ == "__main__":
    with Grid.open(folder="grid", workers=1) as grid:
        session = grid.submit("math:sqrt", [4])
        generated = grid.submit("math:sqrt", iter([1, 9]))
        child = os.fork()
        calls = [lambda: grid.submit("math:sqrt", [1]), session.results, generated.status, lambda: grid.put(1)]
        if child == 0:
            for call in calls:
                try:
                    call()
                except ConfigError as error:
                    assert "by the process that this one was forked off" in str(error)
                    calls = calls[1:]
            assert not calls
            with Grid.open(folder="another", workers=1) as other:
                print("child:", other.submit("math:sqrt", [16]).results(timeout=60), flush=True)
            # The block ends, with the grid of the other.
        else:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            print("parent:", session.results(timeout=60), generated.results(timeout=60))
            print("parent:", grid.submit("math:sqrt", [25]).results(timeout=60))
"""


def test_a_process_that_was_forked_off_is_told_to_open_a_grid_of_its_own_and_takes_nothing_along(
    tmp_path: Path,
) -> None:
    (tmp_path / "forks.py").write_text(_FORKS)
    # From Python 3.12 on, forking with threads is warned of by itself.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "forks.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == ["child: [4.0]", "parent: [2.0] [1.0, 3.0]", "parent: [5.0]"]


def test_readers_that_never_read_on_hold_nobody_up(tmp_path: Path) -> None:
    with Grid.open(folder=tmp_path) as grid:
        session = grid.submit(jobs.echo, range(5000))
        idle = [session.outcomes(timeout=30) for _ in range(50)]
        begun = [session.outcomes(timeout=30) for _ in range(50)]
        for reader in begun:
            next(reader)
        assert session.results(timeout=30) == list(range(5000))
        session.delete()
    for reader in (idle[0], begun[0]):
        with pytest.raises(ConfigError, match="this grid is closed"):
            list(reader)


def test_folder_and_config_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="are for an embedded grid"):
        Grid.open({"state": {"provider": "local", "path": "x"}}, folder=tmp_path)


def test_a_temporary_grid_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with Grid.open(workers=1) as grid:
        assert grid.submit(jobs.echo, [1]).results(timeout=30) == [1]
    assert list(tmp_path.iterdir()) == []


def test_sessions_in_a_given_folder_outlive_the_grid(tmp_path: Path) -> None:
    with Grid.open(folder=tmp_path, workers=1) as grid:
        grid.submit(jobs.sleep, [0.3, 0.0, 0.0], id="kept")
    with Grid.open(folder=tmp_path, workers=1) as grid:
        assert grid.session("kept").results(timeout=30) == [0.3, 0.0, 0.0]


def test_a_task_that_kills_its_agent_does_not_end_the_grid(tmp_path: Path) -> None:
    with Grid.open(folder=tmp_path / "grid", workers=1) as grid:
        marker = str(tmp_path / "killed")
        assert grid.submit(jobs.kill_the_agent_once, [marker]).results(timeout=40) == [marker]


SCRIPT = """
import time
from htcgrid import Grid

def job(event, context):
    time.sleep(event)
    return [event, __name__]

if __name__ == "__main__":
    with Grid.open() as grid:
        session = grid.submit(job, [{seconds}] * 4)
        print("submitted", flush=True)
        print(session.results(timeout=60), flush=True)
"""


def test_a_function_of_the_script_itself_is_a_handler(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(seconds=0))
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, cwd=tmp_path, check=True
    )
    assert done.stdout.count("[0, '__mp_main__']") == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_client_that_is_interrupted_takes_its_embedded_grid_along(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(seconds=60))
    client = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert client.stdout is not None
    assert client.stdout.readline() == "submitted\n"
    time.sleep(0.5)
    client.send_signal(number)
    client.wait(timeout=120)
    client.stdout.close()
    deadline = time.monotonic() + 120
    while _processes_of(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _processes_of(tmp_path) == []


def _processes_of(folder: Path) -> list[str]:
    """Return the command lines of processes that work in ``folder``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str((process / "cwd").readlink()) == str(folder):
                found.append((process / "cmdline").read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return found
