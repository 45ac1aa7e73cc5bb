"""Tasks that crash, exit, hang, use up memory or take their agent along: each fails, says why, and harms no other."""

from pathlib import Path

from htcgrid import Outcome
from tests.processes.poison import KINDS, RETRY, TIMEOUT, kept_grid

LONG = 240.0
_LOST = (
    "4 agents were lost, or stood still past their lease, while this task was all that was left of its bundle: it "
    "probably takes its agent along, by using up memory, killing processes or hanging the machine"
)
#: How each ends: its error's type, and what is said.
_ENDS = {
    "segfault": ("WorkerDied", "the worker was killed by SIGSEGV"),
    "exit": ("WorkerDied", "the worker exited with status 3"),
    "memory": ("MemoryError", "a worker may reserve 1000 MB of data ('memory_megabytes' in [agent])"),
    "hang": ("TimedOut", "the try took longer than the session's timeout of 1 s"),
    "agent": (
        "AgentLost",
        _LOST,
    ),
}


def test_poison_tasks_fail_with_a_reason_and_all_others_succeed(tmp_path: Path) -> None:
    events = [("well", 0.02)] * 500
    for number, kind in enumerate(KINDS):
        events[100 * number + 37] = (kind, 0.02)
    with kept_grid(tmp_path) as grid:
        outcomes = list(grid.submit("work:work", events, timeout=TIMEOUT, retry=RETRY).outcomes(timeout=LONG))
    assert len(outcomes) == len(events)
    failed = {events[outcome.index][0]: outcome for outcome in outcomes if not outcome.succeeded}
    assert {kind: _said(outcome) for kind, outcome in failed.items()} == _ENDS
    assert {kind: outcome.tries for kind, outcome in failed.items()} == {
        "segfault": 2,
        "exit": 2,
        "memory": 2,
        "hang": 2,
        # Whoever takes the agent along is never heard of: that costs agents, and no try.
        "agent": 1,
    }


def _said(outcome: Outcome) -> tuple[str, str]:
    assert outcome.error is not None
    return outcome.error.type, outcome.error.message
