"""Whoever waits for what does not go on is told why, in one line; and nobody is while all is well."""

import logging
from collections.abc import Callable, Iterator
from threading import Event

import pytest

from htcgrid import SessionHandle
from htcgrid.errors import ProviderError, ResultTimeoutError, TaskError, ThrottledError
from htcgrid.findings.standstill import look_for_standstill
from htcgrid.model import SessionId
from htcgrid.testing.samples import session_of
from tests.connector.standing import LONG, Standing, holding

#: Virtual seconds for which people wait.
WAITED = 200.0

State = Callable[[Standing], object]
Wait = Callable[[SessionHandle], object]


def nothing(_: Standing) -> None:
    """No agent has ever been there."""


def pool_of_others(standing: Standing) -> None:
    standing.agent("n", pool="night")


def ended_agent(standing: Standing) -> None:
    standing.agent("gone", ended=True)


def lost_agent(standing: Standing) -> None:
    standing.agent("gone", interval=LONG / 1000)
    standing.advance(200)


def draining(standing: Standing) -> None:
    standing.agent("a", draining=True)


def all_draining(standing: Standing) -> None:
    standing.agent("a", draining=True)
    standing.agent("b", draining=True)


def busy(standing: Standing) -> None:
    standing.agent("a", busy=1, holds=holding("big", 5))


def all_busy(standing: Standing) -> None:
    standing.agent("a", busy=1, holds=holding("big", 5))
    standing.agent("b", busy=1, holds=holding("urgent", 7))


def busy_with_unknown(standing: Standing) -> None:
    standing.agent("a", busy=1)


def idle(standing: Standing) -> None:
    standing.agent("a", workers=2, busy=1)


def idle_and_refusing(standing: Standing) -> None:
    standing.agent("a", handlers=("work:*",))


def busy_and_refusing(standing: Standing) -> None:
    standing.agent("a", busy=1, handlers=())


def delayed(standing: Standing) -> None:
    standing.agent("a", faults=(standing.fault(0, "No module named 'x'", kind="ModuleNotFoundError"),))
    standing.give_back(standing.claim(), delay=400, tries=1)


def delayed_untold(standing: Standing) -> None:
    standing.agent("a")
    standing.give_back(standing.claim(), delay=400, tries=2)


def delayed_without_agent(standing: Standing) -> None:
    standing.give_back(standing.claim(), delay=400, tries=1)


def delayed_message_of_many_lines(standing: Standing) -> None:
    standing.agent("a", faults=(standing.fault(0, "first\nsecond\x1b[31m" + "x" * 5000),))
    standing.give_back(standing.claim(), delay=400, tries=1)


def gone_with_tasks(standing: Standing) -> None:
    standing.claim(name="gone")
    standing.agent("gone", ended=True)


def silent_with_tasks(standing: Standing) -> None:
    standing.claim(name="gone")
    standing.agent("gone", interval=LONG / 1000)
    standing.advance(200)


def lapsed(standing: Standing) -> None:
    standing.agent("a", ended=True)
    standing.lapse(standing.claim())


def half_ended(standing: Standing) -> None:
    standing.end(standing.claim(standing.keys()[0]))


def embedded(standing: Standing) -> None:
    standing.notices.embedded = "/tmp/grid"


def embedded_agent_gone(standing: Standing) -> None:
    standing.notices.embedded = "/tmp/grid"
    standing.agent("e", ended=True)


STANDSTILLS: dict[str, tuple[State, str]] = {
    "no agent": (nothing, "no agent of pool default has reported in the last day; start one: 'htcgrid agent'"),
    "agents of another pool": (pool_of_others, "in the last day; there are agents of pool night; start one"),
    "an agent that has ended": (ended_agent, "no agent of pool default is there; the last, gone, ended "),
    "an agent that is lost": (lost_agent, "no agent of pool default is there; the last, gone, was heard of "),
    "an agent that drains": (draining, "agent a of pool default was told to stop, and no other is there; start one"),
    "agents that drain": (all_draining, "all 2 agents of pool default were told to stop"),
    "a busy agent": (busy, "the only worker of pool default is busy, also with tasks of big (5 tasks)"),
    "busy agents": (all_busy, "all 2 workers of pool default are busy, also with tasks of urgent (7 tasks) and big"),
    "busy with what it does not tell": (busy_with_unknown, "the only worker of pool default is busy; start more"),
    "an agent that does not come for them": (idle, "1 of 2 workers of pool default had nothing to do"),
    "an agent that allows other handlers": (idle_and_refusing, "a does not allow the handler 'math:sqrt'"),
    "a busy agent that allows none": (busy_and_refusing, "('handlers' in [agent]: none)"),
    "tries with a pause": (delayed, "went wrong 5 s ago: ModuleNotFoundError: No module named 'x'"),
    "tries of which no agent tells": (delayed_untold, "more until tried again; 2 of 3 tries went wrong"),
    "tries without an agent": (delayed_without_agent, "no agent of pool default has reported in the last day; task 0 "),
    "an error of many lines": (delayed_message_of_many_lines, "ValueError: first second\\x1b[31mxxx"),
    "tasks with an agent that ended": (gone_with_tasks, " with agent gone, which ended "),
    "tasks with a silent agent": (silent_with_tasks, " with agent gone, on vm, which has not been heard of for "),
    "leases that lapsed": (lapsed, "1 agent was lost while holding task"),
    "some that have ended": (half_ended, "no agent of pool default has reported in the last day"),
    "an embedded grid": (embedded, "the agent of this embedded grid has not reported yet; a busy machine"),
    "an embedded grid that lost its agent": (embedded_agent_gone, "this embedded grid is gone, and another is started"),
}


def every_outcome(session: SessionHandle) -> None:
    for _ in session.outcomes(timeout=WAITED):
        pass


WAITS: dict[str, Wait] = {
    "results": lambda session: session.results(timeout=WAITED),
    "outcomes": every_outcome,
    "wait": lambda session: session.wait(timeout=WAITED),
    "task": lambda session: session.task(2).result(timeout=WAITED),
}


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The lines that were for people."""
    caplog.set_level(logging.DEBUG)
    return lambda: [one.getMessage() for one in caplog.records if one.name == "htcgrid"]


Lines = Callable[[], list[str]]


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
@pytest.mark.parametrize(("state", "text"), STANDSTILLS.values(), ids=STANDSTILLS)
def test_who_waits_in_vain_is_told_why_once(state: State, text: str, wait: Wait, lines: Lines) -> None:
    standing = Standing()
    state(standing)
    with pytest.raises(ResultTimeoutError) as raised:
        wait(standing.session)
    [line] = lines()
    assert line.startswith("htcgrid: session risk waits: ")
    assert text in line
    assert line.isprintable()
    assert len(line) < 600
    # The error says the same, of a later time.
    cause = text.partition(" 5 s ago")[0]
    assert cause in str(raised.value)
    assert "\n" not in str(raised.value)


def running(standing: Standing) -> None:
    standing.agent("a", busy=1)
    standing.claim()


def running_elsewhere(standing: Standing) -> None:
    """One runs, and the others wait for it."""
    standing.agent("a", busy=1)
    standing.claim(standing.keys()[0])


def running_unheard(standing: Standing) -> None:
    """The agent's first report has not come."""
    standing.claim(name="new")


def running_before_the_first(standing: Standing) -> None:
    standing.agent("gone", ended=True)
    standing.agent("a")
    standing.claim(standing.keys()[0], name="gone")
    standing.claim(standing.keys()[1], name="a")


def trickling(standing: Standing) -> None:
    """An outcome comes every two seconds from an agent that nobody hears of."""
    for number, claim in enumerate(standing.claim(name="a")):
        standing.state.later(2.0 * (number + 1), lambda claim=claim: standing.end([claim]))  # type: ignore[misc]


def ended(standing: Standing) -> None:
    standing.end(standing.claim())


def cancelled(standing: Standing) -> None:
    standing.session.cancel()


def late_agent(standing: Standing) -> None:
    """The agent takes two seconds to start."""

    def start() -> None:
        standing.agent("a", busy=1)
        standing.claim()

    standing.state.later(2.0, start)


def idle_for_a_moment(standing: Standing) -> None:
    """The agent is slow to come for the tasks."""
    standing.agent("a")
    standing.state.later(5.0, standing.claim)


def broken_looks(standing: Standing) -> None:
    standing.state.broken = ProviderError("no such table")


def throttled_looks(standing: Standing) -> None:
    standing.state.broken = ThrottledError("slower")


def defective_looks(standing: Standing) -> None:
    standing.state.broken = KeyError("x")


def short_outage(standing: Standing) -> None:
    running(standing)
    standing.state.unreachable_until = standing.clock() + 2


WELL: dict[str, State] = {
    "tasks run": running,
    "a task runs": running_elsewhere,
    "with an agent that is new": running_unheard,
    "beside a lost one": running_before_the_first,
    "outcomes trickle": trickling,
    "all have ended": ended,
    "it was cancelled": cancelled,
    "an agent starts": late_agent,
    "an agent is slow": idle_for_a_moment,
    "looks are refused": broken_looks,
    "looks are throttled": throttled_looks,
    "looks fail": defective_looks,
    "the store is away for a moment": short_outage,
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
@pytest.mark.parametrize("state", WELL.values(), ids=WELL)
def test_nobody_is_told_anything_while_all_is_well(state: State, wait: Wait, lines: Lines) -> None:
    standing = Standing()
    state(standing)
    error = None
    try:
        wait(standing.session)
    except TaskError as raised:
        error = raised
    assert "none runs now" not in str(error)
    assert lines() == []


@pytest.mark.parametrize(("state", "text"), STANDSTILLS.values(), ids=STANDSTILLS)
def test_a_quiet_grid_says_it_in_the_error_alone(state: State, text: str, lines: Lines) -> None:
    standing = Standing(quiet=True)
    state(standing)
    with pytest.raises(ResultTimeoutError, match="none runs now") as raised:
        standing.session.results(timeout=WAITED)
    assert text.partition(" 5 s ago")[0] in str(raised.value)
    assert lines() == []


@pytest.mark.parametrize(("state", "text"), STANDSTILLS.values(), ids=STANDSTILLS)
def test_a_look_costs_three_calls_at_most(state: State, text: str) -> None:
    standing = Standing(tasks=150)
    state(standing)
    status = standing.session.status()
    standing.state.asked.clear()
    look_for_standstill(standing.state, status, now=standing.host.now())
    assert 1 <= len(standing.state.asked) <= 3


def test_a_task_that_runs_for_an_hour_is_seldom_looked_at() -> None:
    standing = Standing()
    running(standing)
    with pytest.raises(ResultTimeoutError):
        standing.session.results(timeout=3600)
    assert len(standing.state.asked) < 3 * 3600 / 30 + 30


@pytest.mark.parametrize("told", ["by its agent", "by the store"])
def test_a_task_that_runs_far_behind_is_found(told: str, lines: Lines) -> None:
    standing = Standing(tasks=150)
    last = standing.keys()[-1]
    standing.agent("a", busy=1, holds=holding("risk", 1) if told == "by its agent" else ())
    standing.claim(last)
    with pytest.raises(ResultTimeoutError):
        standing.session.wait(timeout=60)
    assert lines() == []


def test_what_changes_is_told_anew_and_nothing_twice_in_a_row(lines: Lines) -> None:
    standing = Standing()
    standing.state.later(20, lambda: standing.agent("a", draining=True))
    standing.state.later(60, lambda: standing.agent("a", ended=True))
    standing.state.later(100, lambda: standing.agent("b", busy=1, holds=holding("big", 5)))
    standing.state.later(110, lambda: standing.agent("b", busy=1, holds=holding("big", 4)))
    standing.state.later(150, lambda: standing.agent("b", busy=1, holds=holding("other", 1)))
    with pytest.raises(ResultTimeoutError):
        standing.session.wait(timeout=300)
    told = [line.partition("waits: ")[2] for line in lines()]
    assert [text[:20] for text in told] == [
        "no agent of pool def",
        "agent a of pool defa",
        "no agent of pool def",
        "the only worker of p",
    ]


def test_several_waits_for_a_session_and_several_sessions_are_told_once(lines: Lines) -> None:
    standing = Standing()
    others = [standing.grid.submit("math:sqrt", [1]) for _ in range(5)]
    for session in [standing.session, *others, standing.session]:
        with pytest.raises(ResultTimeoutError, match="no agent of pool default"):
            session.wait(timeout=5)
    assert len(lines()) == 1
    standing.advance(600)
    with pytest.raises(ResultTimeoutError):
        standing.grid.submit("math:sqrt", [1]).wait(timeout=5)
    assert len(lines()) == 2


def test_a_store_that_is_away_is_told_while_it_is_asked_again(lines: Lines) -> None:
    standing = Standing()
    running(standing)
    standing.state.unreachable_until = standing.clock() + 40
    with pytest.raises(ResultTimeoutError):
        standing.session.wait(timeout=60)
    [line] = lines()
    assert line.endswith("a service of the grid cannot be reached, and is asked again for a minute: the host is down")


def test_whoever_takes_long_between_two_outcomes_is_not_taken_to_wait(lines: Lines) -> None:
    standing = Standing()
    claims = standing.claim()
    standing.end(claims[:2])
    for number, _ in enumerate(standing.session.outcomes()):
        standing.advance(1000)
        if number == 1:
            standing.end(claims[2:])
    assert lines() == []


def test_a_session_that_is_held_open_is_told(lines: Lines) -> None:
    standing = Standing()
    standing.state.create(session_of(id=SessionId("open")))
    with pytest.raises(ResultTimeoutError, match="it is open: its client has not said that no more tasks will come"):
        standing.grid.session("open").wait(timeout=60)
    [line] = lines()
    assert "'htcgrid cancel open' ends it" in line


def test_who_waits_for_a_session_that_it_has_not_sealed_is_told(lines: Lines) -> None:
    standing = Standing()
    with standing.grid.open_session("math:sqrt") as session:
        with pytest.raises(ResultTimeoutError, match="it is open for more tasks; no task has been accepted yet"):
            session.wait(timeout=60)
        [line] = lines()
        assert line.endswith("seal() ends it, and so does the end of its 'with' block")


def test_who_waits_for_a_generator_of_its_own_is_told_nothing(lines: Lines) -> None:
    standing, go_on = Standing(), Event()

    def tasks() -> Iterator[int]:
        go_on.wait(60)
        yield from ()

    session = standing.grid.submit("math:sqrt", tasks())
    with pytest.raises(ResultTimeoutError) as raised:
        session.wait(timeout=60)
    go_on.set()
    assert "none runs" not in str(raised.value)
    assert lines() == []
