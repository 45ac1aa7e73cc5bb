"""Writes of several threads in one transaction: they wait for the gate, and for the disk, together."""

import sqlite3
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from htcgrid.local.database import Database
from htcgrid.local.faults import FAULTS, fault
from htcgrid.local.gate import Turnstile

_Result = TypeVar("_Result")


class _Ask:
    """What one thread wants written, and how that went."""

    def __init__(self, write: Callable[[sqlite3.Connection], object], share: float) -> None:
        self.write = write
        self.share = share
        self.done = False
        #: Whether its thread was interrupted, and does not wait for it any more.
        self.dropped = False
        self.result: object = None
        self.error: Exception | None = None


class GroupCommit:
    """Durable writes of the threads of one process: who is in first writes what all have asked for by then.

    A write may be done again after an interrupt, and must then find that it was done.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Passed by the thread that writes.
        self._turn = Turnstile()
        #: What nobody has begun to write; only who writes takes from it.
        self._asked: deque[_Ask] = deque()

    def write(self, write: Callable[[sqlite3.Connection], _Result], *, share: float) -> _Result:
        """Return what ``write`` does, once that is durable; it fills about this share of a transaction.

        Raises:
            Exception: ``write`` raised it, or the transaction cannot be made; nothing of this write is recorded.
        """
        self._database.check_process()
        ask = _Ask(write, share)
        self._asked.append(ask)
        try:
            if not self._turn.enter(self._database.patience):
                raise self._database.busy()
            try:
                while not ask.done:
                    self._write_some()
            finally:
                self._turn.leave()
        finally:
            ask.dropped = not ask.done
        if ask.error is not None:
            raise ask.error
        return cast("_Result", ask.result)

    def _write_some(self) -> None:
        asks: list[_Ask] = []
        try:
            with self._database.writing() as connection:
                self._take(asks)
                if len(asks) == 1:
                    asks[0].result = asks[0].write(connection)
                else:
                    for ask in asks:
                        _carry_out(ask, connection, self._database.file)
            for ask in asks:
                ask.done = True
        except Exception as error:  # noqa: BLE001 - each thread raises it
            if not asks:
                # Who does not get in tells all that wait: none of them would.
                self._take(asks)
            for ask in asks:
                ask.error, ask.done = error, True
        except BaseException:
            # This thread was interrupted. The writes of others are for the next.
            self._asked.extendleft(ask for ask in reversed(asks) if not ask.done)
            raise

    def _take(self, asks: list[_Ask]) -> None:
        """Take what fits into one transaction, and at least one write."""
        share = 0.0
        while self._asked:
            ask = self._asked[0]
            share += ask.share
            if asks and share > 1:
                return
            if not ask.dropped:
                # Before it is taken away: an interrupt between the two is to lose nothing.
                asks.append(ask)
            self._asked.popleft()


def _carry_out(ask: _Ask, connection: sqlite3.Connection, file: Path) -> None:
    """Do one write of several; nothing is left of it when it fails, and the others stand."""
    connection.execute("SAVEPOINT one")
    try:
        ask.result = ask.write(connection)
    except Exception as error:
        if not connection.in_transaction:
            # SQLite took all of it back, as when the disk is full.
            raise
        connection.execute("ROLLBACK TO one")
        ask.error = fault(error, file) if isinstance(error, FAULTS) else error
    connection.execute("RELEASE one")
