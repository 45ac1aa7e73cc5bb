"""Threads of one process that write at the same time, and what each is told."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from htcgrid.errors import ConfigError, ConflictError, ProviderUnavailableError
from htcgrid.local.database import Database
from htcgrid.local.gate import Turnstile
from htcgrid.local.group import GroupCommit
from htcgrid.local.state import SqliteStateStore
from htcgrid.testing.samples import bundle_of, session_of

PATIENCE = timedelta(minutes=4)
Write = Callable[[sqlite3.Connection], Any]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(tmp_path, PATIENCE)) as database:
        with database.writing() as connection:
            connection.execute("CREATE TABLE marks (mark INTEGER CHECK (mark < 100))")
        yield database


def mark(number: int) -> Write:
    return lambda connection: connection.execute("INSERT INTO marks VALUES (?)", (number,)).rowcount


def marks(database: Database) -> list[int]:
    with database.reading() as connection:
        return [number for (number,) in connection.execute("SELECT mark FROM marks ORDER BY mark")]


def together(database: Database, group: GroupCommit, writes: list[Write], share: float = 0.01) -> list[Future[Any]]:
    """Return how these writes went, which all were asked for, in this order, before the first could be made."""
    with ThreadPoolExecutor(len(writes)) as threads:
        with database.writing() as _:
            futures = []
            for number, write in enumerate(writes):
                futures.append(threads.submit(group.write, write, share=share))
                while len(group._asked) <= number and not futures[-1].done():
                    time.sleep(0.001)
        return futures


def test_writes_that_are_asked_for_at_once_are_one_transaction(database: Database) -> None:
    group = GroupCommit(database)
    before = database.commits
    went = together(database, group, [mark(number) for number in range(10)])
    assert [future.result() for future in went] == [1] * 10
    assert marks(database) == list(range(10))
    # That which they waited for, and theirs.
    assert database.commits == before + 2


def test_each_write_of_many_threads_is_made_once(database: Database) -> None:
    group = GroupCommit(database)
    with ThreadPoolExecutor(16) as threads:
        went = [threads.submit(group.write, mark(number % 100), share=0.05) for number in range(3000)]
        assert {future.result() for future in went} == {1}
    assert marks(database) == sorted(number % 100 for number in range(3000))


def test_a_write_that_was_made_just_before_its_thread_got_the_turn_is_not_made_again(database: Database) -> None:
    group = GroupCommit(database)

    class Late(Turnstile):
        def enter(self, seconds: float) -> bool:
            (ask,) = group._asked
            ask.result, ask.done = "made", True
            return super().enter(seconds)

    group._turn = Late()
    assert group.write(mark(1), share=0.1) == "made"
    assert marks(database) == []


def test_a_transaction_is_no_larger_than_it_may_be(database: Database) -> None:
    group = GroupCommit(database)
    before = database.commits
    went = together(database, group, [mark(number) for number in range(10)], share=0.35)
    assert [future.result() for future in went] == [1] * 10
    assert marks(database) == list(range(10))
    assert database.commits == before + 1 + 5


def test_of_a_write_that_fails_nothing_is_left_and_the_others_stand(database: Database) -> None:
    group = GroupCommit(database)

    def conflicting(connection: sqlite3.Connection) -> None:
        mark(50)(connection)
        raise ConflictError("it is there")

    def unwritable(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO marks VALUES (?)", ("\udc80",))

    went = together(database, group, [mark(1), conflicting, mark(2), unwritable, mark(100), mark(3)])
    told = [future.exception() for future in went]
    assert [type(error) for error in told[:4]] == [type(None), ConflictError, type(None), ConfigError]
    assert "CHECK constraint failed" in str(told[4])
    assert told[5] is None
    assert marks(database) == [1, 2, 3]


def test_a_transaction_that_cannot_be_made_is_told_to_each(database: Database) -> None:
    group = GroupCommit(database)

    def end(connection: sqlite3.Connection) -> None:
        # As SQLite does when the disk is full.
        connection.execute("ROLLBACK")
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    went = together(database, group, [mark(1), end, mark(2)])
    told = [future.exception() for future in went]
    assert [type(error) for error in told] == [ProviderUnavailableError] * 3
    assert "the disk is full" in str(told[0])
    assert marks(database) == []
    assert group.write(mark(4), share=0.1) == 1
    assert marks(database) == [4]


def test_an_interrupt_of_who_writes_leaves_the_writes_of_others_to_them(database: Database) -> None:
    group = GroupCommit(database)
    interrupted: list[int] = []

    def interrupt(connection: sqlite3.Connection) -> int:
        if not interrupted:
            interrupted.append(threading.get_ident())
            raise KeyboardInterrupt
        return mark(9)(connection)  # type: ignore[no-any-return]

    def conflicting(connection: sqlite3.Connection) -> int:
        if not interrupted:
            raise ConflictError("not yet")
        return mark(8)(connection)  # type: ignore[no-any-return]

    went = together(database, group, [*(mark(number) for number in range(4)), conflicting, interrupt])
    ways = [future.exception() for future in went]
    # Whoever was writing was interrupted, and its own write is dropped, whichever that was.
    assert [type(error) for error in ways if error] == [KeyboardInterrupt]
    left = [number for number, error in zip((0, 1, 2, 3, 8, 9), ways, strict=True) if error is None]
    assert marks(database) == left
    assert not group._asked


def test_all_that_wait_for_a_gate_that_does_not_open_are_told_at_about_the_same_time(tmp_path: Path) -> None:
    patience = timedelta(seconds=0.5)
    with (
        closing(Database(tmp_path, patience)) as database,
        closing(Database(tmp_path, patience)) as other,
        ThreadPoolExecutor(64) as threads,
    ):
        group = GroupCommit(database)
        with other.writing():
            began = time.monotonic()
            went = [threads.submit(group.write, mark(number), share=0.5) for number in range(64)]
            assert {type(future.exception()) for future in went} == {ProviderUnavailableError}
            # One after the other they would be told after half a minute.
            assert time.monotonic() - began < 16
        assert list(group._asked) == []


def test_a_turn_that_an_interrupt_took_along_costs_others_time_only(tmp_path: Path) -> None:
    with closing(Database(tmp_path, timedelta(seconds=0.2))) as database, ThreadPoolExecutor(1) as threads:
        group = GroupCommit(database)
        assert group._turn.enter(0.0)
        create = "CREATE TABLE marks (mark INTEGER)"
        threads.submit(group.write, lambda connection: connection.execute(create).rowcount, share=0.1).result()
        assert threads.submit(group.write, mark(1), share=0.1).result() == 1
        # Whoever took it along gives it back with its next write.
        assert group.write(mark(2), share=0.1) == 1
        assert threads.submit(group._turn.enter, 0.0).result()
        assert marks(database) == [1, 2]


def test_who_asks_after_the_end_is_told(database: Database) -> None:
    group = GroupCommit(database)
    database.close()
    with pytest.raises(Exception, match="the grid was closed"):
        group.write(mark(1), share=0.1)


def test_sessions_of_many_threads_are_all_there_and_each_is_told_of_its_own_conflict(tmp_path: Path) -> None:
    with closing(SqliteStateStore(tmp_path)) as store, ThreadPoolExecutor(8) as threads:
        sessions = [session_of() for _ in range(64)]
        taken = session_of()
        store.create(taken, [bundle_of(taken, 0, 2)], sealed=True)

        def create(number: int) -> None:
            session = sessions[number]
            store.create(session, [bundle_of(session, 0, 1 + number % 3)], sealed=True)

        def clash() -> None:
            store.create(taken, [bundle_of(taken, 0, 1)], sealed=True)

        futures = [threads.submit(create, number) for number in range(64)]
        clashes = [threads.submit(clash) for _ in range(8)]
        assert [future.exception() for future in futures] == [None] * 64
        assert {type(future.exception()) for future in clashes} == {ConflictError}
        assert [status.total for status in store.status([session.id for session in sessions])] == [
            1 + number % 3 for number in range(64)
        ]
