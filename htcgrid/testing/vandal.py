"""The contract of a grid whose stores somebody damages while its agents run.

A disk, a hand-written script, or another version may leave anything in a store. What cannot be read is left as it is,
stops nobody else, and is told.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from random import Random
from time import monotonic
from typing import ClassVar

import pytest

from htcgrid import Grid
from htcgrid.errors import HtcGridError
from htcgrid.interfaces import BEGINNING, StateStore, TaskQueue
from htcgrid.model import AgentId, AgentReport, AgentStatus, BundleKey, Hint, Session, SessionId, defaults, utcnow
from htcgrid.testing.contract import Contract
from htcgrid.testing.samples import bundle_of, commit_of, session_of, tasks

#: What is done to the bytes that stand somewhere; None takes them away.
WAYS: Mapping[str, Callable[[bytes], bytes | None]] = {
    "gone": lambda _: None,
    "empty": lambda _: b"",
    "cut in half": lambda data: data[: len(data) // 2],
    "without its last byte": lambda data: data[:-1],
    "without its first byte": lambda data: data[1:],
    "with a byte behind it": lambda data: data + b"\x00",
    "twice": lambda data: data * 2,
    "another bit in its first byte": lambda data: _flipped(data, 0),
    "another bit in its middle": lambda data: _flipped(data, len(data) // 2),
    "another bit in its last byte": lambda data: _flipped(data, max(0, len(data) - 1)),
    "zeros": lambda data: bytes(len(data) or 1),
    "ones": lambda data: b"\xff" * (len(data) or 1),
    "garbage of its length": lambda data: Random(len(data)).randbytes(len(data) or 8),
    "a megabyte of garbage": lambda _: Random(1).randbytes(1 << 20),
    "no UTF-8": lambda _: b"\xa2\xff\xfe",
    "text": lambda _: b"text",
    "null": lambda _: b"\xc0",
    "a negative number": lambda _: b"-1",
    "a number beyond all": lambda _: b"9" * 5000,
    "not finite": lambda _: b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00",
    "an empty object": lambda _: b"\x80",
    "an array that says it is long": lambda _: b"\xdd\xff\xff\xff\xff",
    "arrays in arrays": lambda _: b"\x91" * 5000,
    "JSON in JSON": lambda _: b"[" * 100_000,
}
#: What is stored, of which each provider damages what it has.
KINDS = ("header", "facts", "bundle", "payloads", "log", "report", "hint")


class Vandal(ABC):
    """Gets at what the stores of a grid hold, past their interfaces, as their operator may."""

    #: The stores, opened beside the grid's own.
    state: StateStore
    queue: TaskQueue
    #: Those kinds that stand somewhere as bytes: a session's ``header``; other ``facts`` of it, as its
    #: state or its counts; the record of its ``bundle`` from task 0 on; that bundle's ``payloads``; an entry of its
    #: ``log``; the ``report`` of the agent that is named as the session; a ``hint``, which is only ever added.
    kinds: ClassVar[tuple[str, ...]] = KINDS

    @abstractmethod
    def read(self, kind: str, session: SessionId) -> bytes:
        """Return what stands there of a session; nothing for a hint."""

    @abstractmethod
    def write(self, kind: str, session: SessionId, data: bytes | None) -> None:
        """Put bytes in its place, or take it away; a hint of the default pool is added."""


class VandalContract(Contract):
    """What a grid with damaged stores does. Give it fixtures ``grid``, whose agents run, and ``vandal``."""

    #: Tasks of the neighbour, and within which time all of them end: seconds.
    neighbours: ClassVar[int] = 200
    patience: ClassVar[float] = 30.0

    @pytest.fixture
    def grid(self) -> Grid:
        """Return the grid, whose agents may run the handlers of :mod:`htcgrid.testing.handlers`."""
        raise NotImplementedError("a contract is given what it is kept by")

    @pytest.fixture
    def vandal(self) -> Vandal:
        """Return what damages its stores."""
        raise NotImplementedError("a contract is given what it is kept by")

    @pytest.mark.parametrize("way", WAYS)
    def test_what_is_damaged_stops_no_neighbour_and_restarts_no_agent(
        self, grid: Grid, vandal: Vandal, way: str
    ) -> None:
        agents = _running(vandal.state)
        assert agents, "no agent has reported"
        damaged = {kind: self._damaged(vandal, kind, way) for kind in vandal.kinds}
        began = monotonic()
        neighbour = grid.submit("htcgrid.testing.handlers:echo", range(self.neighbours))
        assert neighbour.results(timeout=self.patience) == list(range(self.neighbours))
        assert monotonic() - began < self.patience
        for kind, (session, data) in damaged.items():
            if session in _left_out(vandal.state):
                assert vandal.read(kind, session) == (data or b""), f"the {kind} was altered"
        vandal.state.due(100)
        vandal.state.concerns()
        assert _running(vandal.state) == agents
        for session, _ in damaged.values():
            # What is left of it must not stand in the next one's way.
            with suppress(HtcGridError):
                vandal.state.cancel([session])
            with suppress(HtcGridError):
                vandal.state.delete(session)

    def test_what_was_damaged_is_told_once_and_listed(
        self, grid: Grid, vandal: Vandal, caplog: pytest.LogCaptureFixture
    ) -> None:
        session, data = self._damaged(vandal, "header", "no UTF-8")
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert session in _left_out(vandal.state)
                assert grid.submit("htcgrid.testing.handlers:echo", [1]).results(timeout=self.patience) == [1]
        assert sum(session in record.getMessage() for record in caplog.records) <= 1
        assert [concern for concern in vandal.state.concerns() if "cannot be read" in concern.message]
        assert vandal.read("header", session) == data

    def _damaged(self, vandal: Vandal, kind: str, way: str) -> tuple[SessionId, bytes | None]:
        """Submit a session of which one thing is damaged before anybody hears of it; return what stands there then."""
        # No agent is of its pool: it is heard of by hints alone, which come when it is damaged.
        session = session_of(pool="vandalised")
        vandal.state.create(session, [bundle_of(session, start, start + 2) for start in (0, 2)], sealed=True)
        if kind == "report":
            vandal.state.register(AgentReport(id=AgentId(session.id), pool=session.pool, started=utcnow()))
        if kind == "log":
            [claim] = vandal.state.claim([BundleKey(session.id, 0)], agent=AgentId("vandal"), lease=defaults.LEASE)
            vandal.state.commit([commit_of(claim.lease, tasks(0, 2))])
        data = WAYS[way](vandal.read(kind, session.id))
        vandal.write(kind, session.id, data)
        vandal.queue.send([_hint(session, start) for start in (0, 2)])
        return session.id, data


def _hint(session: Session, start: int) -> Hint:
    return Hint(key=BundleKey(session.id, start), priority=session.priority)


def _running(state: StateStore) -> set[tuple[str, int]]:
    """Return the agents that are there, each with its process."""
    return {
        (agent.report.id, agent.report.pid)
        for agent in _agents(state)
        if agent.alive and agent.report.pool == defaults.POOL
    }


def _agents(state: StateStore) -> Iterator[AgentStatus]:
    cursor: str | None = BEGINNING
    while cursor is not None:
        page = state.agents(cursor)
        yield from page.agents
        cursor = page.cursor


def _left_out(state: StateStore) -> set[str]:
    found: set[str] = set()
    cursor: str | None = BEGINNING
    while cursor is not None:
        page = state.sessions(cursor)
        found |= {error.where for error in page.unreadable}
        cursor = page.cursor
    return found


def _flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :] if data else b"\x10"
