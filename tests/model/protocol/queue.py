"""The queue: it may lose hints; that it doubles them shows where an agent takes one."""

from collections.abc import Iterator

from tests.model.protocol.state import State, Step
from tests.model.protocol.store import unhinted


def faults(state: State) -> Iterator[Step]:
    """Yield hints that are lost."""
    lost = state.left.lost
    if lost:
        for hint in state.hints:
            yield f"the hint of {hint} is lost", unhinted(state._replace(left=state.left._replace(lost=lost - 1)), hint)
