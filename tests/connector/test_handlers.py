"""What a handler is given, what it may ask for, and how it says that another try is useless."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from htcgrid import Grid, Outcome, RetryPolicy, TaskError
from htcgrid.config import read_config
from htcgrid.errors import ConfigError, EncodingError, PayloadLostError, TaskFailedError
from htcgrid.model import Pool, SessionId, defaults, parse_shared
from tests.agent import jobs

HANDLERS = """
import asyncio
import os
import sys
import threading
from pathlib import Path

import htcgrid
from htcgrid import TaskError

SETUPS = []
HERE = Path(__file__).parent


def setup():
    with (HERE / "setups").open("a") as file:
        file.write(f"{os.getpid()}\\n")
    if (HERE / "closed").exists():
        (HERE / "closed").unlink()
        raise ConnectionError("the database is closed")
    SETUPS.append(1)


def facts(event, context):
    return [len(SETUPS), os.getpid(), os.environ.get("CURVES", ""), os.environ.get("SECRET", "")]


def variables(event, context):
    return dict(os.environ)


def prints(event, context):
    print("printed")
    sys.stdout.close()
    sys.stderr = None


def hog(megabytes, context):
    globals().setdefault("HELD", []).append(b"x" * (megabytes * 1_000_000))
    return os.getpid()


def creep(megabytes, context):
    kept = globals().setdefault("KEPT", [])
    for _ in range(megabytes * 1000):
        kept.append(bytes(1000))
    return os.getpid()


def oom_score(event, context):
    with open("/proc/self/oom_score_adj") as score:
        return int(score.read())


def ask(ref, context):
    return len(context.get(ref))


def same(ref, context):
    return context.get(ref) is context.get(ref)


def ask_late(ref, context):
    def late():
        try:
            context.get(ref)
        except RuntimeError as error:
            (HERE / "late").write_text(str(error))
    threading.Timer(0.2, late).start()
    return None
"""
ONCE = RetryPolicy(tries=1)
QUICK = timedelta(milliseconds=1)


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Grid]]:
    """Start a grid whose agent has these settings; its folder has a module ``work``."""
    monkeypatch.setenv("NEVER_SHOWN", "s3cret")
    monkeypatch.setenv("GRID_PASSWORD", "state")
    (tmp_path / "work.py").write_text(HANDLERS)
    with ExitStack() as stack:

        def start(settings: str) -> Grid:
            (tmp_path / "grid.toml").write_text(
                '[state]\nprovider = "local"\npath = {env = "GRID_PASSWORD"}\n\n'
                '[compute]\nprovider = "local"\npath = "state"\nlifeline = true\ngrace = 0\n\n'
                f'[agent]\nhandlers = ["work:*"]\npath = ["."]\nworkers = 1\n{settings}\n'
            )
            compute = read_config(tmp_path / "grid.toml").open_compute()
            stack.callback(compute.close)
            compute.apply(Pool(name=defaults.POOL))
            compute.scale(defaults.POOL, 1)
            return stack.enter_context(Grid.open(tmp_path / "grid.toml"))

        yield start


def _outcomes(grid: Grid, handler: object, *tasks: object, **options: object) -> list[Outcome]:
    session = grid.submit(handler, list(tasks), **options)  # type: ignore[arg-type]
    return sorted(session.outcomes(timeout=40), key=lambda outcome: outcome.index)


def test_a_task_knows_itself(grid: Grid) -> None:
    session = grid.submit(jobs.describe, [1, 2], labels={"desk": "rates"}, timeout=30)
    first, second = session.results(timeout=30)
    assert second == {
        "session": session.id,
        "index": 1,
        "try": 1,
        "labels": {"desk": "rates"},
        "remaining": pytest.approx(30, abs=10),
        "worker": session.task(1).worker,
    }
    assert first["index"] == 0


def test_what_a_handler_logs_names_its_task_and_is_kept_with_it(grid: Grid) -> None:
    session = grid.submit(jobs.log, ["the curve is flat"], output="all")
    (outcome,) = session.outcomes(timeout=30)
    assert outcome.stderr.endswith(f"WARNING {session.id}/0 try 1: the curve is flat\n")
    assert outcome.stderr.count("\n") == 1, "debug lines are left out, and none comes twice"


# Errors that are not tried again.


def test_an_error_that_is_not_to_be_tried_again_fails_at_once(grid: Grid) -> None:
    (outcome,) = _outcomes(grid, jobs.refuse, "no maturity", retry=RetryPolicy(tries=5, backoff=QUICK))
    assert (outcome.tries, outcome.error and outcome.error.type) == (1, "TaskError")
    assert "KeyError" in (outcome.error.traceback if outcome.error else "")
    with pytest.raises(TaskFailedError, match="failed after 1 try: TaskError: no maturity"):
        outcome.result()


@pytest.mark.parametrize(
    ("rule", "tries"),
    [
        ({}, 3),
        ({"never": ("ConnectionRefusedError",)}, 1),
        ({"never": ("OSError",)}, 1),
        ({"never": ("builtins.OSError",)}, 1),
        ({"never": ("Exception",)}, 1),
        ({"never": ("ValueError", "elsewhere.OSError")}, 3),
        ({"only": ("ConnectionError",)}, 3),
        ({"only": ("ValueError",)}, 1),
        ({"only": ("OSError",), "never": ("ConnectionError",)}, 1),
    ],
)
def test_errors_are_tried_again_by_their_names(grid: Grid, rule: dict[str, tuple[str, ...]], tries: int) -> None:
    (outcome,) = _outcomes(grid, jobs.refuse_connection, 1, retry=RetryPolicy(tries=3, backoff=QUICK, **rule))  # type: ignore[arg-type]
    assert outcome.tries == tries


@pytest.mark.parametrize(
    ("handler", "timeout", "name"), [(jobs.exit_hard, None, "WorkerDied"), (jobs.sleep, 0.2, "TimedOut")]
)
def test_what_the_grid_ends_has_a_name_too(grid: Grid, handler: object, timeout: float | None, name: str) -> None:
    rule = RetryPolicy(tries=3, backoff=QUICK, never=(name,))
    task = "die" if timeout is None else 60
    (outcome,) = _outcomes(grid, handler, task, retry=rule, timeout=timeout)
    assert (outcome.tries, outcome.error and outcome.error.type) == (1, name)
    rule = RetryPolicy(tries=2, backoff=QUICK, only=(name,))
    (outcome,) = _outcomes(grid, handler, task, retry=rule, timeout=timeout)
    assert outcome.tries == 2


@pytest.mark.parametrize(
    "names", ["OSError", ("not a name",), (int,), (OSError("full"),), ("OSError",) * 33, (1,), ("",)]
)
def test_what_is_no_name_of_an_error_is_told(names: object) -> None:
    with pytest.raises(ConfigError, match="retry never must"):
        RetryPolicy(never=names)  # type: ignore[arg-type]


def test_a_client_may_raise_and_catch_the_same_error() -> None:
    error = TaskError.no_retry("no maturity")
    assert (str(error), error.final, TaskError("x").final) == ("no maturity", True, False)
    assert type(TaskFailedError.no_retry("x")) is TaskFailedError


# What a module sets up.


def test_setup_runs_once_in_each_worker_before_its_first_task(started: Callable[[str], Grid], tmp_path: Path) -> None:
    grid = started("")
    outcomes = [*_outcomes(grid, "work:facts", 1, 2), *_outcomes(grid, "work:facts", 3)]
    assert [outcome.value[0] for outcome in outcomes] == [1, 1, 1]
    assert (tmp_path / "setups").read_text().split() == [str(outcomes[0].value[1])]


def test_a_setup_that_fails_is_tried_again_with_the_task(started: Callable[[str], Grid], tmp_path: Path) -> None:
    grid = started("")
    (tmp_path / "closed").touch()
    (outcome,) = _outcomes(grid, "work:facts", 1, retry=RetryPolicy(tries=1))
    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.message) == (
        "ConnectionError",
        "setup() of 'work' raised ConnectionError: the database is closed",
    )
    assert "in setup" in outcome.error.traceback
    (tmp_path / "closed").touch()
    (outcome,) = _outcomes(grid, "work:facts", 1, retry=RetryPolicy(tries=2, backoff=QUICK))
    assert (outcome.tries, outcome.value[0]) == (2, 1)


# The agent's settings.


def test_workers_have_the_variables_of_the_settings(started: Callable[[str], Grid]) -> None:
    grid = started('environment = {CURVES = "eur", SECRET = {env = "NEVER_SHOWN"}}')
    (outcome,) = _outcomes(grid, "work:facts", 1)
    assert outcome.value[2:] == ["eur", "s3cret"]
    assert "CURVES" not in os.environ


# What an operator hands to them is theirs.
@pytest.mark.parametrize(("settings", "seen"), [("", None), ('environment = {GRID_PASSWORD = "theirs"}', "theirs")])
def test_workers_have_no_variable_that_opens_the_grid_s_services(
    started: Callable[[str], Grid], settings: str, seen: str | None
) -> None:
    (outcome,) = _outcomes(started(settings), "work:variables", 1)
    assert "PATH" in outcome.value
    assert outcome.value.get("GRID_PASSWORD") == seen


def test_a_handler_that_closes_its_output_leaves_the_next_tasks_theirs(started: Callable[[str], Grid]) -> None:
    grid = started("")
    for _ in range(2):
        (outcome,) = _outcomes(grid, "work:prints", 1, output="all", retry=ONCE)
        assert outcome.error is None
        assert outcome.stdout == "printed\n"


def test_a_worker_is_replaced_after_so_many_tasks(started: Callable[[str], Grid]) -> None:
    grid = started("recycle_tasks = 3")
    pids = [outcome.value[1] for outcome in _outcomes(grid, "work:facts", *range(10))]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 3, 1]


def test_a_worker_is_replaced_once_it_holds_so_much_memory(started: Callable[[str], Grid]) -> None:
    grid = started("recycle_megabytes = 200")
    pids = [outcome.value for outcome in _outcomes(grid, "work:hog", *[60] * 8)]
    # Some 30 MB of its own, and 60 more with each task.
    assert 2 <= len(set(pids)) <= 4
    assert max(pids.count(pid) for pid in pids) <= 4


def test_a_task_that_asks_for_too_much_memory_fails_alone(started: Callable[[str], Grid]) -> None:
    grid = started("memory_megabytes = 400")
    outcomes = _outcomes(grid, "work:hog", 1, 10_000, *[1] * 20, retry=ONCE)
    assert [outcome.succeeded for outcome in outcomes] == [True, False, *[True] * 20]
    error = outcomes[1].error
    assert error is not None
    assert (error.type, error.message) == (
        "MemoryError",
        "a worker may reserve 400 MB of data ('memory_megabytes' in [agent])",
    )
    # The next task began in a new process: what the failed one left behind costs it nothing.
    pids = [[each.value for each in outcomes if (each.began < outcomes[1].began) is early] for early in (True, False)]
    assert not set(pids[0]) & set(pids[1])


def test_a_task_that_uses_up_its_memory_bit_by_bit_says_so_too(started: Callable[[str], Grid]) -> None:
    outcomes = _outcomes(started("memory_megabytes = 300"), "work:creep", 10, 10_000, 10, retry=ONCE)
    assert [outcome.succeeded for outcome in outcomes] == [True, False, True]
    error = outcomes[1].error
    assert error is not None
    assert (error.type, error.message) == (
        "MemoryError",
        "a worker may reserve 300 MB of data ('memory_megabytes' in [agent])",
    )
    assert "kept.append(bytes(1000))" in error.traceback


def test_a_worker_ends_before_its_agent_when_the_machine_runs_out_of_memory(started: Callable[[str], Grid]) -> None:
    (outcome,) = _outcomes(started(""), "work:oom_score", 1)
    assert outcome.value >= 500


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("memory_megabytes = 10", "`memory_megabytes` must be from 64 to"),
        ("recycle_tasks = 0", "`recycle_tasks` must be from 1 to"),
        ("recycle_megabytes = -1", "`recycle_megabytes` must be from 1 to"),
        ("shared_megabytes = 0", "`shared_megabytes` must be from 1 to"),
        ('environment = {"A=B" = "c"}', "`environment`: no process can have a variable 'A=B'"),
        ("environment = {A = 1}", "Expected `str`, got `int` - key `environment"),
    ],
)
def test_settings_that_cannot_be_are_told(started: Callable[[str], Grid], settings: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        started(settings)
    assert message in str(raised.value)
    assert "[agent]" in str(raised.value)


# Shared inputs.


@pytest.mark.parametrize(
    ("codec", "data", "length"), [("json", {"eur": [0.02] * 1000}, 1), ("bytes", b"x" * 5_000_000, 5_000_000)]
)
def test_shared_inputs_are_put_once_and_had_by_every_task(grid: Grid, codec: str, data: object, length: int) -> None:
    ref = grid.put(data, codec=codec)
    assert grid.submit(jobs.length_of_shared, [ref] * 100).results(timeout=30) == [length] * 100


def test_a_shared_input_is_fetched_once_per_agent_and_decoded_once_per_worker(started: Callable[[str], Grid]) -> None:
    grid = started("")
    ref = grid.put([1, 2, 3])
    assert grid.submit("work:same", [ref]).results(timeout=30) == [True]
    # The agent and its worker have it by now, whatever becomes of the stored one.
    again = grid.put([1, 2, 3])
    session = again.split(":")[1]
    grid._payloads.delete(prefix=session)
    assert grid.submit("work:ask", [ref, again]).results(timeout=30) == [3, 3]


def test_shared_inputs_beyond_the_agent_s_room_are_fetched_again(started: Callable[[str], Grid]) -> None:
    grid = started("shared_megabytes = 1\nrecycle_tasks = 1")
    refs = [grid.put(bytes([number]) * 700_000, codec="bytes") for number in range(3)]
    assert grid.submit("work:ask", refs * 2).results(timeout=40) == [700_000] * 6


def test_a_shared_input_that_is_gone_fails_its_tasks_at_once(grid: Grid) -> None:
    ref = grid.put({"a": "market that is gone"})
    grid.session(ref.split(":")[1]).delete()
    grid._payloads.delete(prefix=ref.split(":")[1])
    (outcome,) = _outcomes(grid, jobs.length_of_shared, ref, retry=RetryPolicy(tries=5))
    assert (outcome.tries, outcome.error and outcome.error.type) == (1, PayloadLostError.__name__)
    assert "put it again, with a longer keep_for" in str(outcome.exception())


def test_a_shared_input_that_was_altered_is_not_used(grid: Grid) -> None:
    ref = grid.put("a market that is altered")
    key = parse_shared(ref).key
    grid._payloads.delete([key])
    grid._payloads.put({key: b'"another"'})
    (outcome,) = _outcomes(grid, jobs.length_of_shared, ref, retry=RetryPolicy(tries=5))
    assert "was altered in the payload store" in str(outcome.exception())


@pytest.mark.parametrize(
    "ref", ["curves", "", 7, None, "htcgrid-shared:s:json:9:zz", f"htcgrid-shared:../x:json:9:{'0' * 64}"]
)
def test_what_is_no_reference_is_told(grid: Grid, ref: object) -> None:
    (outcome,) = _outcomes(grid, jobs.length_of_shared, ref)
    assert outcome.error is not None
    assert (outcome.tries, outcome.error.type) == (1, "ConfigError")


def test_a_thread_that_asks_after_its_task_has_ended_is_told(started: Callable[[str], Grid], tmp_path: Path) -> None:
    grid = started("")
    ref = grid.put(1)
    grid.submit("work:ask_late", [ref]).results(timeout=30)
    late = tmp_path / "late"
    deadline = time.monotonic() + 20
    while not (late.exists() and late.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert late.read_text() == "context.get() serves the handler that runs: call it before the handler returns"


def test_a_pickled_input_is_for_agents_that_unpickle(started: Callable[[str], Grid], grid: Grid) -> None:
    ref = grid.put({"eur", "usd"}, codec="pickle")
    assert grid.submit(jobs.length_of_shared, [ref]).results(timeout=30) == [2]
    refusing = started("")
    ref = refusing.put({"eur", "usd"}, codec="pickle")
    (outcome,) = _outcomes(refusing, "work:ask", ref, retry=ONCE)
    assert "this agent does not unpickle" in str(outcome.exception())


def test_shared_inputs_are_not_listed_among_sessions_and_are_collected_as_sessions_are(grid: Grid) -> None:
    ref = grid.put([1], keep_for=3600)
    session = SessionId(ref.split(":")[1])
    assert session not in {status.session.id for status in grid.sessions()}
    (status,) = (one for one in grid.sessions(handler="htcgrid:shared") if one.session.id == session)
    assert (status.finished, status.total, status.session.keep_for) == (True, 0, timedelta(hours=1))


@pytest.mark.parametrize(
    ("data", "options", "error", "message"),
    [
        (object(), {}, EncodingError, "a value of type object cannot be sent with codec 'typed'"),
        (b"x", {"codec": "json"}, EncodingError, "JSON has no bytes; codec 'typed' keeps it"),
        (b"x", {"codec": "bytes", "lossy": True}, ConfigError, "has no lossy form"),
        (1, {"codec": "yaml"}, ConfigError, "there is no codec 'yaml'"),
        (1, {"keep_for": -1}, ConfigError, "keep_for must be"),
    ],
)
def test_what_cannot_be_shared_is_told(
    grid: Grid, data: object, options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        grid.put(data, **options)  # type: ignore[arg-type]


# Versions of Python.


def test_a_client_of_another_python_is_told_so_when_a_task_fails(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    own = "{}.{}".format(*sys.version_info)
    (outcome,) = _outcomes(grid, jobs.refuse_connection, 1, retry=ONCE)
    assert "runs Python" not in str(outcome.exception())
    monkeypatch.setattr(sys, "version_info", (3, 99))
    (outcome,) = _outcomes(grid, jobs.refuse_connection, 1, retry=ONCE)
    assert f"(the client runs Python 3.99, and this worker {own})" in str(outcome.exception())
    (outcome,) = _outcomes(grid, "no_such_module:f", 1)
    assert f"(the client runs Python 3.99, and this worker {own})" in str(outcome.exception())


def test_a_pickled_function_of_another_python_is_refused(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    with grid.executor(codec="pickle") as executor:
        assert executor.submit(lambda: 7).result(timeout=30) == 7
    monkeypatch.setattr(sys, "version_info", (3, 99))
    with grid.executor(codec="pickle") as executor, pytest.raises(TaskFailedError, match=r"PythonMismatch.*3\.99"):
        executor.submit(lambda: 7).result(timeout=30)


def test_the_policy_is_read_back_as_it_was_written() -> None:
    policy = RetryPolicy(only=["OSError"], never=("ValueError",))
    assert policy.only == ("OSError",)
    assert msgspec.convert(msgspec.to_builtins(policy), RetryPolicy) == policy
