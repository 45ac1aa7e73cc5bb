"""What explain finds out, finding by finding: a function of what was seen."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from htcgrid.connector import Outcome
from htcgrid.findings.failed import FailedTask
from htcgrid.findings.finding import Finding, FindingKind
from htcgrid.findings.phrasing import counted, span, tasks
from htcgrid.findings.session import findings
from htcgrid.findings.sight import Sight
from htcgrid.model import (
    AgentId,
    AgentReport,
    AgentStatus,
    BundleKey,
    BundleStatus,
    Failure,
    Holding,
    Ranges,
    Session,
    SessionId,
    SessionState,
    SessionStatus,
    TaskFault,
    TaskState,
)
from htcgrid.model.call import PICKLED_CALL
from htcgrid.model.python_client import PythonClient, told

BEGAN = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOW = BEGAN.timestamp()
IS_OPEN = "it is open: its client has not said that no more tasks will come"
SESSION = Session(id=SessionId("risk"), handler="work:price", created=BEGAN)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def status(total: int = 10, *, session: Session = SESSION, state: str = "SEALED", **counts: int) -> SessionStatus:
    every = {"succeeded": 0, "failed": 0, "cancelled": 0, "running": 0} | counts
    return SessionStatus(session=session, state=SessionState(state), total=total, **every)


def agent(name: str = "a", *, silent: float = 3.0, **report: Any) -> AgentStatus:
    said: dict[str, Any] = {"workers": 2, "handlers": ("work:*",), "host": "vm", "pid": 7}
    said |= {"version": "1.0", "python": "3.11.7"}
    return AgentStatus(report=AgentReport(id=AgentId(name), started=BEGAN, **(said | report)), silent=seconds(silent))


def bundle(start: int, stop: int, holder: str | None = None, **more: Any) -> BundleStatus:
    return BundleStatus(
        key=BundleKey(SESSION.id, start),
        open=Ranges.of((start, stop)),
        agent=None if holder is None else AgentId(holder),
        attempt=1,
        **more,
    )


def fault(index: int, tries: int, *, ago: float = 4.0, session: str = "risk", message: str = "no") -> TaskFault:
    return TaskFault(
        session=SessionId(session), index=index, tries=tries, type="ValueError", message=message, at=NOW - ago
    )


def found(**seen: Any) -> list[Finding]:
    known: dict[str, Any] = {"status": status(), "agents": [agent()], "version": "1.0", "python": "3.11.7", "now": NOW}
    return list(findings(Sight(**(known | seen))))


def messages(kind: str, **seen: Any) -> list[str]:
    return [finding.message for finding in found(**seen) if finding.kind is FindingKind[kind]]


def one(kind: str, **seen: Any) -> Finding:
    (finding,) = (finding for finding in found(**seen) if finding.kind is FindingKind[kind])
    return finding


def outcome(state: str, **more: Any) -> Outcome:
    known: dict[str, Any] = {
        "index": 4,
        "state": TaskState(state),
        "value": None,
        "error": None,
        "tries": 1,
        "began": NOW,
        "microseconds": 1_500_000,
        "worker": "a/0",
        "committed": BEGAN,
        "session": SESSION.id,
    }
    return Outcome(**(known | more))


# --- sessions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "kind", "message"),
    [
        (status(succeeded=8, failed=2), "FINISHED", "every task has ended: 8 succeeded, 2 failed"),
        (status(0), "FINISHED", "it has finished, and never had a task"),
        (
            status(state="CANCELLED", succeeded=1, cancelled=9),
            "CANCELLED",
            "it was cancelled, which ended 9 tasks; of the others, 1 succeeded, 0 failed",
        ),
        (status(succeeded=1, failed=2), "UNFINISHED", "3 of 10 tasks have ended: 1 succeeded, 2 failed"),
        (
            status(0, state="OPEN"),
            "OPEN",
            f"{IS_OPEN}; no task has been accepted yet",
        ),
        (
            status(1, state="OPEN"),
            "OPEN",
            f"{IS_OPEN}; 1 task was accepted so far",
        ),
        (
            status(state="OPEN", succeeded=10),
            "OPEN",
            f"{IS_OPEN}; 10 tasks were accepted so far, and all have ended",
        ),
    ],
)
def test_the_gist_of_a_session_is_told(seen: SessionStatus, kind: str, message: str) -> None:
    assert messages(kind, status=seen) == [message]


@pytest.mark.parametrize("seen", [status(succeeded=10), status(0), status(state="CANCELLED", cancelled=10)])
def test_of_a_session_that_has_ended_nothing_more_is_told(seen: SessionStatus) -> None:
    assert len(found(status=seen)) == 1


def test_an_open_session_is_told_how_to_end() -> None:
    assert one("OPEN", status=status(state="OPEN")).advice == (
        "if that client is gone, 'htcgrid cancel risk' ends it, or submit again under the id, if it was chosen"
    )


def test_the_first_failures_are_told_and_the_others_counted() -> None:
    failures = [
        FailedTask(index=index, type="ValueError", message=message)
        for index, message in ((3, "no"), (5, "no"), (7, "yes"))
    ]
    assert messages("FAILED", status=status(failed=5, succeeded=5), failures=failures) == [
        "2 tasks failed: ValueError: no (tasks 3, 5)",
        "task 7 failed: ValueError: yes",
        "2 more tasks failed",
    ]
    assert len(messages("FAILED", status=status(failed=3, succeeded=7), failures=failures)) == 2


# --- tasks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ended", "message"),
    [
        (outcome("SUCCEEDED"), "task 4 succeeded after 1 try, on a/0, in 1.5 s"),
        (
            outcome("FAILED", tries=3, error=Failure(type="ValueError", message="no")),
            "task 4 failed after 3 tries, on a/0, in 1.5 s: ValueError: no",
        ),
        (
            outcome("FAILED", tries=0, began=0.0, worker="a", error=Failure(type="HandlerNotAllowed", message="no")),
            "task 4 failed after 0 tries, by a: HandlerNotAllowed: no",
        ),
        (outcome("CANCELLED", tries=0, worker="", committed=None), "task 4 was cancelled before it ended"),
    ],
)
def test_of_a_task_that_has_ended_it_is_told_how(ended: Outcome, message: str) -> None:
    (finding,) = found(index=4, outcome=ended)
    assert (finding.kind, finding.message) == (FindingKind[ended.state], message)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (bundle(4, 5), "task 4 has not ended"),
        (bundle(3, 6), "task 4 has not ended; it is in one bundle with 2 other tasks, of tasks 3–5"),
        (bundle(4, 5, tries={4: 1}), "task 4 has not ended; 1 try of it went wrong"),
        (bundle(4, 5, tries={4: 2}), "task 4 has not ended; 2 tries of it went wrong"),
    ],
)
def test_of_a_task_that_has_not_ended_it_is_told_where_it_is(held: BundleStatus, message: str) -> None:
    assert messages("UNFINISHED", index=4, bundles=[held]) == [message]


def test_of_a_task_only_its_own_faults_are_told() -> None:
    seen = {"index": 4, "bundles": [bundle(3, 6, "a")], "agents": [agent(faults=(fault(3, 1), fault(4, 1)))]}
    assert messages("WENT_WRONG", **seen) == ["try 1 of 3 of task 4 went wrong 4 s ago: ValueError: no"]


# --- pending ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bundles", "message"),
    [
        ([bundle(4, 5)], "task 4 is pending"),
        ([bundle(4, 9)], "tasks 4–8 are pending"),
        ([bundle(0, 4), bundle(4, 9)], "9 tasks in 2 bundles are pending"),
    ],
)
def test_pending_tasks_are_told(bundles: list[BundleStatus], message: str) -> None:
    assert messages("PENDING", bundles=bundles) == [message]


def test_nobody_in_the_pool_is_told_with_how_to_start_one() -> None:
    finding = one("NO_AGENT", bundles=[bundle(0, 5)], agents=[])
    assert finding.message == "no agent of pool default has reported in the last day"
    assert finding.advice == "start one: 'htcgrid agent'"


def test_agents_of_other_pools_are_told() -> None:
    seen = status(session=msgspec.structs.replace(SESSION, pool="night"))
    others = [agent("b", pool="day"), agent("c", pool="late"), agent("d", pool="gone", silent=900)]
    finding = one("NO_AGENT", status=seen, bundles=[bundle(0, 5)], agents=[], others=others)
    assert finding.message == (
        "no agent of pool night has reported in the last day; there are agents of pools day and late"
    )
    assert finding.advice == "start one: 'htcgrid agent --pool night'"


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (agent(silent=300), "the last, a, was heard of 5 min ago"),
        (agent(silent=3, ended=True), "the last, a, ended 3 s ago"),
    ],
)
def test_the_last_agent_of_a_pool_is_named(last: AgentStatus, told: str) -> None:
    assert messages("NO_AGENT", bundles=[bundle(0, 5)], agents=[last]) == [f"no agent of pool default is there; {told}"]


def test_agents_that_drain_are_told() -> None:
    assert messages("DRAINING", bundles=[bundle(0, 5)], agents=[agent(draining=True)]) == [
        "agent a of pool default was told to stop, and no other is there"
    ]
    two = [agent("a", draining=True), agent("b", draining=True)]
    assert messages("DRAINING", bundles=[bundle(0, 5)], agents=two) == [
        "all 2 agents of pool default were told to stop, and no other is there"
    ]


def test_agents_that_work_for_others_are_told_with_whom() -> None:
    holds = (
        Holding(session=SessionId("eod"), bundles=1, tasks=100),
        Holding(session=SessionId("risk"), bundles=1, tasks=3),
    )
    finding = one("BUSY", bundles=[bundle(0, 5)], agents=[agent("a", busy=2, holds=holds), agent("b", busy=2)])
    assert finding.message == ("all 4 workers of pool default are busy, also with tasks of eod (100 tasks)")
    assert finding.advice == (
        "start more agents, or wait; a session that is submitted with a higher priority is run first"
    )
    alone = one("BUSY", bundles=[bundle(0, 5)], agents=[agent("a", busy=1, workers=1)])
    assert alone.message == "the only worker of pool default is busy"
    assert alone.advice == "start more agents, or wait"


def test_agents_with_room_are_told_with_how_old_that_is() -> None:
    finding = one("IDLE", bundles=[bundle(0, 5)], agents=[agent("a", busy=1), agent("b", silent=9)])
    assert finding.message == ("3 of 4 workers of pool default had nothing to do when last reported, 9 s ago")
    assert "ask again in 15 s" in finding.advice


def test_handlers_that_no_agent_allows_are_told() -> None:
    finding = one("NOT_ALLOWED", agents=[agent(handlers=("other:*",)), agent("b", handlers=("other:*",))])
    assert finding.message == (
        "a and b do not allow the handler 'work:price' ('handlers' in [agent]: 'other:*'), so that its tasks fail"
    )


def test_a_handler_that_one_agent_does_not_allow_is_told() -> None:
    refuses = "a does not allow the handler 'work:price' ('handlers' in [agent]: none)"
    assert messages("NOT_ALLOWED", agents=[agent(handlers=()), agent("b")]) == [
        f"{refuses}, so that those of its tasks that come there fail"
    ]
    assert messages("NOT_ALLOWED", agents=[agent(handlers=(), silent=900), agent("b")]) == []


def test_of_a_pickled_function_the_patterns_say_nothing() -> None:
    named = msgspec.structs.replace(SESSION, handler="<lambda> at client.py:12")
    assert len(messages("NOT_ALLOWED", status=status(session=named))) == 1
    function = told(PythonClient(function=("5f", 300)))
    for pickled in (
        msgspec.structs.replace(SESSION, handler=PICKLED_CALL, codec="pickle"),
        msgspec.structs.replace(SESSION, handler=PICKLED_CALL),
        msgspec.structs.replace(named, codec_options=function),
    ):
        assert messages("NOT_ALLOWED", status=status(session=pickled)) == []


# --- held and going wrong ---------------------------------------------------------------------------------------------


def test_who_holds_tasks_is_told() -> None:
    finding = one("RUNNING", bundles=[bundle(0, 4, "a"), bundle(4, 9, "a")], agents=[agent(busy=2)])
    assert finding.message == (
        "9 tasks in 2 bundles are with agent a (pid 7 on vm), heard of 3 s ago with 2 of 2 workers busy"
    )
    assert finding.advice == "a task that hangs is not ended: the session has no time-out"


def test_a_session_with_a_time_out_is_not_told_of_it() -> None:
    seen = status(session=msgspec.structs.replace(SESSION, timeout=seconds(9)))
    assert one("RUNNING", status=seen, bundles=[bundle(0, 4, "a")]).advice == ""


def test_an_agent_that_drains_is_told_to_give_back() -> None:
    (message,) = messages("RUNNING", bundles=[bundle(0, 1, "a")], agents=[agent(draining=True)])
    assert message.endswith("; it was told to stop, and gives back what it does not finish")


def test_of_many_agents_those_with_most_tasks_are_told() -> None:
    agents = [agent(f"a{number}") for number in range(6)]
    bundles = [bundle(10 * number, 10 * number + 1 + number, f"a{number}") for number in range(6)]
    told = messages("RUNNING", bundles=bundles, agents=agents)
    assert [message.split(" with agent ")[1].split()[0] for message in told[:3]] == ["a5", "a4", "a3"]
    assert told[3] == "6 tasks are with 3 other agents"


@pytest.mark.parametrize(
    ("agents", "why"),
    [
        ([agent(silent=50)], "on vm, which has not been heard of for 50 s"),
        ([agent(silent=3, ended=True)], "which ended 3 s ago"),
        ([], "of which there is no report"),
    ],
)
def test_an_agent_that_was_lost_with_tasks_is_told(agents: list[AgentStatus], why: str) -> None:
    finding = one("LOST", bundles=[bundle(0, 4, "a")], agents=agents, lease=seconds(20))
    assert finding.message == (
        f"tasks 0–3 are with agent a, {why}: pending again once its lease of 20 s is over and a reaper has seen it"
    )
    assert finding.advice == "no agent is there to do so: start one, or 'htcgrid reaper'"
    assert one("LOST", bundles=[bundle(0, 4, "a")], agents=[*agents, agent("b")]).advice == ""


def test_delayed_tasks_are_told_with_their_last_error() -> None:
    seen = {"bundles": [bundle(4, 5, delay=seconds(12))], "agents": [agent(faults=(fault(4, 2), fault(4, 1, ago=9)))]}
    assert messages("DELAYED", **seen) == [
        "task 4 waits 12 s more until tried again; try 2 of 3 of task 4 went wrong 4 s ago: ValueError: no"
    ]
    assert messages("WENT_WRONG", **seen) == messages("PENDING", **seen) == []


def test_delayed_tasks_of_which_no_agent_has_told_why_are_told_so() -> None:
    assert messages("DELAYED", bundles=[bundle(4, 5, delay=seconds(12), tries={4: 2})]) == [
        "task 4 waits 12 s more until tried again; 2 of 3 tries went wrong; why will be in its agent's next report"
    ]


def test_many_delayed_tasks_are_counted() -> None:
    bundles = [bundle(number, number + 1, delay=seconds(number + 1)) for number in range(6)]
    assert messages("DELAYED", bundles=bundles) == [
        "task 0 waits 1 s more until tried again",
        "task 1 waits 2 s more until tried again",
        "task 2 waits 3 s more until tried again",
        "3 tasks more wait up to 6 s to be tried again",
    ]


def test_faults_of_tasks_that_are_held_are_told_newest_first() -> None:
    faults = (fault(3, 1, ago=60), fault(5, 1, ago=2), fault(9, 1), fault(3, 1, session="other"))
    assert messages("WENT_WRONG", bundles=[bundle(0, 6, "a")], agents=[agent(faults=faults)]) == [
        "try 1 of 3 of task 5 went wrong 2 s ago: ValueError: no",
        "try 1 of 3 of task 3 went wrong 60 s ago: ValueError: no",
    ]


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (bundle(0, 4, lapses=1), "1 agent was lost while holding tasks 0–3"),
        (bundle(0, 4, lapses=2), "2 agents were lost while holding tasks 0–3, so that they run one at a time"),
        (
            bundle(4, 5, lapses=2, lapses_alone=1),
            "3 agents were lost while holding task 4, 1 of them with that task alone; after 4 such it fails",
        ),
    ],
)
def test_lapses_are_told(held: BundleStatus, message: str) -> None:
    assert messages("LAPSED", bundles=[held]) == [message]


def test_many_lapses_are_counted_after_the_worst() -> None:
    bundles = [bundle(number, number + 2, lapses=1 + (number == 6)) for number in range(0, 10, 2)]
    told = messages("LAPSED", bundles=bundles)
    assert told[0] == "2 agents were lost while holding tasks 6–7, so that they run one at a time"
    assert told[3] == "the agents that held 4 more tasks were lost, too"


# --- versions and bounds ----------------------------------------------------------------------------------------------


def test_other_versions_than_the_client_s_are_told() -> None:
    agents = [agent("a"), agent("b", version="0.9"), agent("c", version="0.9"), agent("d", python="3.13.1")]
    assert messages("VERSION", agents=agents) == [
        "b and c run htcgrid 0.9, and this client 1.0",
        "d runs Python 3.13, and this client 3.11",
    ]
    assert messages("VERSION", agents=[agent(python="3.11.1"), agent("b", version="0.9", silent=900)]) == []


def test_code_that_was_edited_or_differs_is_told_of_the_session_s_handler() -> None:
    agents = [
        agent("a", code={"work:price": "aaaa", "work:other": "1111"}, edited=("/srv/work.py",)),
        agent("b", code={"work:price": "bbbb", "work:other": "2222"}),
        agent("c", code={"work:price": "bbbb"}),
        agent("gone", code={"work:price": "cccc"}, edited=("/srv/x.py",), silent=900),
    ]
    told = [
        "/srv/work.py was edited, and a runs it as it was when its workers imported it",
        "the code of 'work:price' is not the same everywhere: aaaa on a; bbbb on b and c",
    ]
    session = Session(id=SESSION.id, handler="work:price", created=BEGAN)
    assert messages("CODE", agents=agents, status=status(session=session)) == told
    done = status(session=session, total=1, succeeded=1)
    assert messages("CODE", agents=agents, status=done) == told
    assert messages("CODE", agents=agents[1:]) == []


def test_what_was_not_looked_at_is_told() -> None:
    (message,) = messages("PARTIAL", bundles=[bundle(0, 5)], more=True)
    assert message == "it has more bundles than the 1 that were looked at, for which all this holds"


@pytest.mark.parametrize(
    ("time", "words"),
    [(0, "0 s"), (0.44, "0.4 s"), (9, "9 s"), (89.6, "90 s"), (150, "2 min"), (7200, "2 h"), (180_000, "2 d")],
)
def test_a_time_is_told_roughly(time: float, words: str) -> None:
    assert span(seconds(time)) == words


def test_tasks_and_counts_are_told_as_people_do() -> None:
    assert tasks(Ranges.of((0, 5), (7, 8), (10, 12), (20, 30))) == "tasks 0–4, 7, 10–11 and 10 more"
    assert (counted(1, "task"), counted(2000, "try", "tries")) == ("1 task", "2,000 tries")
