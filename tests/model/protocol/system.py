"""The actors together: the first state, what may happen next, and what is to be true."""

from collections.abc import Iterator

from tests.model.protocol import agent, canceller, client, collector, observer, queue, reader, reaper
from tests.model.protocol.bounds import Bounds
from tests.model.protocol.invariants import invariants_of
from tests.model.protocol.records import Bundle, Header, SessionState
from tests.model.protocol.rules import Rules
from tests.model.protocol.state import Agent, Client, Observer, Reader, State, Step
from tests.model.protocol.store import UNSEEN, is_closed, recorded
from tests.model.protocol.world import World


class System:
    """The protocol within bounds, with its rules or with one of them changed."""

    def __init__(self, bounds: Bounds, rules: Rules | None = None) -> None:
        self.bounds = bounds
        self.invariants = invariants_of(bounds)
        self.world = World(bounds, rules or Rules())

    def initial(self) -> State:
        """Return the first state: nothing is there, or all is submitted."""
        bounds = self.bounds
        state = State(
            header=None,
            bundles=(),
            logs=((),) * bounds.logs,
            agents=(Agent(),) * bounds.agents,
            left=bounds.left,
            looks=(UNSEEN,) * bounds.reapers,
            clients=tuple(sorted(Client(content=content) for content in bounds.clients)),
            reader=Reader(positions=(0,) * bounds.logs) if bounds.reader else None,
            observer=Observer() if bounds.observer else None,
        )
        return state if bounds.clients else self._submitted(state)

    def progress(self, state: State) -> Iterator[Step]:
        """Yield what may happen next when nothing goes wrong."""
        if state.clients:
            yield from client.progress(self.world, state)
        yield from agent.progress(self.world, state)
        yield from reaper.progress(self.world, state)
        yield from canceller.progress(self.world, state)
        yield from collector.progress(self.world, state)
        if state.reader is not None:
            yield from reader.progress(self.world, state)
        if state.observer is not None:
            yield from observer.progress(self.world, state)

    def faults(self, state: State) -> Iterator[Step]:
        """Yield what may go wrong next, and what nobody is bound to do."""
        if state.clients:
            yield from client.faults(self.world, state)
        yield from agent.faults(self.world, state)
        yield from reaper.faults(self.world, state)
        yield from queue.faults(state)
        yield from canceller.faults(self.world, state)
        yield from collector.faults(self.world, state)
        yield from reader.faults(self.world, state)

    def violated(self, state: State) -> str | None:
        """Return the name of the first invariant that does not hold."""
        for invariant in self.invariants:
            if not invariant(self.bounds, state):
                return invariant.__name__
        return None

    def settled(self, state: State) -> bool:
        """Return whether every accepted task has ended, and a reader has been handed all that there is."""
        header = state.header
        if header is None:
            return not state.accepted
        if header.state >= SessionState.TOMBSTONE:
            return True
        ended = recorded(state)
        if header.state == SessionState.CANCELLED:
            if not all(is_closed(log) for log in state.logs):
                return False
            ended = (1 << header.total) - 1
        elif state.accepted & ~ended:
            return False
        return state.reader is None or state.reader.given == ended

    def collected(self, state: State) -> bool:
        """Return whether nothing is left of a session that was deleted."""
        header = state.header
        if header is None or header.state < SessionState.TOMBSTONE:
            return True
        left = state.bundles or state.packs or any(state.logs)
        return header.state == SessionState.COLLECTED and not left

    def _submitted(self, state: State) -> State:
        bundles = [
            Bundle(start=start, birth=(), root=start, held=(1 << stop) - (1 << start))
            for start, stop in self.bounds.ranges()
        ]
        return state._replace(
            header=Header(SessionState.SEALED, self.bounds.roots[-1]),
            bundles=tuple(bundles),
            hints=tuple(bundle.key for bundle in bundles) if self.bounds.hints else (),
            inputs=self.bounds.everything,
            accepted=self.bounds.everything,
        )
