"""Writes of several threads in one transaction: they wait for the gate, and for the disk, together."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
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
        #: Whether somebody writes it. It may be given up only while this is false, and whoever writes sets it before a
        #: look whether it was given up: so it is never both.
        self.begun = False
        #: Whether its thread does not wait for it any more.
        self.dropped = False
        self.done = False
        self.result: object = None
        self.error: Exception | None = None
        self._bell = threading.Lock()
        self._bell.acquire()

    def wait(self, seconds: float) -> None:
        """Wait until this is done, or its thread is to write; or for so long."""
        self._bell.acquire(timeout=seconds)

    def wake(self) -> None:
        """Let its thread look."""
        with suppress(RuntimeError):
            self._bell.release()


class GroupCommit:
    """Durable writes of the threads of one process: one of them writes what all have asked for by then.

    A write may be made again after an interrupt, and must then find that it was made.
    """

    #: How much of the patience with the gate a thread waits for another to begin its write, or for its turn; then it
    #: writes alone. So it costs time only if an interrupt took the turn along.
    _WAIT = 0.5
    #: How often to look whether a write that is begun is done, once it took that long: seconds.
    _LOOK = 0.05

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Passed by the thread that writes.
        self._turn = Turnstile()
        #: What is not done, in the order in which it was asked for; only who writes takes from it.
        self._asked: deque[_Ask] = deque()

    def write(self, write: Callable[[sqlite3.Connection], _Result], *, share: float) -> _Result:
        """Return what ``write`` does, once that is durable; it fills about this share of a transaction.

        Raises:
            Exception: ``write`` raised it, or the transaction cannot be made.
        """
        self._database.check_process()
        latest = time.monotonic() + self._WAIT * self._database.patience
        ask = _Ask(write, share)
        led = False
        try:
            self._asked.append(ask)
            while not ask.done:
                if self._turn.enter(0.0):
                    led = True
                    # Whoever had the turn may have made it.
                    if not ask.done:
                        self._write_next(ask)
                elif (left := latest - time.monotonic()) > 0:
                    ask.wait(left)
                else:
                    ask.dropped = True
                    if not ask.begun:
                        with self._database.writing() as connection:
                            return write(connection)
                    ask.dropped = False
                    ask.wait(self._LOOK)
        finally:
            ask.dropped = True
            self._turn.leave()
            if led or not ask.done:
                self._wake_next()
        error, ask.error = ask.error, None
        try:
            if error is not None:
                raise error
        finally:
            # It holds this frame.
            del error
        return cast("_Result", ask.result)

    def _write_next(self, own: _Ask) -> None:
        """Make the next transaction; when it cannot even be begun, that is told to this thread only."""
        asks: list[_Ask] = []
        try:
            with self._database.writing() as connection:
                # Its own at least: it was taken away if it seemed to be given up for a moment.
                asks = self._next() or [own]
                for ask in asks:
                    self._carry_out(ask, connection, alone=len(asks) == 1)
        except Exception as error:  # noqa: BLE001 - each thread raises it
            asks = asks or [own]
            for ask in asks:
                ask.error = error
        except BaseException:
            # This thread was interrupted. What it has not done is for the next.
            for ask in asks:
                ask.begun = False
            raise
        for ask in asks:
            ask.done = True
        while self._asked and (self._asked[0].done or self._asked[0].dropped):
            # Before it is taken away: after an interrupt between the two the next one does it.
            self._asked[0].wake()
            self._asked.popleft()

    def _next(self) -> list[_Ask]:
        """Return what fits into one transaction, and at least one write."""
        taken: list[_Ask] = []
        share = 0.0
        for ask in list(self._asked):
            if taken and share + ask.share > 1:
                break
            ask.begun = True
            if ask.done or ask.dropped:
                ask.begun = False
            else:
                share += ask.share
                taken.append(ask)
        return taken

    def _carry_out(self, ask: _Ask, connection: sqlite3.Connection, *, alone: bool) -> None:
        """Make one write; one of several leaves nothing when it fails, and the others stand."""
        # It may have failed in a transaction that was interrupted.
        ask.error = None
        if alone:
            ask.result = ask.write(connection)
            return
        connection.execute("SAVEPOINT one")
        try:
            ask.result = ask.write(connection)
        except Exception as error:
            if not connection.in_transaction:
                # SQLite took all of it back, as when the disk is full.
                raise
            connection.execute("ROLLBACK TO one")
            ask.error = error
            if isinstance(error, FAULTS):
                ask.error = fault(error, self._database.file)
                ask.error.__cause__ = error
        connection.execute("RELEASE one")

    def _wake_next(self) -> None:
        """Let the first who waits have the turn, and those go who need none."""
        for ask in list(self._asked):
            ask.wake()
            if not (ask.done or ask.dropped):
                return
