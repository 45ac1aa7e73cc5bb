"""When an agent reports: news within a heartbeat, and now and then that it is there."""

import pytest

from htcgrid.model import AgentId
from htcgrid_agent.core.crew import Crew
from htcgrid_agent.core.pace import Pace
from htcgrid_agent.core.policy import AgentPolicy
from htcgrid_agent.core.reporter import Reporter

HEARTBEAT, REPORT = 5.0, 15.0


@pytest.fixture
def reporter() -> Reporter:
    policy = AgentPolicy(
        agent=AgentId("a"),
        workers=2,
        lease=30,
        heartbeat=HEARTBEAT,
        grace=5,
        target=2,
        flush=0.2,
        report=REPORT,
        handlers=(),
    )
    return Reporter(policy, Crew(policy, Pace()))


def times(reporter: Reporter, until: float, news_at: tuple[float, ...] = (), *, arrives: bool = True) -> list[float]:
    """Return when it reports, when it is asked each time that it wants to be, and when something happens."""
    told: list[float] = []
    now = 0.0
    while now <= until:
        if now in news_at:
            reporter.succeeded += 1
        if reporter.next((), now, draining=False):
            told.append(now)
            reporter.answered(arrived=arrives)
        now = min([*reporter.wake_at(), *(at for at in news_at if at > now)])
    return told


def test_an_agent_without_news_says_only_now_and_then_that_it_is_there(reporter: Reporter) -> None:
    assert times(reporter, 46.0) == [0.0, 15.0, 30.0, 45.0]


@pytest.mark.parametrize("news", [0.5, 1.0, 4.0, 5.0, 7.5, 11.0, 14.0])
def test_news_is_told_within_a_heartbeat(reporter: Reporter, news: float) -> None:
    _, second, *_ = times(reporter, 40.0, (news,))
    assert news <= second <= news + HEARTBEAT


def test_an_agent_with_news_all_the_time_reports_once_per_heartbeat(reporter: Reporter) -> None:
    assert times(reporter, 20.0, tuple(number / 10 for number in range(1, 200))) == [0.0, 5.0, 10.0, 15.0, 20.0]


def test_a_report_that_did_not_arrive_is_sent_again_after_a_heartbeat(reporter: Reporter) -> None:
    assert times(reporter, 11.0, arrives=False) == [0.0, 5.0, 10.0]


def test_a_stop_is_told_at_once(reporter: Reporter) -> None:
    assert reporter.next((), 0.0, draining=False)
    reporter.answered()
    assert reporter.next((), 0.1, draining=False) is None
    report = reporter.next((), 0.2, draining=True)
    assert report is not None
    assert report.draining
