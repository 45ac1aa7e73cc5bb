"""What a drill's options come to, and what its processes write down."""

from collections import Counter
from pathlib import Path

import pytest

from htcgrid.drill.evidence import Reading
from htcgrid.drill.notes import Run, read_notes
from htcgrid.drill.plan import Plan, Strike, parse_strikes
from htcgrid.drill.work import answer, run
from htcgrid.errors import ConfigError
from htcgrid_agent.runtimes.python.context import Context


def test_all_is_every_strike_and_doubles_are_one() -> None:
    assert parse_strikes("all") == tuple(Strike)
    assert parse_strikes(" agent-killed, queue-emptied,agent-killed ") == (Strike.AGENT_KILLED, Strike.QUEUE_EMPTIED)


@pytest.mark.parametrize(
    ("words", "named"), [("", "''"), ("agent-killed,flood", "'flood'"), ("all,agent-killed", "'all'")]
)
def test_a_strike_that_there_is_not_is_named(words: str, named: str) -> None:
    with pytest.raises(ConfigError, match=f"--faults: {named} is none of all, agent-killed"):
        parse_strikes(words)


def test_tasks_take_two_thirds_of_the_time_and_never_long() -> None:
    plan = Plan(tasks=1000, seconds=60.0, strikes=(), agents=3, workers=2, pool="p")
    assert plan.task_seconds == pytest.approx(0.234)
    assert Plan(tasks=1, seconds=6000.0, strikes=(), every=60.0, pool="p").task_seconds == 2.0
    # A task that loses its agent four times in a row is blamed for it.
    assert Plan(tasks=5, seconds=60.0, strikes=(), every=0.5, agents=1, pool="p").task_seconds < 0.1
    assert plan.timeout > 3 * plan.task_seconds


def test_answers_differ_by_seed_and_task_and_some_are_large() -> None:
    answers = [answer(seed, index) for seed in (0, 1) for index in range(100)]
    assert len(set(answers)) == 200
    assert {len(text) for text in answers} == {40, 40_000}


def test_each_run_is_noted_once_and_none_where_the_folder_is_not(tmp_path: Path) -> None:
    context = Context("agent-1/3", lambda _ref: None)
    for index in (4, 5):
        context.index, context.try_number = index, 2
        assert run({"seed": 1, "notes": str(tmp_path)}, context) == answer(1, index)
    assert run({"seed": 1, "notes": str(tmp_path / "elsewhere")}, context) == answer(1, 5)
    found = list(read_notes(tmp_path))
    assert [(each.task, each.tries, each.worker, each.agent) for each in found] == [
        (4, 2, "agent-1/3", "agent-1"),
        (5, 2, "agent-1/3", "agent-1"),
    ]
    assert isinstance(found[0], Run)


def test_what_a_killed_client_wrote_is_read_up_to_its_last_whole_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("outcome 3 right\noutcome 4 wrong\naccepted 10\noutcome 5 Boom: no\naccepted 20\noutcome 6 ri")
    reading = Reading.of(out)
    assert (reading.accepted, reading.told) == (20, Counter([3, 4, 5]))
    assert reading.wrong == {4: "wrong", 5: "Boom: no"}


def test_a_client_that_was_killed_before_it_wrote_anything_was_told_nothing(tmp_path: Path) -> None:
    assert Reading.of(tmp_path / "out") == Reading()
