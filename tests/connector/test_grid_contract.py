"""An embedded grid keeps the contract that every grid keeps, and one with a defect breaks the clause that names it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from htcgrid import Grid
from htcgrid.interfaces import BEGINNING, Entries
from htcgrid.local.payloads import FilePayloadStore
from htcgrid.local.queue import SqliteTaskQueue
from htcgrid.local.state import SqliteStateStore
from htcgrid.model import Bundle, Session, SessionId, SessionStatus
from htcgrid.testing import GridContract

pytest_plugins = ["pytester"]


class TestEmbeddedGrid(GridContract):
    @pytest.fixture
    def grid(self, grid: Grid) -> Grid:
        """The one that the tests of this folder share."""
        return grid


class RepeatsOutcomes(SqliteStateStore):
    """The first entry of each page comes twice, also of a page that has all there is."""

    def outcomes(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, wait: timedelta = timedelta(0)
    ) -> Entries:
        page = super().outcomes(session_id, cursor, limit=limit, wait=wait)
        return page._replace(entries=[*page.entries[:1], *page.entries])


class TakesOtherContent(SqliteStateStore):
    """An id that is taken is taken over."""

    def create(self, session: Session, bundles: Sequence[Bundle] = (), *, sealed: bool = False) -> None:
        if not any(status.session.id == session.id for status in self.sessions().sessions):
            super().create(session, bundles, sealed=sealed)

    def add(self, session_id: SessionId, bundles: Sequence[Bundle]) -> None:
        pass


class CountsFailedAsSucceeded(SqliteStateStore):
    """Whatever has ended is counted as a success."""

    def status(self, session_ids: Sequence[SessionId]) -> list[SessionStatus]:
        return [
            msgspec.structs.replace(status, succeeded=status.ended - status.cancelled, failed=0)
            for status in super().status(session_ids)
        ]


class WithoutPriorities(SqliteStateStore):
    """First in, first out."""

    def create(self, session: Session, bundles: Sequence[Bundle] = (), *, sealed: bool = False) -> None:
        super().create(msgspec.structs.replace(session, priority=1), bundles, sealed=sealed)


class CutsLargeObjects(FilePayloadStore):
    """The service takes a megabyte of each object, and says nothing of the rest."""

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        return {key: data[: 1 << 20] for key, data in super().get(keys).items()}


_MODULE = """
import pytest
from htcgrid.testing import GridContract

class TestGrid(GridContract):
    many = 60

    @pytest.fixture
    def grid(self, defective):
        return defective
"""


@pytest.fixture
def opened(grid: Grid, grid_folder: Path) -> Iterator["Opened"]:
    """Open further clients of the shared grid, with stores of one's own."""
    with ExitStack() as stack:
        yield Opened(grid, grid_folder, stack)


class Opened:
    """Opens clients of a grid with other stores than its own."""

    def __init__(self, grid: Grid, folder: Path, stack: ExitStack) -> None:
        self._config = grid.config
        self._folder = folder
        self._stack = stack

    def __call__(self, store: type[SqliteStateStore | FilePayloadStore]) -> Grid:
        given = self._stack.enter_context(closing(store(self._folder)))
        state = given if isinstance(given, SqliteStateStore) else SqliteStateStore(self._folder)
        payloads = given if isinstance(given, FilePayloadStore) else FilePayloadStore(self._folder)
        queue = SqliteTaskQueue(self._folder)
        for other in (state, payloads, queue):
            self._stack.enter_context(closing(other))
        return Grid(state, queue, payloads, config=self._config)


class _Gives:
    """A plugin whose fixture is the grid under test."""

    def __init__(self, defective: Grid) -> None:
        self._defective = defective

    @pytest.fixture
    def defective(self) -> Grid:
        return self._defective


@pytest.mark.parametrize(
    ("defect", "clause"),
    [
        (RepeatsOutcomes, "test_each_of_two_readers_gets_every_outcome_once_while_tasks_run"),
        (TakesOtherContent, "test_other_content_under_an_id_is_a_conflict"),
        (CountsFailedAsSucceeded, "test_the_counts_are_those_of_the_outcomes"),
        (WithoutPriorities, "test_an_urgent_session_overtakes_a_long_one"),
        (CutsLargeObjects, "test_large_results_pass"),
    ],
)
def test_a_defect_of_a_grid_breaks_the_clause_that_names_it(
    pytester: pytest.Pytester, opened: Opened, defect: type[SqliteStateStore | FilePayloadStore], clause: str
) -> None:
    file = pytester.makepyfile(_MODULE)
    run = pytester.inline_run(
        "-p", "no:cacheprovider", "-q", f"{file}::TestGrid::{clause}", plugins=[_Gives(opened(defect))]
    )
    reports = run.getreports("pytest_runtest_logreport")
    assert [report.when for report in reports if report.failed] == ["call"]
