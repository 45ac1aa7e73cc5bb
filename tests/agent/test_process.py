"""A real worker process, as its agent sees it."""

import os
import signal
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from htcgrid_agent.shell.process import WorkerProcess
from htcgrid_agent.workers.messages import Report, RunTasks, Setup

HANDLERS = """
import os
import signal
import sys
import time


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


def deaf(event, context):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf", flush=True)
    time.sleep(60)


def hang_up(event, context):
    os.closerange(3, 64)
    time.sleep(60)


def nonsense(event, context):
    import socket
    for number in range(3, 16):
        try:
            socket.socket(fileno=os.dup(number)).sendall(b"\\x02\\x00\\x00\\x00\\xc1\\xc1")
            break
        except OSError:
            continue
    time.sleep(60)
"""
RUN = 7


class Heard(WorkerProcess):
    """A worker with the reports that came and were not asked for yet."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.reports: deque[Report | None] = deque()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Heard]:
    """A worker that has said that it is ready."""
    (tmp_path / "jobs.py").write_text(HANDLERS)
    process = Heard(0)
    process.send(Setup("a/0", [str(tmp_path)], 1000, 0))
    try:
        assert next_report(process) == Report(0, None, done=True)
        yield process
    finally:
        if process.channel.fileno() >= 0:
            process.kill()
            process.end()


def next_report(worker: Heard) -> Report | None:
    deadline = time.monotonic() + 20
    while not worker.reports:
        assert time.monotonic() < deadline, "the worker says nothing"
        worker.flush()
        worker.reports.extend(worker.receive())
        time.sleep(0.002)
    return worker.reports.popleft()


def ended(worker: Heard) -> tuple[list[bytes | None], list[int]]:
    """Return the values and the failed tasks of all reports of a run."""
    values, failures = list[bytes | None](), list[int]()
    while True:
        report = next_report(worker)
        assert report is not None
        if report.block is not None:
            values += report.block.values
            failures += report.block.failures
        if report.done:
            return values, failures


def run(worker: Heard, function: str, *payloads: bytes) -> None:
    worker.send(RunTasks(RUN, "s", f"jobs:{function}", "json", None, {}, 10, list(payloads), {}))


def test_a_worker_runs_tasks_and_reports_their_values(worker: Heard) -> None:
    run(worker, "double", b"1", b'"a"', b"[]")
    report = next_report(worker)
    assert report is not None
    assert (report.run, report.done) == (RUN, True)
    assert report.block is not None
    assert (report.block.start, report.block.values) == (10, [b"2", b'"aa"', b"[]"])
    assert worker.cell.look() is None
    assert not worker.ended


def test_a_large_message_goes_through_a_channel_that_takes_a_part_at_a_time(worker: Heard) -> None:
    run(worker, "double", b'"%s"' % (b"x" * 400), *[b"[%s1]" % (b"1," * 500_000)] * 8)
    assert worker.unsent
    values, failures = ended(worker)
    assert values[0] == b'"%s"' % (b"x" * 800)
    # The others' results are longer than this worker may return.
    assert failures == list(range(11, 19))


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
    assert ended(worker) == ([b'"still here"'], [])


def test_a_worker_that_ignores_sigterm_is_killed(worker: Heard) -> None:
    run(worker, "deaf", b"0")
    os.set_blocking(worker.output.fileno(), True)
    assert worker.output.readline() == b"deaf\n"
    os.kill(worker.pid, signal.SIGTERM)
    time.sleep(0.05)
    assert not worker.ended
    worker.kill()
    assert worker.end() == "was killed by SIGKILL (out of memory?)"


def test_a_worker_that_closes_its_connection_is_killed(worker: Heard) -> None:
    run(worker, "hang_up", b"0")
    assert next_report(worker) is None
    assert worker.end() == "closed its connection to the agent, and was killed"


def test_a_worker_that_talks_nonsense_is_given_up(worker: Heard) -> None:
    run(worker, "nonsense", b"0")
    assert next_report(worker) is None
    assert worker.end() == "closed its connection to the agent, and was killed"


def test_a_worker_ends_with_its_agent(worker: Heard) -> None:
    run(worker, "deaf", b"0")
    os.close(worker._lifeline)
    deadline = time.monotonic() + 20
    while not worker.ended:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    worker._lifeline = os.open(os.devnull, os.O_RDONLY)
    assert worker.end() == "exited with status 1"
