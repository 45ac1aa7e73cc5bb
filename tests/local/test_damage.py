"""Every column of the state file, damaged in every way: what cannot be read is left alone, and stops nobody else."""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from htcgrid.errors import HtcGridError, UnreadableError
from htcgrid.interfaces import BEGINNING
from htcgrid.local.queue import SqliteTaskQueue
from htcgrid.local.state import SqliteStateStore
from htcgrid.model import (
    AgentId,
    AgentReport,
    BundleKey,
    Claim,
    Commit,
    Hint,
    Pack,
    Ranges,
    Remainder,
    Session,
    SessionId,
    pack_blocks,
    utcnow,
)
from htcgrid.testing import VirtualClock
from htcgrid.testing.samples import bundle_of, commit_of, ended_in, session_of, tasks

LEASE = timedelta(seconds=30)
NOW = timedelta(0)
AGENT = AgentId("agent-1")
#: SQL of what a column may hold instead: no UTF-8, no msgpack, a number of another kind, nothing.
VALUES = (
    "CAST(x'ff41' AS TEXT)",
    "x'c1c1'",
    "'text'",
    "-1",
    "9223372036854775807",
    "9e999",
    "0.5",
    "NULL",
)
#: Of which row of a table: that of the damaged session.
ROWS = {
    "sessions": "sid = 'damaged'",
    "bundles": "session = (SELECT id FROM sessions WHERE sid = 'damaged')",
    "submitted": "session = (SELECT id FROM sessions WHERE sid = 'damaged')",
    "log": "session = (SELECT id FROM sessions WHERE sid = 'damaged')",
    "hints": "id = 1",
    "agents": "id = 'damaged'",
}
COLUMNS = {
    "sessions": "sid digest schema pool priority state total entries succeeded failed cancelled created keep expires "
    "sweep header",
    "bundles": "start birth stop root pool priority tasks state due hint_at hinted attempt beat nonce agent lease "
    "lapses lapses_alone open tries",
    "submitted": "start stop digest size key data",
    "log": "n entry",
    "hints": "pool priority visible body",
    "agents": "pool heard report",
}
PLACES = [f"{table}.{column}" for table, columns in COLUMNS.items() for column in columns.split()]


class Grid:
    """A store with a session that is damaged, and one beside it."""

    def __init__(self, folder: Path, clock: VirtualClock) -> None:
        self.file = folder / "grid.db"
        self.clock = clock
        self.state = SqliteStateStore(folder, clock=clock, now=clock)
        self.queue = SqliteTaskQueue(folder, now=clock)
        self.damaged = self._begun("damaged")
        self.sound = self._begun("sound")
        self.elsewhere = session_of()
        self.queue.send([Hint(key=BundleKey(self.elsewhere.id, start)) for start in range(2)])
        for name in ("damaged", "sound"):
            self.state.register(AgentReport(id=AgentId(name), started=utcnow()))

    def close(self) -> None:
        self.queue.close()
        self.state.close()

    def _begun(self, name: str) -> Session:
        """Submit a session with a bundle that runs, one with an outcome, a child and tries, and one that waits."""
        session = session_of(id=SessionId(name))
        self.state.create(session, [bundle_of(session, start, start + 4) for start in (0, 4, 8)])
        first, second = self.state.claim([BundleKey(session.id, 0), BundleKey(session.id, 4)], agent=AGENT, lease=LEASE)
        self.state.commit([commit_of(first.lease, tasks(0, 2))])
        self.state.give_back(second.lease, [Remainder(ranges=tasks(5, 7), tries={5: 1})])
        return session

    def damage(self, place: str, value: str) -> bool:
        """Damage a column; return whether the file lets anybody do so."""
        table, _, column = place.partition(".")
        with closing(sqlite3.connect(self.file, isolation_level=None)) as connection:
            before = self._cells(connection, place)
            connection.execute("PRAGMA foreign_keys = OFF")
            with suppress(sqlite3.IntegrityError):
                connection.execute(f"UPDATE {table} SET {column} = {value} WHERE {ROWS[table]}")
            return self._cells(connection, place) != before

    def _cells(self, connection: sqlite3.Connection, place: str) -> list[tuple[object, ...]]:
        table, _, column = place.partition(".")
        return connection.execute(f"SELECT hex({column}), typeof({column}) FROM {table} ORDER BY 1, 2").fetchall()

    def run(self, session: SessionId) -> list[int]:
        """Run what is due, of whatever session, as an agent would; return the tasks of one that have an outcome."""
        for _ in range(6):
            deliveries = self.queue.receive(8, wait=NOW, pool="default")
            keys = [delivery.hint.key for delivery in deliveries]
            claims = self.state.claim(keys, agent=AGENT, lease=LEASE)
            self.queue.ack([delivery for delivery in deliveries if delivery.hint.key.session == session])
            self.state.renew([claim.lease for claim in claims])
            self.state.commit([_commit(claim) for claim in claims])
        return ended_in(self.state.outcomes(session, limit=1000).entries)

    def turn(self) -> None:
        """Do what a reaper does."""
        for _ in range(3):
            self.state.due(100, dry="default")
            self.clock.advance(LEASE)
        self.state.due(100)
        for session in self.state.expired(10):
            self.state.collect(session, 1000)

    def ask(self) -> None:
        """Ask what people ask of many."""
        self.state.sessions()
        self.state.agents()
        self.queue.depth("default")
        self.state.concerns()
        self.queue.concerns()

    def ask_alone(self) -> Iterator[Callable[[], object]]:
        """Yield what is asked of the damaged session alone."""
        state, session = self.state, self.damaged.id
        yield lambda: state.status([session])
        yield lambda: state.outcomes(session)
        yield lambda: state.bundles(session)
        yield lambda: state.bundles(session, task=5)
        yield lambda: state.submitted(session)
        yield lambda: state.create(self.damaged)
        yield lambda: state.add(session, [bundle_of(self.damaged, 0, 4)])
        yield lambda: state.seal(session, 12)
        yield lambda: state.cancel([session, self.sound.id])


def _commit(claim: Claim) -> Commit:
    return Commit(lease=claim.lease, flush=0, succeeded=claim.open, failed=Ranges(), pack=Pack.of(pack_blocks([])))


@pytest.fixture
def grid(folder: Path, clock: VirtualClock) -> Iterator[Grid]:
    with closing(Grid(folder, clock)) as grid:
        yield grid


def test_every_column_is_damaged(grid: Grid) -> None:
    with closing(sqlite3.connect(grid.file)) as connection:
        there = {f"{table}.{row[1]}" for table in COLUMNS for row in connection.execute(f"PRAGMA table_info({table})")}
    # Numbers that tell rows apart are no more what they were when they are others.
    assert there - set(PLACES) == {
        "sessions.id",
        "bundles.session",
        "submitted.session",
        "log.session",
        "hints.id",
        "agents.id",
    }


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_damaged_is_left_alone_and_stops_nobody_else(grid: Grid, place: str, value: str) -> None:
    if not grid.damage(place, value):
        pytest.skip("it is so already, or the file refuses it")
    grid.turn()
    assert grid.run(grid.sound.id) == list(range(12))
    grid.turn()
    grid.ask()
    [status] = grid.state.status([grid.sound.id])
    assert status.succeeded == 12
    for ask in grid.ask_alone():
        with suppress(HtcGridError):
            ask()


def test_what_cannot_be_read_is_told(grid: Grid, caplog: pytest.LogCaptureFixture) -> None:
    before = _row(grid, "bundles")
    for place, value in (("sessions.header", "x'c1'"), ("agents.report", "x'c1'"), ("hints.body", "x'c1'")):
        assert grid.damage(place, value)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            grid.run(grid.sound.id)
            grid.ask()
        page, agents = grid.state.sessions(), grid.state.agents()
    assert [str(error.where) for error in page.unreadable] == ["damaged"]
    assert [status.session.id for status in page.sessions] == ["sound"]
    assert [str(error.where) for error in agents.unreadable] == ["damaged"]
    assert [status.report.id for status in agents.agents] == ["sound"]
    told = [record.getMessage() for record in caplog.records]
    assert sum("the header of session damaged cannot be read" in line for line in told) == 1
    assert sum("the report of agent damaged cannot be read" in line for line in told) == 1
    assert sum("hint 1 cannot be read" in line for line in told) == 1
    [concern] = grid.state.concerns()
    assert concern.message.startswith("2 records cannot be read, and are skipped: ")
    [concern] = grid.queue.concerns()
    assert concern.message.startswith("1 record cannot be read, and is skipped: hint 1 cannot be read")
    assert _row(grid, "bundles") == before
    with pytest.raises(UnreadableError, match="the header of session damaged cannot be read"):
        grid.state.status([grid.damaged.id])


def test_another_process_tells_what_one_has_met(grid: Grid, folder: Path) -> None:
    assert grid.damage("bundles.open", "x'c1'")
    grid.turn()
    grid.run(grid.sound.id)
    with closing(SqliteStateStore(folder, clock=grid.clock, now=grid.clock)) as other:
        [concern] = other.concerns()
    assert "the open tasks of bundle damaged/" in concern.message


def test_what_is_put_right_is_run(grid: Grid) -> None:
    with closing(sqlite3.connect(grid.file, isolation_level=None)) as connection:
        (header,) = connection.execute("SELECT header FROM sessions WHERE sid = 'damaged'").fetchone()
        assert grid.damage("sessions.header", "x'c1'")
        grid.turn()
        assert grid.run(grid.damaged.id) == [0, 1]
        assert grid.state.concerns()
        connection.execute("UPDATE sessions SET header = ? WHERE sid = 'damaged'", (header,))
        grid.clock.advance(timedelta(hours=1))
        assert grid.run(grid.damaged.id) == list(range(12))
        assert connection.execute("SELECT count(*) FROM damaged").fetchone() == (0,)


def test_thousands_of_damaged_bundles_are_passed_over(folder: Path, clock: VirtualClock) -> None:
    with closing(Grid(folder, clock)) as grid:
        many = session_of(id=SessionId("many"), priority=3)
        grid.state.create(many, [bundle_of(many, start, start + 1) for start in range(3000)])
        with closing(sqlite3.connect(grid.file, isolation_level=None)) as connection:
            connection.execute("UPDATE sessions SET header = x'c1' WHERE sid = 'many'")
        assert grid.run(grid.sound.id) == [0, 1, 5, 6, *range(8, 12)]


def test_an_entry_that_is_gone_is_missed(grid: Grid) -> None:
    grid.turn()
    grid.run(grid.damaged.id)
    with closing(sqlite3.connect(grid.file, isolation_level=None)) as connection:
        connection.execute(f"DELETE FROM log WHERE n = 2 AND {ROWS['log']}")
    first = grid.state.outcomes(grid.damaged.id, BEGINNING, limit=1)
    with pytest.raises(UnreadableError, match=r"entry 2 of session damaged cannot be read: .*it is gone"):
        grid.state.outcomes(grid.damaged.id, first.cursor)


def _row(grid: Grid, table: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(grid.file)) as connection:
        return connection.execute(f"SELECT * FROM {table} WHERE {ROWS[table]}").fetchall()
