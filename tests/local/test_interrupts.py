"""Ctrl-C in the middle of a write, at every step of it: the store is as usable as before."""

import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from htcgrid.errors import ProviderError
from htcgrid.local import database as database_module
from htcgrid.local import gate as gate_module
from htcgrid.local import group as group_module
from htcgrid.local.database import Database
from htcgrid.local.group import GroupCommit
from htcgrid.local.state import SqliteStateStore
from htcgrid.model import Session
from htcgrid.testing.samples import bundle_of, session_of

#: The code whose every step is interrupted; contextlib's, where it runs a block of ours.
FILES = {
    database_module.__file__,
    gate_module.__file__,
    group_module.__file__,
    Path(sys.modules["contextlib"].__file__ or "").as_posix(),
}


def interrupted_at(step: int, call: Callable[[], object]) -> bool:
    """Call, and be interrupted at this step of the code in :data:`FILES`; return whether it was that long."""
    left = step

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in FILES:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    # Python 3.12 tells of opcodes only if a frame has asked for them by then.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("durable", [True, False])
def test_an_interrupt_at_any_step_of_a_write_leaves_the_store_usable(tmp_path: Path, *, durable: bool) -> None:
    database = Database(tmp_path, timedelta(seconds=0.2))
    with database.writing() as connection:
        connection.execute("CREATE TABLE marks (step INTEGER, thread TEXT)")

    def write(step: int, thread: str = "own") -> None:
        with database.writing(durable=durable) as connection:
            connection.execute("INSERT INTO marks VALUES (?, ?)", (step, thread))

    def count(step: int) -> int:
        with database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM marks WHERE step = ?", (step,)).fetchone()[0])

    step = 0
    while interrupted_at(step := step + 1, lambda: write(step)):
        assert count(step) <= 1
        # The same thread goes on, as a program does that cleans up after Ctrl-C, and then anybody else.
        write(-step)
        assert count(-step) == 1
        other = threading.Thread(target=write, args=(-step, "other"))
        other.start()
        other.join()
        assert count(-step) == 2
    assert step > 100
    database.close()


def test_a_turn_that_was_lost_takes_nothing_from_the_next(tmp_path: Path) -> None:
    database = Database(tmp_path, timedelta(seconds=0.2))
    with database.writing() as connection:
        connection.execute("CREATE TABLE marks (step INTEGER)")
    lost = database.writing()
    lost.__enter__().execute("INSERT INTO marks VALUES (1)")
    with database.writing() as connection:
        connection.execute("INSERT INTO marks VALUES (2)")
        # It ends at last, as when the traceback that held it is dropped.
        assert not lost.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    with database.reading() as connection:
        assert connection.execute("SELECT step FROM marks").fetchall() == [(2,)]
    database.close()


@pytest.mark.parametrize("fails", [True, False])
def test_an_interrupt_of_who_writes_for_others_too_leaves_theirs_to_be_written(tmp_path: Path, *, fails: bool) -> None:
    # Nobody is to wait for half of this.
    database = Database(tmp_path, timedelta(minutes=4))
    group = GroupCommit(database)
    with database.writing() as connection:
        connection.execute("CREATE TABLE marks (step INTEGER, who TEXT, UNIQUE (step, who))")

    def write(step: int, who: str) -> None:
        def mark(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR IGNORE INTO marks VALUES (?, ?)", (step, who))
            if fails and who == "own":
                connection.execute("ROLLBACK")
                raise sqlite3.OperationalError("as if the disk were full")

        with suppress(ProviderError):
            group.write(mark, share=0.1)

    step = 0
    with ThreadPoolExecutor(3) as threads:
        while True:
            step += 1
            # Somebody else's write is asked for, and waits for a turn.
            holder = HeldTurn(group)
            other = threads.submit(write, step, "other")
            until_asked(group)
            holder.leave()
            if not interrupted_at(step, lambda step=step: write(step, "own")):  # type: ignore[misc]
                break
            write(step, "again")
            threads.submit(write, step, "third").result(timeout=20)
            other.result(timeout=20)
            with database.reading() as connection:
                found = {who for (who,) in connection.execute("SELECT who FROM marks WHERE step = ?", (step,))}
            # One that was interrupted while it ended may fail once more, with those beside it; they are told.
            assert fails or {"other", "again", "third"} <= found
        other.result(timeout=20)
    assert step > 200
    assert len(group._asked) <= 1
    database.close()


class HeldTurn:
    """A thread that has the turn of a group, and writes nothing."""

    def __init__(self, group: GroupCommit) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._group = group
        assert self._thread.submit(group._turn.enter, 60).result()

    def leave(self) -> None:
        self._thread.submit(self._group._turn.leave).result()
        self._thread.shutdown()


def until_asked(group: GroupCommit) -> None:
    while all(ask.done or ask.dropped for ask in list(group._asked)):
        time.sleep(0.0001)


def test_a_session_is_whole_or_not_there_whenever_its_submission_is_interrupted(tmp_path: Path) -> None:
    store = SqliteStateStore(tmp_path, patience=timedelta(seconds=0.2))

    def create(session: Session) -> None:
        store.create(session, [bundle_of(session, 0, 3)], sealed=True)

    step = 0
    while True:
        step += 7
        session = session_of()
        if not interrupted_at(step, lambda session=session: create(session)):  # type: ignore[misc]
            break
        create(session)
        assert store.status([session.id])[0].total == 3
    store.close()
