"""The logger that handlers are given, over sessions of one worker."""

from collections.abc import Iterator

import pytest

from htcgrid import Grid, Outcome
from tests.agent import jobs

#: What a session's task may do with its logger, or by the way.
WAYS = {
    "nothing": "pass",
    "logs": "log.warning('one')",
    "another level": "log.setLevel(50)",
    "no level": "log.setLevel(0)",
    "no handlers": "log.handlers.clear()",
    "no handler": "log.removeHandler(log.handlers[0])",
    "another handler": "log.addHandler(logging.StreamHandler())",
    "another format": "log.handlers[0].setFormatter(logging.Formatter('%(message)s'))",
    "a handler's level": "log.handlers[0].setLevel(50)",
    "a filter": "log.addFilter(lambda record: False)",
    "a handler's filter": "log.handlers[0].addFilter(lambda record: False)",
    "silent": "log.disabled = True",
    "handed on": "log.propagate = True; logging.basicConfig()",
    "all silent": "logging.disable(50)",
    "a child": "log.getChild('a').warning('two'); log.getChild('a').setLevel(50)",
    "a root": "logging.basicConfig(level=10, force=True)",
    "a configuration": "import logging.config; logging.config.dictConfig({'version': 1})",
    "a record's factory": "logging.setLogRecordFactory(lambda *a, **k: None)",
    "a level's name": "logging.addLevelName(30, 'left')",
    "a module's logger": "log.warning('three'); import tests.agent.logs_at_import",
    "debugged": "log.setLevel(10); log.debug('four')",
}


@pytest.fixture(scope="module")
def lone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid.open(folder=tmp_path_factory.mktemp("lone"), workers=1) as grid:
        yield grid


def _outcome(grid: Grid, handler: object, event: object) -> Outcome:
    (outcome,) = grid.submit(handler, [event], output="all").outcomes(timeout=30)  # type: ignore[arg-type]
    assert outcome.error is None
    return outcome


@pytest.mark.parametrize("way", WAYS)
def test_the_logger_is_each_session_s_own(lone: Grid, way: str) -> None:
    left = _outcome(lone, jobs.do_with_logger, WAYS[way])
    for _ in range(2):
        after = _outcome(lone, jobs.log, "the curve is flat")
        assert after.stderr.endswith(f"WARNING {after.session}/0 try 1: the curve is flat\n")
        assert after.stderr.count("\n") == 1, "debug lines are left out, and none comes twice"
        assert after.value == left.value, "the worker was replaced"


def test_a_session_s_tasks_share_what_they_make_of_it(lone: Grid) -> None:
    session = lone.submit(jobs.do_with_logger, ["log.setLevel(10)", "log.debug('told')"], output="all")
    first, second = session.outcomes(timeout=30)
    assert (first.stderr, second.stderr.endswith(f"DEBUG {session.id}/1 try 1: told\n")) == ("", True)
