"""submit, status, results and cancel on a grid of separate processes."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from htcgrid import Grid
from htcgrid.testing.handlers import Side, Trade
from tests.cli.conftest import PATIENCE, Command, Ended, ended, started
from tests.cli.terminal import Terminal


def tasks_file(folder: Path, text: str, name: str = "tasks.json") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def objects(shown: Ended) -> list[dict[str, Any]]:
    return [json.loads(line) for line in shown.out.splitlines()]


@pytest.fixture
def submit(htcgrid: Command, tmp_path: Path) -> Command:
    """Submit payloads, and return the session's id."""

    def run(handler: str, payloads: list[Any], *words: object) -> Ended:
        return htcgrid("submit", handler, "--input", tasks_file(tmp_path, json.dumps(payloads)), *words)

    return run


# --- submit -----------------------------------------------------------------------------------------------------------


def test_submit_prints_the_id_and_nothing_else(submit: Command, htcgrid: Command, grid: Path) -> None:
    shown = submit("work:echo", [1, 2, 3])
    assert (shown.status, shown.err) == (0, "")
    (status,) = objects(htcgrid("status", shown.out.strip(), "--json"))
    assert (status["total"], status["handler"]) == (3, "work:echo")


def test_submit_as_json_has_the_id_and_the_number_of_tasks(submit: Command, grid: Path) -> None:
    assert objects(submit("work:echo", [1, 2, 3], "--id", "mine", "--json")) == [{"session": "mine", "total": 3}]


def test_submit_reads_stdin(grid: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("htcgrid"), "submit", "work:echo", "--id", "piped", "--lines"],
        input="1\n\n[2]\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "piped\n", "")


def test_submit_takes_one_value_a_line(htcgrid: Command, served: Path, tmp_path: Path) -> None:
    file = tasks_file(tmp_path, '{"a": 1}\n\n"two"\n[3]')
    session = htcgrid("submit", "work:echo", "--input", file, "--lines").out.strip()
    assert htcgrid("results", session, "--values").out.splitlines() == ['{"a":1}', '"two"', "[3]"]


def test_results_that_json_does_not_keep_are_refused_unless_they_may_be_lossy(
    submit: Command, htcgrid: Command, served: Path
) -> None:
    (outcome,) = objects(htcgrid("results", submit("work:pair", ["a"]).out.strip()))
    assert "codec 'typed' keeps it; lossy=True sends what comes near it" in outcome["error"]["message"]
    session = submit("work:pair", ["a"], "--lossy").out.strip()
    assert htcgrid("results", session, "--values").out == '["a",{"1":"a"}]\n'


def test_submitting_again_under_an_id_is_one_submission(submit: Command, htcgrid: Command, grid: Path) -> None:
    assert submit("work:echo", [1, 2], "--id", "mine").out == "mine\n"
    assert submit("work:echo", [1, 2], "--id", "mine").out == "mine\n"
    assert objects(htcgrid("status", "mine", "--json"))[0]["total"] == 2
    assert "mine" in submit("work:echo", [1, 3], "--id", "mine").error


def test_submit_passes_on_time_out_and_tries(submit: Command, htcgrid: Command, served: Path) -> None:
    session = submit("work:describe", ["a"], "--timeout", "30", "--priority", "3").out.strip()
    assert htcgrid("results", session, "--values").out == '["a",1,true]\n'
    session = submit("work:third", [0], "--backoff", "0.01").out.strip()
    assert objects(htcgrid("results", session))[0]["tries"] == 3
    session = submit("work:third", [0], "--backoff", "0.01", "--tries", "2").out.strip()
    (outcome,) = objects(htcgrid("results", session))
    assert (outcome["state"], outcome["tries"], outcome["error"]["message"]) == ("FAILED", 2, "not yet")
    session = submit("work:sleep", [60], "--timeout", "0.2", "--tries", "1").out.strip()
    assert objects(htcgrid("results", session))[0]["error"]["type"] == "TimedOut"


def test_urgent_sessions_are_run_first(submit: Command, htcgrid: Command, grid: Path) -> None:
    late = submit("work:echo", [1], "--priority", "0").out.strip()
    first = submit("work:echo", [1], "--priority", "3").out.strip()
    (grid.parent / "grid.toml").write_text(grid.read_text().replace("workers = 2", "workers = 1"))
    agent = started("agent")
    try:
        committed = [objects(htcgrid("results", session))[0]["committed"] for session in (first, late)]
    finally:
        agent.terminate()
        assert ended(agent).status == 0
    assert committed[0] <= committed[1]


@pytest.mark.parametrize(
    ("text", "words", "error"),
    [
        ("1\n2\nx{\n4\n", ["--lines"], "line 3 of {file} is not JSON: JSON is malformed: invalid character (byte 0)"),
        ("1\n2\n[3\n4\n", ["--lines"], "line 3 of {file} is not JSON: "),
        ("[1, 2", [], "{file} is not JSON: Input data was truncated"),
        ("", [], "{file} is not JSON: Input data was truncated"),
        ('{"a": 1}', [], "{file} holds no JSON array of tasks; for one JSON value a line there is --lines"),
        ("[1]", ["--timeout", "0"], "timeout must be a number of seconds greater than 0"),
        ("[1]", ["--timeout", "nan"], "timeout must be a number of seconds greater than 0"),
        ("[1]", ["--backoff", "-1"], "--backoff must be a number of seconds from 0 to 86400, not -1"),
        ("[1]", ["--backoff", "nan"], "--backoff must be a number of seconds from 0 to 86400, not nan"),
        ("[1]", ["--backoff", "1e300"], "--backoff must be a number of seconds from 0 to 86400, not 1e+300"),
        ("[1]", ["--id", "a/b"], "session id 'a/b' is not usable"),
        ("[1]", ["--id", ""], "session id '' is not usable"),
    ],
)
def test_submit_says_what_is_wrong_and_leaves_nothing_to_run(
    htcgrid: Command, grid: Path, text: str, words: list[str], error: str
) -> None:
    file = tasks_file(grid.parent, text)
    assert htcgrid("submit", "work:echo", "--input", file, *words).error.startswith(error.format(file=file))
    # Of lines, the first may be accepted before a later one turns out to be none.
    assert all(left["state"] == "CANCELLED" for left in objects(htcgrid("status", "--json")))
    assert "--lines" in words or htcgrid("status", "--json").out == ""


def test_a_line_that_is_no_json_after_many_that_are_cancels_what_was_submitted(
    htcgrid: Command, grid: Path, tmp_path: Path
) -> None:
    file = tasks_file(tmp_path, "\n".join(map(str, range(20_000))) + "\n{")
    error = htcgrid("submit", "work:echo", "--input", file, "--lines").error
    assert error == f"line 20001 of {file} is not JSON: Input data was truncated"
    (left,) = objects(htcgrid("status", "--json"))
    assert (left["state"], left["cancelled"]) == ("CANCELLED", left["total"])


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--priority", "9"], "Invalid value for '--priority': 9 is not in the range 0<=x<=3."),
        (["--tries", "0"], "Invalid value for '--tries': 0 is not in the range 1<=x<=1000."),
        (["--input", "missing.json"], "Invalid value for '--input': 'missing.json': No such file or directory"),
        (["more"], "Got unexpected extra argument (more)"),
    ],
)
def test_submit_names_the_option_that_is_not_right(htcgrid: Command, grid: Path, words: list[str], error: str) -> None:
    assert htcgrid("submit", "work:echo", *words).usage_error == error


@pytest.mark.parametrize("handler", ["work", "work:", ":echo", "work:a-b"])
def test_a_handler_is_module_and_function(submit: Command, grid: Path, handler: str) -> None:
    assert submit(handler, [1]).error == (
        f"handler {handler!r} is not of the form 'module:function' or '/path/file.py:function'"
    )


def test_a_handler_that_is_not_allowed_fails_with_the_reason(submit: Command, htcgrid: Command, served: Path) -> None:
    shown = htcgrid("results", submit("os:system", ["true"]).out.strip())
    assert shown.status == 1
    assert "'handlers' in [agent]: 'work:*'" in objects(shown)[0]["error"]["message"]


# --- status -----------------------------------------------------------------------------------------------------------


def test_status_lists_the_newest_sessions(submit: Command, htcgrid: Command, grid: Path) -> None:
    for number in range(22):
        submit("work:echo", [1] * number, "--id", f"session-{number}")
    listed = [status["session"] for status in objects(htcgrid("status", "--json"))]
    assert listed == [f"session-{number}" for number in range(21, 1, -1)]
    lines = htcgrid("status").out.splitlines()
    assert " ".join(lines[0].split()) == "session handler state total pending running succeeded failed cancelled made"
    assert [line.split()[0] for line in lines[1:]] == listed


def test_status_shows_the_sessions_that_are_named(submit: Command, htcgrid: Command, grid: Path) -> None:
    for name in ("a", "b", "c"):
        submit("work:echo", [1, 2], "--id", name)
    shown = htcgrid("status", "c", "a")
    rows = [line.split() for line in shown.out.splitlines()[1:]]
    assert [row[:9] for row in rows] == [
        ["c", "work:echo", "SEALED", "2", "2", "0", "0", "0", "0"],
        ["a", "work:echo", "SEALED", "2", "2", "0", "0", "0", "0"],
    ]
    assert all(row[10:] == ["s", "ago"] for row in rows)


def test_status_as_json_has_every_count(submit: Command, htcgrid: Command, served: Path) -> None:
    session = submit("work:refuse", ["good", "bad"], "--tries", "1").out.strip()
    htcgrid("results", session)
    (shown,) = objects(htcgrid("status", session, "--json"))
    assert datetime.fromisoformat(shown.pop("created")) < datetime.now(UTC)
    assert [shown] == [
        {
            "session": session,
            "handler": "work:refuse",
            "labels": {},
            "state": "FINISHED",
            "finished": True,
            "total": 2,
            "pending": 0,
            "running": 0,
            "succeeded": 1,
            "failed": 1,
            "cancelled": 0,
        }
    ]
    assert htcgrid("status", session).out.splitlines()[1].split()[2] == "FINISHED"


def test_the_table_and_the_json_call_a_state_the_same(submit: Command, htcgrid: Command, grid: Path) -> None:
    submit("work:echo", [], "--id", "finished")
    submit("work:echo", [1], "--id", "sealed")
    submit("work:echo", [1], "--id", "cancelled")
    htcgrid("cancel", "cancelled")
    with Grid.open(grid) as opened:
        opened.open_session("work:echo", id="open", on_error="leave")
        opened.open_session("work:echo", id="cancelled-empty").cancel()
        states = {status["session"]: status["state"] for status in objects(htcgrid("status", "--json"))}
        lines = htcgrid("status").out.splitlines()[1:]
    assert states == {
        "finished": "FINISHED",
        "sealed": "SEALED",
        "cancelled": "CANCELLED",
        "open": "OPEN",
        "cancelled-empty": "CANCELLED",
    }
    assert {line.split()[0]: line.split()[2] for line in lines} == states


def test_the_table_shows_a_handler_as_it_is_named(htcgrid: Command, grid: Path, tmp_path: Path) -> None:
    with Grid.open(grid) as opened:
        opened.submit("/prices/my[red].py:price", [])
    assert htcgrid("status").out.splitlines()[1].split()[1] == "my[red].py:price"


@pytest.mark.parametrize("columns", [20, 40, 79])
def test_a_narrow_terminal_cuts_nothing_off(submit: Command, htcgrid: Command, grid: Path, columns: int) -> None:
    name = submit("work:echo", list(range(1234))).out.strip()
    with Terminal("status", columns=columns) as terminal:
        assert terminal.ended() == 0
    shown = " ".join(terminal.lines)
    counts = "1,234 total, 1,234 pending, 0 running, 0 succeeded, 0 failed, 0 cancelled"
    assert re.fullmatch(rf"{name}  SEALED, made [\d.]+ s ago   work:echo   {counts}", shown)


def test_a_wide_terminal_has_a_table(submit: Command, grid: Path) -> None:
    submit("work:echo", [1], "--id", "mine")
    with Terminal("status", columns=100) as terminal:
        assert terminal.ended() == 0
    assert terminal.lines[1].split()[:9] == ["mine", "work:echo", "SEALED", "1", "1", "0", "0", "0", "0"]


def test_status_of_a_grid_without_sessions_is_no_error(htcgrid: Command, grid: Path) -> None:
    assert htcgrid("status", "--json") == Ended(0, "", "")
    assert htcgrid("status").out.split()[0] == "session"


def test_nothing_is_cut_off_in_a_pipe(submit: Command, htcgrid: Command, grid: Path) -> None:
    name, handler = "s" * 80, f"work.{'deep.' * 20}module:price"
    submit(handler, list(range(1234)), "--id", name)
    (line,) = htcgrid("status").out.splitlines()[1:]
    assert line.split()[:9] == [name, handler, "SEALED", "1,234", "1,234", "0", "0", "0", "0"]


# --- results ----------------------------------------------------------------------------------------------------------


def test_results_are_one_object_a_line(submit: Command, htcgrid: Command, served: Path) -> None:
    session = submit("work:shout", ["a", 2]).out.strip()
    shown = htcgrid("results", session)
    assert (shown.status, shown.err) == (0, "")
    outcomes = sorted(objects(shown), key=lambda outcome: int(outcome["index"]))
    assert [(outcome["state"], outcome["value"], outcome["tries"]) for outcome in outcomes] == [
        ("SUCCEEDED", "A", 1),
        ("SUCCEEDED", 2, 1),
    ]
    assert all({"worker", "seconds", "committed"} <= set(outcome) for outcome in outcomes)


def test_values_come_in_the_order_of_the_tasks(submit: Command, htcgrid: Command, served: Path) -> None:
    session = submit("work:echo", list(range(500))).out.strip()
    shown = htcgrid("results", session, "--values", "--timeout", "60")
    assert (shown.status, shown.out.split()) == (0, [str(number) for number in range(500)])


def test_bytes_are_shown_in_hexadecimal(htcgrid: Command, served: Path) -> None:
    with Grid.open(served / "grid.toml") as grid:
        session = grid.submit("work:echo", [b"\x00\xff"], codec="bytes").id
    assert htcgrid("results", session, "--values").out == '"00ff"\n'
    assert objects(htcgrid("results", session))[0]["value"] == "00ff"


def test_typed_values_are_shown_as_json_whatever_they_are(htcgrid: Command, served: Path) -> None:
    tasks: list[tuple[Any, Any]] = [
        ((1, {2}), [1, [2]]),
        ([float("nan"), float("-inf")], [None, None]),
        (Decimal("1.50"), "1.50"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
        (frozenset({1}), [1]),
        (1 << 70, 1 << 70),
        ("\udcff", "\udcff"),
        (bytearray(b"\xff"), "ff"),
        ({1: "a", (1, 2): "b", None: "c"}, {"1": "a", "[1,2]": "b", "null": "c"}),
        (Side.BUY, "BUY"),
        (Trade(side=Side.SELL, prices=(1.5, float("nan"))), {"side": "SELL", "prices": [1.5, None]}),
        ({Side.BUY: {Trade(side=Side.BUY, prices=())}}, {"BUY": [{"side": "BUY", "prices": []}]}),
        (np.array([1.5, np.nan]), [1.5, None]),
        (np.array(["2026-01-02", "NaT"], "M8[D]"), ["2026-01-02", None]),
        (pd.DataFrame({"a": [1.5, None], "b": ["x", None]}), [{"a": 1.5, "b": "x"}, {"a": None, "b": None}]),
    ]
    with Grid.open(served / "grid.toml") as grid:
        session = grid.submit("work:echo", [task for task, _ in tasks]).id
    expected = [shown for _, shown in tasks]
    assert [json.loads(line) for line in htcgrid("results", session, "--values").out.splitlines()] == expected
    outcomes = sorted(objects(htcgrid("results", session)), key=lambda outcome: int(outcome["index"]))
    assert [outcome["value"] for outcome in outcomes] == expected


def test_results_exits_with_1_when_a_task_failed(submit: Command, htcgrid: Command, served: Path) -> None:
    session = submit("work:refuse", ["good", "bad", "fine"], "--tries", "1").out.strip()
    shown = htcgrid("results", session)
    assert (shown.status, shown.err) == (1, "")
    (failed,) = (outcome for outcome in objects(shown) if outcome["state"] == "FAILED")
    assert (failed["index"], failed["error"]["type"]) == (1, "ValueError")
    assert failed["error"]["message"] == "bad, says the handler"
    assert 'raise ValueError("bad, says the handler")' in failed["error"]["traceback"]


def test_values_of_a_session_with_a_failed_task_exit_with_1_and_the_reason(
    submit: Command, htcgrid: Command, served: Path
) -> None:
    session = submit("work:refuse", ["good", "bad"], "--tries", "1").out.strip()
    shown = htcgrid("results", session, "--values")
    assert (shown.status, shown.out) == (1, "")
    first, *handler_s_own = shown.err.splitlines()
    assert first == f"htcgrid: task 1 of session {session} failed after 1 try: ValueError: bad, says the handler"
    # The traceback is the handler's own, and set in.
    assert [line for line in handler_s_own if line[4:].startswith("  File")][-1][4:].startswith(
        f'  File "{served / "work.py"}'
    )


def test_failed_tasks_are_listed_and_run_again_in_a_session_that_tells_where_they_come_from(
    submit: Command, htcgrid: Command, served: Path
) -> None:
    session = submit("work:refuse", ["good", "bad", "fine", "bad"], "--tries", "1").out.strip()
    listed = objects(htcgrid("results", session, "--failed"))
    assert [(each["index"], each["error"]["message"]) for each in sorted(listed, key=lambda each: each["index"])] == [
        (1, "bad, says the handler"),
        (3, "bad, says the handler"),
    ]
    again = htcgrid("retry", session, "--failed").out.strip()
    assert again == f"{session}-again"
    assert json.loads(htcgrid("retry", session, "--json").out) == {"session": again, "origin": session, "total": 2}
    failed = htcgrid("results", again)
    assert failed.status == 1
    assert sorted((each["index"], each["origin"]) for each in objects(failed)) == [(0, 1), (1, 3)]
    assert json.loads(htcgrid("status", again, "--json").out)["origin"] == session


def test_what_cannot_be_retried_is_said_so(submit: Command, htcgrid: Command, served: Path) -> None:
    session = submit("work:echo", [1]).out.strip()
    htcgrid("results", session)
    assert htcgrid("retry", session).error.endswith("has failed: there is nothing to submit again")
    assert "no session 'nobody'" in htcgrid("retry", "nobody").error
    assert "--values and --failed cannot go together" in htcgrid("results", session, "--values", "--failed").usage_error


def test_results_exits_with_1_when_a_task_was_cancelled(submit: Command, htcgrid: Command, grid: Path) -> None:
    submit("work:echo", [1, 2], "--id", "stopped")
    htcgrid("cancel", "stopped")
    shown = htcgrid("results", "stopped")
    assert (shown.status, shown.err) == (1, "")
    assert objects(shown) == [{"index": index, "state": "CANCELLED", "tries": 0} for index in range(2)]
    values = htcgrid("results", "stopped", "--values")
    assert values == Ended(1, "", "htcgrid: task 0 of session stopped was cancelled before it ended\n")


def test_results_are_json_with_and_without_the_option(submit: Command, htcgrid: Command, grid: Path) -> None:
    submit("work:echo", [1, 2], "--id", "stopped")
    htcgrid("cancel", "stopped")
    assert htcgrid("results", "stopped", "--json") == htcgrid("results", "stopped")


def test_results_waits_no_longer_than_it_is_told(submit: Command, htcgrid: Command, grid: Path) -> None:
    submit("work:echo", [1, 2], "--id", "waits")
    error = "0 of 2 tasks of session waits had ended after 0.1 s; the others go on"
    assert htcgrid("results", "waits", "--timeout", "0.1") == Ended(124, "", f"htcgrid: {error}\n")
    assert htcgrid("results", "waits", "--timeout", "0.1", "--values") == Ended(124, "", f"htcgrid: {error}\n")


@pytest.mark.parametrize("seconds", ["nan", "-1"])
def test_a_time_that_is_none_is_refused(submit: Command, htcgrid: Command, grid: Path, seconds: str) -> None:
    submit("work:echo", [1], "--id", "waits")
    error = htcgrid("results", "waits", "--timeout", seconds).error
    assert error.startswith("timeout must be a number of seconds of at least 0, or None, not ")


def test_a_reader_that_has_had_enough_is_no_error(submit: Command, htcgrid: Command, grid: Path) -> None:
    submit("work:echo", list(range(20_000)), "--id", "long")
    htcgrid("cancel", "long")
    with started("results", "long") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith('{"index":0,')
        process.stdout.close()
        assert (process.wait(PATIENCE), process.stderr.read()) == (141, "")


def test_results_that_stdout_does_not_take_are_told(submit: Command, grid: Path) -> None:
    session = submit("work:echo", [1]).out.strip()
    command = [sys.executable, "-P", "-m", "htcgrid.cli", "cancel", session]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, cwd=grid.parent, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "htcgrid: the output cannot be written, or the input read: No space left on device\n"


# --- sessions ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def several(submit: Command, grid: Path) -> None:
    """Sessions of three desks, none of which has finished but the empty one."""
    submit("work:echo", [1], "--id", "a", "--label", "desk=rates", "--label", "run=eod")
    submit("work:echo", [1], "--id", "b", "--label", "desk=rates", "--label", "run=intraday")
    submit("work:refuse", [1], "--id", "c", "--label", "desk=fx=spot")
    submit("work:echo", [], "--id", "d")


def named(shown: Ended) -> list[str]:
    assert shown.status == 0, shown
    return [found["session"] for found in objects(shown)]


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], "dcba"),
        (["--label", "desk=rates"], "ba"),
        (["--label", "desk=rates", "--label", "run=eod"], "a"),
        (["--label", "desk=fx=spot"], "c"),
        (["--label", "desk=none"], ""),
        (["--handler", "work:e*"], "dba"),
        (["--finished"], "d"),
        (["--unfinished"], "cba"),
        (["--since", "1h"], "dcba"),
        (["--since", "0s"], ""),
        (["--limit", "2"], "dc"),
    ],
    ids=" ".join,
)
def test_sessions_lists_those_that_are_looked_for_newest_first(htcgrid: Command, words: list[str], found: str) -> None:
    assert named(htcgrid("sessions", "--json", *words)) == list(found)


@pytest.mark.usefixtures("several")
def test_sessions_for_people_are_a_table(htcgrid: Command) -> None:
    lines = htcgrid("sessions", "--label", "run=eod").out.splitlines()
    assert lines[1].split()[:9] == ["a", "work:echo", "SEALED", "1", "1", "0", "0", "0", "0"]
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--label", "desk"], "'desk' is not a label, as desk=rates"),
        (["--label", "=x"], "'=x' is not a label, as desk=rates"),
        (["--label", "a=1", "--label", "a=2"], "the label 'a' is given twice, as '1' and as '2'"),
        (["--since", "soon"], "'soon' is not a duration, as 90, 30s, 15m, 2h or 7d"),
        (["--since", "-1h"], "'-1h' is not a duration, as 90, 30s, 15m, 2h or 7d"),
        (["--since", "9999999999d"], "'9999999999d' is not a duration, as 90, 30s, 15m, 2h or 7d"),
    ],
    ids=" ".join,
)
def test_sessions_names_the_option_that_is_not_right(
    htcgrid: Command, grid: Path, words: list[str], error: str
) -> None:
    assert error in htcgrid("sessions", *words).usage_error


def test_submit_refuses_labels_and_times_that_are_not_right(submit: Command, grid: Path) -> None:
    assert "is given twice" in submit("work:echo", [1], "--label", "a=1", "--label", "a=1").usage_error
    assert "is not a duration" in submit("work:echo", [1], "--keep-for", "for ever").usage_error


# --- delete -----------------------------------------------------------------------------------------------------------


def test_delete_removes_what_has_finished(submit: Command, htcgrid: Command, grid: Path) -> None:
    submit("work:echo", [], "--id", "old")
    submit("work:echo", [], "--id", "kept")
    assert htcgrid("delete", "old") == Ended(0, "old: deleted\n", "")
    assert named(htcgrid("sessions", "--json")) == ["kept"]
    assert htcgrid("status", "old").error == "there is no session 'old' on this grid"
    assert "was deleted, and its id cannot be used again" in submit("work:echo", [], "--id", "old").error


def test_delete_takes_what_has_not_finished_only_when_it_is_forced(
    submit: Command, htcgrid: Command, grid: Path
) -> None:
    submit("work:echo", [1, 2], "--id", "busy")
    submit("work:echo", [], "--id", "old")
    assert htcgrid("delete", "busy", "nope", "old") == Ended(
        2,
        "old: deleted\n",
        "htcgrid: session busy has not finished: 2 tasks have not ended; cancel it first, or use --force\n"
        "htcgrid: there is no session 'nope' on this grid\n",
    )
    assert htcgrid("delete", "--force", "busy", "--json") == Ended(0, '{"session":"busy","deleted":true}\n', "")
    assert named(htcgrid("sessions", "--json")) == []


def test_status_shows_no_shared_inputs_unless_they_are_named(submit: Command, htcgrid: Command, grid: Path) -> None:
    session = submit("work:echo", [1]).out.strip()
    with Grid.open(grid) as opened:
        shared = opened.put([1]).split(":")[1]
    assert [each["session"] for each in objects(htcgrid("status", "--json"))] == [session]
    assert [each["session"] for each in objects(htcgrid("status", shared, "--json"))] == [shared]


# --- cancel -----------------------------------------------------------------------------------------------------------


def test_cancel_says_what_became_of_the_tasks(submit: Command, htcgrid: Command, served: Path) -> None:
    done = submit("work:refuse", ["good", "fine", "bad"], "--tries", "1").out.strip()
    htcgrid("results", done)
    long = submit("work:sleep", [60] * 40).out.strip()
    assert htcgrid("cancel", done, long) == Ended(
        0,
        f"{done}: 0 tasks cancelled, 2 had succeeded, 1 had failed\n"
        f"{long}: 40 tasks cancelled, 0 had succeeded, 0 had failed\n",
        "",
    )
    assert objects(htcgrid("cancel", done, long, "--json")) == [
        {"session": done, "cancelled": 0, "succeeded": 2, "failed": 1},
        {"session": long, "cancelled": 40, "succeeded": 0, "failed": 0},
    ]


def test_cancel_tells_which_sessions_do_not_exist_and_ends_the_others(
    submit: Command, htcgrid: Command, grid: Path
) -> None:
    one, other = submit("work:echo", [1]).out.strip(), submit("work:echo", [1, 2]).out.strip()
    assert htcgrid("cancel", one, "nope", other) == Ended(
        2,
        f"{one}: 1 task cancelled, 0 had succeeded, 0 had failed\n"
        f"{other}: 2 tasks cancelled, 0 had succeeded, 0 had failed\n",
        "htcgrid: there is no session 'nope' on this grid\n",
    )


def test_cancel_needs_a_session(htcgrid: Command, grid: Path) -> None:
    assert htcgrid("cancel").usage_error == "Missing argument 'SESSIONS...'."


@pytest.mark.parametrize("words", [["status"], ["results"], ["results", "--values"], ["cancel"]])
def test_a_session_that_does_not_exist_is_named(htcgrid: Command, grid: Path, words: list[str]) -> None:
    assert htcgrid(*words, "no-such-session").error == "there is no session 'no-such-session' on this grid"
