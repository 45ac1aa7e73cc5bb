"""Few threads for what many have to do."""

import threading
import time
from collections.abc import Callable

import pytest

from htcgrid.connector.crew import Crew
from htcgrid.host import RealHost, Thread


class Parts:
    """Parts of work that wait until they are let go."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.begun: list[int] = []
        self.go = threading.Semaphore(0)

    def part(self, number: int) -> Callable[[], None]:
        def run() -> None:
            self.begun.append(number)
            self.go.acquire()

        return run


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.002)


@pytest.fixture
def parts() -> Parts:
    return Parts(Crew(RealHost()))


def test_no_more_run_at_once_than_may_and_the_others_come_in_their_order(parts: Parts) -> None:
    for number in range(50):
        parts.crew.begin(parts.part(number))
    until(lambda: len(parts.begun) == Crew.MOST)
    assert parts.crew.is_wanted
    for count in range(50):
        parts.go.release()
        until(lambda count=count: len(parts.begun) == min(50, Crew.MOST + count + 1))  # type: ignore[misc]
    assert sorted(parts.begun[: Crew.MOST]) == list(range(Crew.MOST))
    assert parts.begun[Crew.MOST :] == list(range(Crew.MOST, 50))
    assert not parts.crew.is_wanted


def test_what_waits_for_something_else_lets_another_run(parts: Parts) -> None:
    inside, leave = threading.Semaphore(0), threading.Event()

    def aside() -> None:
        with parts.crew.aside():
            inside.release()
            leave.wait(60)

    for _ in range(Crew.MOST):
        parts.crew.begin(aside)
    for _ in range(Crew.MOST):
        assert inside.acquire(timeout=60)
    parts.crew.begin(parts.part(1))
    until(lambda: parts.begun == [1])
    leave.set()
    parts.go.release()
    # All of them may run again.
    for number in range(2, 2 + Crew.MOST):
        parts.crew.begin(parts.part(number))
    until(lambda: len(parts.begun) == 1 + Crew.MOST)
    for _ in range(Crew.MOST):
        parts.go.release()


def test_no_thread_stays_when_there_is_nothing_to_do(parts: Parts) -> None:
    parts.crew.begin(parts.part(1))
    until(lambda: parts.begun == [1])
    before = {thread.name for thread in threading.enumerate()}
    assert "submit sessions" in before
    parts.go.release()
    until(lambda: "submit sessions" not in {thread.name for thread in threading.enumerate()})


def test_a_thread_that_the_system_refuses_takes_no_one_s_place() -> None:
    class Refusing(RealHost):
        refuses = True

        def thread(self, run: Callable[[], object], *, name: str) -> Thread:
            if self.refuses:
                raise RuntimeError("can't start new thread")
            return super().thread(run, name=name)

    host = Refusing()
    parts = Parts(Crew(host))
    for _ in range(2 * Crew.MOST):
        with pytest.raises(RuntimeError, match="can't start new thread"):
            parts.crew.begin(parts.part(0))
    host.refuses = False
    parts.crew.begin(parts.part(1))
    until(lambda: parts.begun == [1])
    parts.go.release()
