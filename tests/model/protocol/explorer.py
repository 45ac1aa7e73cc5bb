"""Exploring every reachable state, breadth first."""

from array import array
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from tests.model.protocol.state import State, Step


class TooManyStatesError(Exception):
    """There are more states than were expected."""


class Explorable(Protocol):
    """What can be explored."""

    def initial(self) -> State:
        """Return the first state."""

    def progress(self, state: State) -> Iterator[Step]:
        """Yield what may happen next when nothing goes wrong."""

    def faults(self, state: State) -> Iterator[Step]:
        """Yield what may go wrong next, and what nobody is bound to do."""

    def violated(self, state: State) -> str | None:
        """Return what is not true of the state and has to be."""

    def settled(self, state: State) -> bool:
        """Return whether the state is one that has to be within reach of all others."""


class Violation(NamedTuple):
    """What was found wrong, and the shortest way there."""

    rule: str
    trace: list[str]
    state: State

    def __str__(self) -> str:
        steps = "\n".join(f"{number:3}. {step}" for number, step in enumerate(self.trace, 1))
        return f"{self.rule}, after {len(self.trace)} steps:\n{steps}\nThen the state is {self.state}"


class Exploration:
    """All states of a system, and how they follow from one another."""

    def __init__(self, system: Explorable, *, limit: int = 5_000_000) -> None:
        self._system = system
        self._limit = limit
        self._states = [system.initial()]
        self._numbers = {self._states[0]: 0}
        self._parents = array("l", [0])
        self._names = [""]
        #: Of each step that is no fault: the state before and the state after.
        self._before = array("l")
        self._after = array("l")
        self.transitions = 0

    def __len__(self) -> int:
        """Return the number of states that were visited."""
        return len(self._states)

    def __iter__(self) -> Iterator[State]:
        """Iterate over the states that were visited."""
        return iter(self._states)

    def run(self) -> Violation | None:
        """Visit every state; return the first that is wrong, or one from which the rest cannot end any more."""
        at = 0
        while at < len(self._states):
            state = self._states[at]
            if rule := self._system.violated(state):
                return self._violation(rule, at)
            for name, after in self._system.progress(state):
                self._before.append(at)
                self._after.append(self._visit(at, name, after))
            for name, after in self._system.faults(state):
                self._visit(at, name, after)
            at += 1
        return self.stuck(self._system.settled, "every task can still end")

    def stuck(self, settled: Callable[[State], bool], rule: str) -> Violation | None:
        """Return the first state from which no settled one can be reached without a further fault."""
        reaches = self._reaching(settled)
        at = reaches.find(0)
        return None if at < 0 else self._violation(rule, at)

    def _reaching(self, settled: Callable[[State], bool]) -> bytearray:
        """Return for each state whether it is settled, or some that is can be reached from it."""
        heads, following = self._reversed()
        reaches = bytearray(settled(state) for state in self._states)
        waiting = [at for at, yes in enumerate(reaches) if yes]
        while waiting:
            edge = heads[waiting.pop()]
            while edge >= 0:
                before = self._before[edge]
                if not reaches[before]:
                    reaches[before] = 1
                    waiting.append(before)
                edge = following[edge]
        return reaches

    def _reversed(self) -> "tuple[array[int], array[int]]":
        """Return the steps by the state after: for each state its last one, for each step the one before it."""
        heads = array("l", [-1]) * len(self._states)
        following = array("l", [-1]) * len(self._after)
        for edge, after in enumerate(self._after):
            following[edge] = heads[after]
            heads[after] = edge
        return heads, following

    def _visit(self, before: int, name: str, state: State) -> int:
        self.transitions += 1
        number = self._numbers.setdefault(state, len(self._states))
        if number == len(self._states):
            if number >= self._limit:
                raise TooManyStatesError(f"there are more than {self._limit} states")
            self._states.append(state)
            self._parents.append(before)
            self._names.append(name)
        return number

    def _violation(self, rule: str, at: int) -> Violation:
        state, trace = self._states[at], []
        while at:
            trace.append(self._names[at])
            at = self._parents[at]
        return Violation(rule, trace[::-1], state)
