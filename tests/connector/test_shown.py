"""What handles and outcomes show in a prompt, in a notebook, and as a frame."""

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from htcgrid import Grid, RetryPolicy
from htcgrid.connector.frame import frame_of
from htcgrid.errors import ConfigError
from htcgrid.model.table import table
from tests.agent import jobs
from tests.connector import calls

_ONCE = RetryPolicy(tries=1)


def test_a_session_shows_what_was_last_seen_of_it(grid: Grid) -> None:
    session = grid.submit(jobs.oops, ["fine", "oops", "fine"], retry=_ONCE)
    named = f"<session {session.id} of tests.agent.jobs:oops"
    assert repr(session) == f"{named}: 3 tasks>"
    session.wait(timeout=60)
    assert repr(session) == f"{named}: 3 tasks, 3 ended, 1 failed>"
    found = grid.session(session.id)
    assert repr(found) == f"{named}>"
    found.status()
    assert repr(found) == f"{named}: 3 tasks, 3 ended, 1 failed>"
    # A reader that begins again sees less, and what was seen stays.
    next(iter(found.outcomes(timeout=60)))
    assert "3 ended, 1 failed" in repr(found)


def test_a_session_that_was_cancelled_shows_it(grid: Grid) -> None:
    session = grid.submit(jobs.sleep, [60.0, 60.0])
    session.cancel()
    session.wait(timeout=60)
    assert repr(session).endswith(": 2 tasks, 2 ended, 2 cancelled>")


def test_one_task_is_one_task(grid: Grid) -> None:
    assert repr(grid.submit(jobs.echo, [1])).endswith(": 1 task>")


def test_to_show_a_handle_asks_nothing_of_the_grid(grid: Grid) -> None:
    session = grid.submit(jobs.echo, range(5))
    task = session.task(2)
    before = grid.usage()
    shown = [repr(one) + one._repr_html_() for one in (session, task, grid)]
    assert grid.usage() == before
    assert all(shown)


def test_a_session_has_as_many_items_as_tasks(grid: Grid) -> None:
    assert len(grid.submit(jobs.echo, range(7))) == 7
    session = grid.submit(jobs.echo, iter(range(9)))
    session.submitted(timeout=60)
    session.wait(timeout=60)
    assert len(session) == len(grid.session(session.id)) == 9
    empty = grid.submit(jobs.echo, [])
    assert len(empty) == 0
    assert empty


def test_a_session_that_is_open_has_no_length(grid: Grid) -> None:
    with grid.open_session(jobs.echo) as session:
        session.add(1)
        with pytest.raises(TypeError, match="is open, so that the number of its tasks is not known: accepted counts"):
            len(session)
        assert session
    assert len(session) == 1


def test_a_notebook_shows_tables_whose_text_is_escaped(grid: Grid) -> None:
    session = grid.submit(jobs.oops, ["<b>fine</b>", "oops"], retry=_ONCE, labels={"desk": "<fx>"})
    session.wait(timeout=60)
    task = session.task(0)
    assert "not ended yet" in task._repr_html_()
    outcome = task.outcome(timeout=60)
    assert "&lt;b&gt;fine&lt;/b&gt;" in outcome._repr_html_() == task._repr_html_()
    assert "<b>" not in outcome._repr_html_()
    assert "ValueError: oops, says the handler" in session.task(1).outcome()._repr_html_()
    assert "2 tasks, 2 ended, 1 failed" in session._repr_html_()
    assert "&lt;fx&gt;" in session._repr_html_()
    assert '<td style="text-align:left">2</td>' in session.status()._repr_html_()
    assert "0.5 s" in RetryPolicy(backoff=0.5, only=[KeyError])._repr_html_()
    assert "SqliteStateStore" in grid._repr_html_()
    assert repr(grid).startswith("<grid: state SqliteStateStore, queue ")


@pytest.mark.parametrize("text", ["<script>", "a & b", '"', "'", "\udcff", "x" * 10_000, "日本", "\n"])
def test_no_text_breaks_a_table(text: str) -> None:
    found = table(text, {text: text, "none": None, "empty": ""})
    assert found.encode()
    assert "<script>" not in found
    assert found.count("<tr>") == 1
    assert len(found) < 8000


def test_a_frame_has_a_row_per_task(grid: Grid) -> None:
    session = grid.submit(jobs.oops, [1.5, "oops", 2.5], retry=_ONCE)
    frame = session.to_pandas(timeout=60)
    assert list(frame.index) == [0, 1, 2]
    assert frame.index.name == "task"
    assert list(frame.columns) == ["state", "value", "error", "message", "tries", "started", "seconds", "worker"]
    assert list(frame["state"]) == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    assert frame["value"].dtype == "float64"
    assert frame["value"].sum() == 4.0
    assert frame.loc[1, "error"] == "ValueError"
    assert frame.loc[1, "message"] == "oops, says the handler"
    assert list(frame["tries"]) == [1, 1, 1]
    assert str(frame["started"].dtype) == "datetime64[us, UTC]"
    assert frame["started"].notna().all()
    assert (frame["seconds"] >= 0).all()
    assert all(frame["worker"])


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], "int64"),
        ([1, "oops"], "Int64"),
        ([1 << 70, 2], "object"),
        ([1 << 70, "oops"], "object"),
        ([1.0, math.inf], "float64"),
        ([1.0, "oops"], "float64"),
        ([True, False], "bool"),
        ([True, "oops"], "boolean"),
        ([1, 2.0], "object"),
        ([1, True], "object"),
        (["a", "b"], "object"),
        ([None, None], "object"),
        ([[1, 2], [3, 4]], "object"),
        ([(1, 2), (3, 4)], "object"),
        ([{"a": 1}, {"b": 2}], "object"),
        ([{1, 2}], "object"),
        ([b"x", b"y"], "object"),
        ([np.arange(3), np.arange(3)], "object"),
        ([np.zeros((2, 2)), np.zeros((2, 2))], "object"),
        ([np.float64(1.0)], "object"),
        ([pd.DataFrame({"a": [1]}), "oops"], "object"),
        ([pd.Series([1, 2]), pd.Series([3])], "object"),
        (["oops"], "object"),
        ([], "object"),
    ],
)
def test_a_frame_keeps_each_value_as_it_is(grid: Grid, values: list[Any], dtype: str) -> None:
    frame = grid.submit(jobs.echo, values).to_pandas(timeout=60)
    if "oops" in map(str, values):
        gone = [str(value) == "oops" for value in values]
        session = grid.submit(_fail_oops, values, retry=_ONCE)
        frame = session.to_pandas(timeout=60)
        assert list(frame["error"].notna()) == gone
        assert all(pd.isna(frame["value"].iloc[place]) for place, failed in enumerate(gone) if failed)
    assert frame["value"].dtype == dtype
    for value, found in zip(values, frame["value"], strict=True):
        if str(value) != "oops":
            assert type(found) is type(value) or isinstance(value, int | float)
            assert str(found) == str(value)


def _fail_oops(value: Any) -> Any:
    if isinstance(value, str) and value == "oops":
        raise ValueError(value)
    return value


def test_a_frame_shows_cancelled_tasks_and_what_never_ran(grid: Grid, tmp_path: Path) -> None:
    session = grid.submit(calls.hold, [str(tmp_path / "never")] * 3)
    session.cancel()
    frame = session.to_pandas(timeout=60)
    assert list(frame["state"]) == ["CANCELLED"] * 3
    assert frame["started"].isna().all()


def test_without_pandas_whoever_wants_a_frame_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match="to_pandas needs pandas, which cannot be imported here"):
        frame_of([])
