"""Each promise that a drill looks at is told broken by evidence that it is."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from htcgrid.connector import Outcome
from htcgrid.drill.evidence import Evidence, Reading
from htcgrid.drill.notes import Run
from htcgrid.drill.plan import Strike
from htcgrid.drill.striker import Struck
from htcgrid.drill.verdict import Judge, Verdict
from htcgrid.model import (
    AgentId,
    BundleKey,
    BundleStatus,
    Ranges,
    Session,
    SessionId,
    SessionState,
    SessionStatus,
    TaskState,
)

TASKS = 10
SESSION = SessionId("drill-1")
FLUSH = 0.2


def run(index: int, at: float, *, agent: str = "a", pid: int = 7) -> Run:
    """Return a note of a run."""
    return Run(index, 1, f"{agent}/{pid}", pid, at)


def outcome(index: int, began: float, *, worker: str = "a/7") -> Outcome:
    """Return the outcome of a task that succeeded."""
    return Outcome(
        index=index,
        state=TaskState.SUCCEEDED,
        value=None,
        error=None,
        tries=1,
        began=began,
        microseconds=10,
        worker=worker,
        committed=None,
        session=SESSION,
    )


def evidence(**changes: Any) -> Evidence:
    """Return the evidence of a drill in which all was well, with some changes."""
    session = Session(id=SESSION, handler="work:run", created=datetime(2026, 1, 1, tzinfo=UTC))
    status = SessionStatus(
        session=session,
        state=SessionState.SEALED,
        total=TASKS,
        succeeded=TASKS,
        failed=0,
        cancelled=0,
        running=0,
    )
    well = Evidence(
        status=status,
        recorded=Counter(range(TASKS)),
        outcomes={index: outcome(index, float(index)) for index in range(TASKS)},
        readings=[Reading(accepted=TASKS, told=Counter(range(TASKS)))],
        runs=[run(index, float(index)) for index in range(TASKS)],
        struck=[],
        fallen={},
    )
    return msgspec.structs.replace(well, **changes)


def judged(**changes: Any) -> Verdict:
    """Return the verdict on evidence with some changes."""
    return Judge(evidence(**changes), TASKS, flush=FLUSH).verdict()


def test_nothing_is_broken_when_all_is_well() -> None:
    verdict = judged()
    assert verdict.kept
    assert (verdict.tasks, verdict.lost, verdict.twice, verdict.wrong) == (TASKS, [], [], [])
    assert (verdict.again, verdict.bound) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recorded": Counter(range(TASKS - 1))}, "task 9 was accepted and has no outcome"),
        ({"recorded": Counter([*range(TASKS), 3])}, "task 3 stands in the log more than once"),
        (
            {"readings": [Reading(told=Counter(range(TASKS)), wrong={4: "wrong"})]},
            "task 4 has another result than the one that its handler returns",
        ),
        (
            {"readings": [Reading(told=Counter(range(TASKS)), wrong={4: "AgentLost: 4 agents"})]},
            "task 4 failed, though it can be run: AgentLost: 4 agents",
        ),
        ({"readings": [Reading(told=Counter([*range(TASKS), 2]))]}, "task 2 was told to client 1 more than once"),
        (
            {"readings": [Reading(told=Counter(range(1, TASKS)))]},
            "task 0 has an outcome, and the last client was not told",
        ),
        ({"fallen": {"a": "MemoryError"}}, "a ended by itself: MemoryError"),
        (
            {"runs": [*(run(index, float(index)) for index in range(TASKS)), run(5, 20.0, agent="b")]},
            "task 5 ran again although nothing had struck b/7",
        ),
    ],
)
def test_a_broken_promise_is_told_with_its_task(changes: dict[str, Any], said: str) -> None:
    verdict = judged(**changes)
    assert not verdict.kept
    assert any(sentence.startswith(said) for sentence in verdict.broken), verdict.broken


def test_tasks_that_a_client_was_told_are_accepted_are_lost_when_nobody_knows_them() -> None:
    verdict = judged(readings=[Reading(accepted=TASKS + 2, told=Counter(range(TASKS)))])
    assert verdict.lost == [TASKS, TASKS + 1]


def test_of_many_tasks_that_are_lost_some_are_named() -> None:
    verdict = judged(recorded=Counter())
    assert len(verdict.lost) == TASKS
    assert "and 5 tasks more: was accepted and has no outcome" in verdict.broken


def test_earlier_lives_of_a_client_need_not_have_read_all() -> None:
    readings = [Reading(accepted=3, told=Counter([1, 2])), Reading(accepted=TASKS, told=Counter(range(TASKS)))]
    assert judged(readings=readings).kept


def test_what_a_victim_had_begun_may_run_again_and_no_more() -> None:
    runs = [run(index, float(index)) for index in range(TASKS)]
    again = [run(8, 12.0, agent="b", pid=8), run(9, 12.5, agent="b", pid=8)]
    struck = [Struck(Strike.AGENT_KILLED, 9.1, 9.1, "a")]
    there = {8: outcome(8, 12.0, worker="b/8"), 9: outcome(9, 12.5, worker="b/8")}
    verdict = judged(runs=[*runs, *again], outcomes=evidence().outcomes | there, struck=struck)
    # What began within 1.2 s before the strike, and the one that ran then.
    assert (verdict.again, verdict.bound, verdict.kept) == (2, 3, True)
    # What it had begun long before was committed long before.
    far = [run(index, 12.0 + index, agent="b", pid=8) for index in range(4)]
    ran_there = {index: outcome(index, 12.0 + index, worker="b/8") for index in range(4)}
    outcomes = evidence().outcomes | ran_there
    assert not judged(runs=[*runs, *far], outcomes=outcomes, struck=struck).kept


def test_a_task_that_two_workers_of_an_agent_begin_at_once_breaks_no_promise() -> None:
    runs = [*(run(index, float(index)) for index in range(TASKS)), run(5, 5.3, pid=8)]
    assert judged(runs=runs).kept


def test_a_long_task_may_run_again_when_its_worker_was_struck_at_any_time_of_it() -> None:
    runs = [*(run(index, 3.0 * index) for index in range(TASKS)), run(9, 31.0, agent="b", pid=8)]
    there = {index: outcome(index, 3.0 * index) for index in range(9)} | {9: outcome(9, 31.0, worker="b/8")}
    struck = [Struck(Strike.WORKER_KILLED, 29.9, 29.9, "a", 7)]
    assert judged(runs=runs, outcomes=there, struck=struck).kept


def test_the_outcome_of_a_paused_agent_may_be_the_one_that_counts() -> None:
    runs = [*(run(index, float(index)) for index in range(TASKS)), run(9, 14.0, agent="b", pid=8)]
    struck = [Struck(Strike.AGENT_PAUSED, 9.1, 16.0, "a")]
    assert judged(runs=runs, struck=struck).kept


def test_tasks_that_run_twice_at_once_time_after_time_break_a_promise() -> None:
    runs = [*(run(index, float(index)) for index in range(TASKS)), *(run(n, n + 0.3, pid=8) for n in range(TASKS))]
    verdict = judged(runs=runs)
    assert (verdict.again, verdict.bound) == (10, 3)
    assert verdict.broken == ["tasks were run again 10 times, and what was struck accounts for 3"]


def test_only_what_a_worker_ran_may_run_again_when_it_was_struck() -> None:
    runs = [run(index, float(index), pid=index % 2) for index in range(TASKS)]
    struck = [Struck(Strike.WORKER_KILLED, 9.1, 9.1, "a", 1)]
    assert judged(runs=runs, struck=struck).bound == 2


def test_recovery_is_the_time_until_an_interrupted_task_runs_again() -> None:
    runs = [*(run(index, float(index)) for index in range(TASKS)), run(9, 14.0, agent="b", pid=8)]
    outcomes = {index: outcome(index, float(index)) for index in range(TASKS)} | {9: outcome(9, 14.0)}
    verdict = judged(runs=runs, outcomes=outcomes, struck=[Struck(Strike.AGENT_KILLED, 9.5, 9.5, "a")])
    assert verdict.recovery == {Strike.AGENT_KILLED: [4.5]}


def test_recovery_of_an_agent_that_was_told_to_stop_is_the_time_until_its_bundles_run_elsewhere() -> None:
    held = BundleStatus(key=BundleKey(SESSION, 5), open=Ranges.of((5, TASKS)), agent=AgentId("a"), attempt=1)
    runs = [
        *(run(index, float(index)) for index in range(6)),
        *(run(index, index + 1.0, agent="b", pid=8) for index in range(6, TASKS)),
    ]
    verdict = judged(runs=runs, struck=[Struck(Strike.AGENT_TOLD_TO_STOP, 5.5, 5.5, "a", held=(held,))])
    assert verdict.recovery == {Strike.AGENT_TOLD_TO_STOP: [1.5]}


def test_recovery_of_an_emptied_queue_is_the_time_until_it_has_hints_again() -> None:
    struck = [Struck(Strike.QUEUE_EMPTIED, 5.0, 7.5), Struck(Strike.QUEUE_EMPTIED, 9.0, 9.0)]
    assert judged(struck=struck).recovery == {Strike.QUEUE_EMPTIED: [2.5]}


def test_without_notes_it_is_not_known_what_ran_again() -> None:
    verdict = judged(runs=[])
    assert verdict.again is None
    assert verdict.kept


def test_what_others_struck_sets_no_bound() -> None:
    runs = [*(run(index, 0.0) for index in range(TASKS)), run(5, 1.0)]
    verdict = Judge(evidence(runs=runs), TASKS, flush=FLUSH, observed=True).verdict()
    assert (verdict.again, verdict.bound, verdict.kept) == (1, None, True)
