"""Finding sessions, keeping and deleting them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from htcgrid import Grid
from htcgrid.errors import ConfigError, ConflictError, SessionNotFoundError
from htcgrid.interfaces import Sessions
from htcgrid.testing import MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue


@pytest.fixture
def state() -> MemoryStateStore:
    return MemoryStateStore()


@pytest.fixture
def grid(state: MemoryStateStore) -> Iterator[Grid]:
    with Grid(state, MemoryTaskQueue(), MemoryPayloadStore()) as grid:
        yield grid


def found(grid: Grid, **wanted: Any) -> list[str]:
    return [status.session.id for status in grid.sessions(**wanted)]


def test_all_sessions_are_listed_newest_first_however_many_there_are(grid: Grid) -> None:
    names = [f"s{number}" for number in range(250)]
    for name in names:
        grid.submit("m:f", [1], id=name)
    assert found(grid) == names[::-1]


def test_sessions_are_found_by_labels_handler_and_whether_they_finished(grid: Grid) -> None:
    grid.submit("pricing:price", [1], id="a", labels={"desk": "rates", "run": "eod"})
    grid.submit("pricing:risk", [], id="b", labels={"desk": "rates"})
    grid.submit("other:f", [1], id="c")
    assert found(grid, labels={"desk": "rates"}) == ["b", "a"]
    assert found(grid, labels={"desk": "rates", "run": "eod"}) == ["a"]
    assert found(grid, labels={"desk": ""}) == []
    assert found(grid, labels={}) == ["c", "b", "a"]
    assert found(grid, handler="pricing:*") == ["b", "a"]
    assert found(grid, handler="Pricing:*") == []
    assert found(grid, finished=True) == ["b"]
    assert found(grid, finished=False, handler="pricing:*") == ["a"]


def test_sessions_are_found_by_age_and_older_ones_are_not_looked_at(
    grid: Grid, state: MemoryStateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(250):
        grid.submit("m:f", [1], id=f"s{number}")
    middle = state.status(["s200"])[0].session.created  # type: ignore[list-item]
    looks: list[str] = []
    sessions = state.sessions

    def counted(cursor: str, *, limit: int) -> Sessions:
        looks.append(cursor)
        return sessions(cursor, limit=limit)

    monkeypatch.setattr(state, "sessions", counted)
    assert found(grid, since=middle) == [f"s{number}" for number in range(249, 199, -1)]
    assert len(looks) == 1
    assert found(grid, since=datetime.now(UTC) + timedelta(hours=1)) == []
    assert len(found(grid, since=timedelta(hours=1))) == 250


def test_listing_is_lazy(grid: Grid, state: MemoryStateStore) -> None:
    for number in range(150):
        grid.submit("m:f", [1], id=f"s{number}")
    listing = grid.sessions()
    assert next(listing).session.id == "s149"
    state.sessions = None  # type: ignore[assignment, method-assign]
    assert next(listing).session.id == "s148"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"labels": ["desk"]}, "labels must be a mapping of strings to strings"),
        ({"labels": {"desk": 1}}, "labels must be a mapping of strings to strings"),
        ({"handler": 5}, "handler must be a pattern"),
        ({"finished": "yes"}, "finished must be True, False or None"),
        ({"since": "yesterday"}, "since must be a timedelta, or a datetime with a time zone"),
        ({"since": datetime(2026, 1, 1)}, "since must be a timedelta, or a datetime with a time zone"),  # noqa: DTZ001
        ({"since": timedelta.max}, "since reaches back beyond the calendar"),
    ],
    ids=str,
)
def test_what_nobody_can_look_for_is_refused_at_once(grid: Grid, wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        grid.sessions(**wanted)


def test_a_deleted_session_is_gone_and_its_id_is_not_used_again(grid: Grid) -> None:
    session = grid.submit("m:f", [1, 2], id="old")
    session.delete()
    session.delete()
    assert found(grid) == []
    with pytest.raises(SessionNotFoundError):
        session.status()
    with pytest.raises(SessionNotFoundError):
        grid.session("old")
    with pytest.raises(ConflictError):
        grid.submit("m:f", [1, 2], id="old")


@pytest.mark.parametrize("keep_for", [3600, timedelta(hours=1)])
def test_a_session_is_kept_for_as_long_as_its_client_says(
    grid: Grid, state: MemoryStateStore, keep_for: float | timedelta
) -> None:
    session = grid.submit("m:f", [], keep_for=keep_for)
    assert session.status().session.keep_for == timedelta(hours=1)
    assert grid.submit("m:f", []).status().session.keep_for == timedelta(days=7)


@pytest.mark.parametrize("keep_for", [-1, 0, "7d", float("nan"), timedelta(days=-1), timedelta(days=40_000)], ids=str)
def test_a_time_that_no_session_can_be_kept_for_is_refused(grid: Grid, keep_for: Any) -> None:
    with pytest.raises(ConfigError, match="keep_for must be a"):
        grid.submit("m:f", [1], keep_for=keep_for)
    assert found(grid) == []
