"""When an embedded grid's agent gives up, because none of its workers can be started."""

import pytest
from structlog.testing import CapturingLogger

from htcgrid_agent.shell.worker_starts import WorkerStarts


def starts(*, embedded: bool = True) -> tuple[WorkerStarts, CapturingLogger, list[BaseException]]:
    """Return the starts of two workers, which have begun, the log, and why the agent gave up."""
    log, given_up = CapturingLogger(), list[BaseException]()
    made = WorkerStarts(log, given_up.append if embedded else None)
    made.begin(0)
    made.begin(1)
    return made, log, given_up


def test_an_agent_gives_up_once_each_worker_was_tried_three_times() -> None:
    made, _, given_up = starts()
    for worker in (0, 1, 0, 1, 0):
        made.failed(worker, "exited with 1", "first\nno worker today\n")
    assert not given_up
    made.failed(1, "exited with 1", "first\nno worker today\n")
    assert "each was tried 3 times, and the last exited with 1 after it had printed: no worker today" in str(
        given_up[0]
    )


def test_a_worker_that_starts_slowly_keeps_its_agent() -> None:
    made, log, given_up = starts()
    for _ in range(9):
        made.failed(0, "was killed by SIGKILL")
    assert not given_up
    made.ready()
    made.failed(1, "was killed by SIGKILL")
    assert not given_up
    assert [call.args for call in log.calls] == [("agent ready",)]


@pytest.mark.parametrize("printed", ["", "no memory"])
def test_an_agent_that_stays_goes_on_trying(printed: str) -> None:
    made, log, given_up = starts(embedded=False)
    for _ in range(9):
        made.failed(0, "exited with 1", printed)
        made.failed(1, "exited with 1", printed)
    made.ready()
    assert not given_up
    assert not log.calls
