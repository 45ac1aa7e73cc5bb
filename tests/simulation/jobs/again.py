"""A user who submits tasks, and those that failed again."""

from typing import TYPE_CHECKING

from htcgrid import Grid
from htcgrid.connector.session import SessionHandle
from htcgrid.errors import ConfigError, EncodingError, ProviderUnavailableError, SessionNotFoundError
from htcgrid.model import SessionId
from tests.simulation.facts import Facts
from tests.simulation.host import SimulatedHost
from tests.simulation.jobs.submission import Submission

if TYPE_CHECKING:
    from tests.simulation.world import World


class Again(Submission):
    """Collects a session, and then one of its failed tasks, if there are any."""

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        #: The id that the user gave the first session; None for one that the grid named.
        self._named_so = self.session

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """Submit and collect; then do so with what failed."""
        super().run(grid, host)
        # Another client of the same user's may be at it, too.
        first = self._named_so or self.session
        assert first is not None
        if (again := submitted_again(grid, first, self.world.facts)) is not None:
            collect_again(*again, self.world.facts)


def submitted_again(
    grid: Grid, first: SessionId, facts: Facts, *, pickle: bool = False
) -> tuple[SessionHandle, int] | None:
    """Submit what failed in a session again; return the handle, and how many tasks that are, if there are any."""
    try:
        again = grid.retry(first, pickle=pickle)
    except ConfigError:
        # It has not ended yet, as who does not wait for it may find, or nothing failed.
        return None
    if first in facts.ended:
        facts.ended.add(again.id)
    origins = grid.origins(again.id)
    meant = facts.meant[first]
    facts.meant[again.id] |= {index: meant[origin] for index, origin in enumerate(origins) if origin in meant}
    return again, len(origins)


def collect_again(again: SessionHandle, tasks: int, facts: Facts) -> None:
    """Look how tasks ended that were submitted again."""
    seen = set()
    try:
        for outcome in again.outcomes():
            assert outcome.index not in seen
            seen.add(outcome.index)
            facts.take(outcome)
    except SessionNotFoundError:
        if again.id not in facts.ended:
            raise
        return
    except EncodingError as error:
        if again.id in facts.ended or any(key.startswith(f"{again.id}/") for key in facts.altered):
            return
        misread = any(key.startswith(f"{again.id}/") for key in facts.misread)
        assert misread, f"a pack of {again.id} came altered, and nobody has altered one"
        # Who asks again has more luck.
        raise ProviderUnavailableError("it came altered") from error
    assert again.id in facts.ended or not tasks or seen == set(range(tasks))
