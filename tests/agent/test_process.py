"""A real worker process, as its agent sees it."""

import os
import signal
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any, cast

import msgspec
import pytest

from htcgrid.connector.function_pickle import function_bytes
from htcgrid.local.process import birthmark
from htcgrid.model import Failure
from htcgrid.model.call import PICKLED_CALL, PickledCall, write_call
from htcgrid.model.codec import codec_of
from htcgrid.model.function_layout import join_function
from htcgrid_agent.shell.process import WorkerProcess
from htcgrid_agent.workers.messages import Report, RunTasks, Setup

HANDLERS = """
import os
import signal
import sys
import time


def double_none(event):
    return None * 2


def double(event, context):
    return event * 2


def leave(event, context):
    os._exit(event)


def shoot(event, context):
    os.kill(os.getpid(), event)


def mute(event, context):
    os.close(1)
    os.close(2)
    return "still here"


def lose(event):
    exec(event)
    return list(getattr(sys, "argv", None) or [])


def deaf(event, context):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf", flush=True)
    time.sleep(60)


def hang_up(event, context):
    os.closerange(3, 64)
    time.sleep(60)


def nonsense(event, context):
    import socket
    for number in range(3, 1024):
        try:
            socket.socket(fileno=os.dup(number)).sendall(len(event).to_bytes(4, "little") + event)
            break
        except OSError:
            continue
    time.sleep(60)
"""
RUN = 7


ODD = """
class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def raise_mute(event, context):
    raise Mute


def raise_surrogate(event):
    raise OSError("no such file: \\udcff.csv")


def raise_much(event):
    raise ValueError("z" * 1_000_000)


def return_lock(event):
    return open
"""


class Heard(WorkerProcess):
    """A worker with the reports that came and were not asked for yet."""

    def __init__(self, number: int) -> None:
        super().__init__(number, name="a/0")
        self.reports: deque[Report | None] = deque()

    def send(self, message: msgspec.Struct) -> None:
        """Send a message, and expect reports of the tasks that it hands over."""
        if isinstance(message, RunTasks):
            self.hand(message.run, message.start, message.start + len(message.payloads), time.monotonic())
        super().send(message)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Heard]:
    """A worker that has said that it is ready."""
    (tmp_path / "jobs.py").write_text(HANDLERS + ODD)
    process = Heard(0)
    process.send(Setup("a/0", [bytes(tmp_path)], 1000, 0))
    try:
        assert next_report(process) == Report(0, None, done=True)
        yield process
    finally:
        process.kill()
        process.end()
        process.close()


def next_report(worker: Heard) -> Report | None:
    deadline = time.monotonic() + 20
    while not worker.reports:
        assert time.monotonic() < deadline, "the worker says nothing"
        worker.flush()
        worker.reports.extend(cast("Iterator[Report | None]", worker.receive()))
        time.sleep(0.002)
    return worker.reports.popleft()


def ended(worker: Heard) -> tuple[list[bytes | None], dict[int, Failure]]:
    """Return the values and the failures of all reports of a run."""
    values, failures = list[bytes | None](), dict[int, Failure]()
    while True:
        report = next_report(worker)
        assert report is not None
        if report.block is not None:
            values += report.block.values
            failures |= report.block.failures
        if report.done:
            return values, failures


def run(worker: Heard, function: str, *payloads: bytes, codec: str = "json") -> None:
    worker.send(RunTasks(RUN, "s", f"jobs:{function}", codec, None, {}, 10, list(payloads), {}))


def test_a_worker_runs_tasks_and_reports_their_values(worker: Heard) -> None:
    run(worker, "double", b"1", b'"a"', b"[]")
    report = next_report(worker)
    assert report is not None
    assert (report.run, report.done) == (RUN, True)
    assert report.block is not None
    assert (report.block.start, report.block.values) == (10, [b"2", b'"aa"', b"[]"])
    assert worker.cell.look() is None
    assert not worker.ended


@pytest.mark.parametrize("code", ["sys.argv = ('a',)", "del sys.argv", "sys.argv = None", "sys.argv.clear()"])
def test_a_worker_goes_on_when_a_task_has_lost_its_arguments(worker: Heard, code: str) -> None:
    run(worker, "lose", msgspec.json.encode(code))
    assert ended(worker)[1] == {}
    run(worker, "lose", b'"pass"')
    assert ended(worker) == ([b'["jobs"]'], {})


def test_a_worker_calls_what_was_pickled_and_returns_what_was_raised(worker: Heard) -> None:
    # Functions of this function travel whole; those of a module do by their names.
    def raise_much() -> None:
        raise ValueError(b"z" * 100_000)

    def raise_lock() -> None:
        raise ValueError(Lock())

    calls: list[Any] = [(lambda x: {x}, (1,), {}), (int, ("one",), {}), (raise_much, (), {}), (raise_lock, (), {})]
    payloads = [
        write_call(PickledCall(function_bytes(function)[0], codec_of("pickle").encode((args, kwargs))))
        for function, args, kwargs in calls
    ]
    nothing = codec_of("pickle").encode(((), {}))
    cloudless = [write_call(PickledCall(join_function(b"not pickled", []), nothing))]
    cloudless.append(write_call(PickledCall(function_bytes(Lock)[0], nothing)))
    cloudless += [b"no call", write_call(PickledCall(b"no", nothing))]
    worker.send(RunTasks(RUN, "s", PICKLED_CALL, "pickle", None, {}, 0, payloads + cloudless, {}))
    values, failures = ended(worker)
    first, second, *others = [value and codec_of("pickle").decode(value) for value in values]
    assert (first, type(second), str(second)) == ({1}, ValueError, str(failures[1].message))
    # What is too long, or cannot be pickled, is told in words alone.
    assert others[:2] == [None, None]
    assert [failures[index].type for index in range(2, 8)] == [*["ValueError"] * 2, *["EncodingError"] * 4]
    assert "b'zzz" in failures[2].message
    assert "cannot be unpickled" in failures[4].message
    assert "cannot be pickled" in failures[5].message
    assert "no call of a pickled function" in failures[6].message
    assert "no pickled function" in failures[7].message
    assert all(failures[index].final for index in range(4, 8))


def test_a_large_message_goes_through_a_channel_that_takes_a_part_at_a_time(worker: Heard) -> None:
    # While it does not read, its socket takes a part.
    os.kill(worker.pid, signal.SIGSTOP)
    run(worker, "double", b'"%s"' % (b"x" * 400), *[b"[%s1]" % (b"1," * 500_000)] * 8)
    assert worker.unsent
    os.kill(worker.pid, signal.SIGCONT)
    values, failures = ended(worker)
    assert values[0] == b'"%s"' % (b"x" * 800)
    # The others' results are longer than this worker may return.
    assert list(failures) == list(range(11, 19))


def failure_of(worker: Heard, function: str) -> Failure:
    """Return how the one task of a run failed."""
    run(worker, function, b"0")
    return ended(worker)[1][10]


def test_a_traceback_begins_at_the_handler(worker: Heard) -> None:
    shown = failure_of(worker, "double_none").traceback.splitlines()
    assert shown[0] == "Traceback (most recent call last):"
    assert shown[1].endswith('jobs.py", line 9, in double_none')


def test_an_error_of_megabytes_is_cut(worker: Heard) -> None:
    failure = failure_of(worker, "raise_much")
    assert (failure.type, len(failure.message), len(failure.traceback)) == ("ValueError", 2_000, 8_000)


def test_an_error_that_cannot_be_shown_costs_no_worker(worker: Heard) -> None:
    failure = failure_of(worker, "raise_mute")
    assert failure.type == "Mute"
    assert failure.message == "(its message cannot be had: __str__ raises RuntimeError)"
    run(worker, "double", b"4")
    assert ended(worker) == ([b"8"], {})


def test_a_message_that_no_encoding_has_costs_no_worker(worker: Heard) -> None:
    assert failure_of(worker, "raise_surrogate").message == "no such file: \\udcff.csv"
    run(worker, "double", b"4")
    assert ended(worker) == ([b"8"], {})


def test_a_result_that_cannot_be_encoded_is_final_and_shows_no_line_that_is_not_the_users(worker: Heard) -> None:
    failure = failure_of(worker, "return_lock")
    assert (failure.type, failure.final, failure.traceback) == ("EncodingError", True, "")


def test_a_worker_that_exits_tells_its_status_and_its_task(worker: Heard) -> None:
    run(worker, "leave", b"3")
    assert next_report(worker) is None
    look = worker.cell.look()
    assert look is not None
    assert look[0] == 10
    assert worker.end() == "exited with status 3"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGSEGV, "was killed by SIGSEGV"),
        (signal.SIGKILL, "was killed by SIGKILL (out of memory?)"),
        (signal.SIGRTMIN + 3, f"was killed by signal {signal.SIGRTMIN + 3}"),
    ],
)
def test_a_worker_that_a_signal_ends_is_told_by_its_name(worker: Heard, number: int, reason: str) -> None:
    run(worker, "shoot", b"%d" % number)
    assert next_report(worker) is None
    assert worker.end() == reason


def test_a_worker_that_closes_its_output_works_on(worker: Heard) -> None:
    run(worker, "mute", b"0")
    assert ended(worker) == ([b'"still here"'], {})


def test_a_worker_that_ignores_sigterm_is_killed(worker: Heard) -> None:
    run(worker, "deaf", b"0")
    os.set_blocking(worker.outputs["stdout"].fileno(), True)
    assert worker.outputs["stdout"].readline() == b"deaf\n"
    os.kill(worker.pid, signal.SIGTERM)
    time.sleep(0.05)
    assert not worker.ended
    worker.kill()
    assert worker.end() == "was killed by SIGKILL (out of memory?)"


def test_a_worker_that_closes_its_connection_is_killed(worker: Heard) -> None:
    run(worker, "hang_up", b"0")
    assert next_report(worker) is None
    assert worker.end() == "closed its connection to the agent, and was killed"


#: A report with a field more than there are, which the decoder skips, level by level.
NESTED = b"\x98\xa6report\x07\xc0\xc2\xc2\xa0\xc2" + b"\x91" * 100_000


@pytest.mark.parametrize("said", [b"\xc1\xc1", b"", NESTED], ids=["no message", "nothing", "what is nested deeply"])
def test_a_worker_that_talks_nonsense_is_given_up(worker: Heard, said: bytes) -> None:
    run(worker, "nonsense", said, codec="bytes")
    assert next_report(worker) is None
    assert worker.end().startswith("sent what is no message for its agent, and was killed: a message of worker a/0 ")


@pytest.mark.parametrize("by", ["the kernel", "its own thread"])
def test_a_worker_takes_its_programs_along_when_its_agent_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    if by == "its own thread":
        monkeypatch.setattr("htcgrid_agent.shell.process.end_group_with", lambda _descriptor, _group: None)
    (tmp_path / "jobs.py").write_text(
        "import subprocess, time\n"
        "def hold(event, context):\n"
        "    print(subprocess.Popen(['sleep', '600']).pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    worker = Heard(0)
    worker.send(Setup("a/0", [bytes(tmp_path)], 1000, 0))
    assert next_report(worker) == Report(0, None, done=True)
    run(worker, "hold", b"0")
    os.set_blocking(worker.outputs["stdout"].fileno(), True)
    child = int(worker.outputs["stdout"].readline())
    assert birthmark(child) is not None
    os.close(worker._lifeline)
    deadline = time.monotonic() + 60
    while not worker.ended or birthmark(child) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    worker._lifeline = os.open(os.devnull, os.O_RDONLY)
    worker.end()
    worker.close()


def test_a_worker_ends_with_its_agent(worker: Heard) -> None:
    run(worker, "deaf", b"0")
    os.close(worker._lifeline)
    deadline = time.monotonic() + 20
    while not worker.ended:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    worker._lifeline = os.open(os.devnull, os.O_RDONLY)
    assert worker.end() == "was killed by SIGKILL (out of memory?)"
