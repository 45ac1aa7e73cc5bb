"""A user who cannot give all of the tasks, and one who submits others under an id that is taken."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from htcgrid import Grid
from htcgrid.errors import ConflictError, EncodingError
from tests.simulation.host import SimulatedHost
from tests.simulation.jobs.job import HANDLER, ON_ERROR, Job
from tests.simulation.work import Work


class BrokenSubmission(Job):
    """Submits tasks of which the last cannot be had, and leaves the session as it said."""

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """Submit, and be told so."""
        options = self.options()
        # Of many, some are written before the last is looked at.
        tasks = [work.event for work in self.tasks(options, most=400)]
        on_error = self.random.choice(ON_ERROR[:2])

        def events() -> Iterator[Any]:
            for event in tasks:
                host.sleep(0.001)
                yield event
            raise ValueError("no more market data")

        if self.random.random() < 0.5:
            with suppress(EncodingError):
                grid.submit(HANDLER, [*tasks, object()], on_error=on_error, **options)
                raise AssertionError("an object was carried as JSON")
            return
        handle = grid.submit(HANDLER, events(), on_error=on_error, **options)
        self.session = handle.id
        # What was accepted may be cancelled.
        self.world.facts.ended.add(handle.id)
        if on_error == "cancel":
            self.world.facts.broken.add(handle.id)
        with suppress(ValueError):
            handle.results(return_exceptions=True)
            raise AssertionError("the generator's error was not told")


class Impostor(Job):
    """Submits other tasks under an id that is taken."""

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """Submit, and be refused."""
        facts = self.world.facts
        taken = sorted(session for session, count in facts.accepted.items() if count and session.startswith("session"))
        if not taken:
            return
        session = self.random.choice(taken)
        with suppress(ConflictError):
            grid.submit(HANDLER, [Work(number=1_000_000).event] * 3, id=session)
            raise AssertionError(f"other tasks were accepted under {session}")
