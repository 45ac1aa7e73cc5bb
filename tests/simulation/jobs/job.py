"""What a user wants of the grid, and how a patient one goes on until it is had."""

from concurrent.futures import BrokenExecutor
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from htcgrid import Grid
from htcgrid.errors import ConflictError, EncodingError, HtcGridError, SessionNotFoundError, TaskError
from htcgrid.model import RetryPolicy, SessionId
from tests.simulation.host import SimulatedHost
from tests.simulation.work import Work, works

if TYPE_CHECKING:
    from tests.simulation.world import World


HANDLER = "book:price"
#: Of others agents learn a pace of their own.
HANDLERS = (HANDLER, "book:risk", "book:vega")
_SECOND = timedelta(seconds=1)
OnErrorName = Literal["cancel", "run", "leave"] | None
ON_ERROR: tuple[OnErrorName, ...] = ("run", "cancel", "leave", None)


class Job:
    """One user's intent; :meth:`run` may be called again, in another process, until it returns."""

    #: Whether another client goes on when the first is gone.
    goes_on = False

    def __init__(self, world: "World") -> None:
        self.world = world
        bits = world.random.getrandbits(64)
        self.random = Random(bits)
        #: Decides about what few jobs do; apart, so that the others do what they would without it.
        self.rare = Random(bits ^ 1)
        self.session: SessionId | None = None
        self.done = False

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """Do what the user wants.

        Raises:
            HtcGridError: the grid did not let it; the user tries again, or knows why.
        """
        raise NotImplementedError

    @property
    def ended(self) -> bool:
        """Whether somebody has ended the session, so that errors about that are right."""
        return self.session in self.world.facts.ended or self.session in self.world.facts.left_open

    def options(self) -> dict[str, Any]:
        """Return options of a session."""
        random = self.random
        retry = RetryPolicy(tries=random.choice((1, 2, 3)), backoff=random.choice((0.0, 0.2, 1.0, 5.0)) * _SECOND)
        return {
            "retry": retry,
            "timeout": random.choice((None, 12.0)),
            "priority": random.choice((0, 1, 1, 3)),
            "labels": {"desk": random.choice(("fx", "rates"))},
        }

    def tasks(self, options: dict[str, Any], *, most: int = 300) -> list[Work]:
        """Return the tasks of a session."""
        count = self.random.choice((1, 3, 20, 60, most, most))
        faulty = self.random.choice((0.0, 0.0, 0.05, 0.3))
        return works(self.random, count, faulty=faulty, timeout=options["timeout"] is not None)


def attempt(job: Job, grid: Grid, host: SimulatedHost) -> None:
    """Work at a job until it is done, as a patient user does."""
    facts = job.world.facts
    while not job.done:
        try:
            job.run(grid, host)
            job.done = True
        except (ConflictError, SessionNotFoundError, TaskError):
            # Right only when somebody ended the session.
            if not job.ended:
                raise
            job.done = True
        except EncodingError:
            prefix = "" if job.session is None else f"{job.session}/"
            altered = any(key.startswith(prefix) for key in facts.altered)
            misread = any(key.startswith(prefix) for key in facts.misread)
            told = altered or misread or job.ended
            assert told, f"a pack of {job.session} came altered, and nobody has altered one"
            job.done = altered or job.ended
            host.sleep(1.0)
        except (HtcGridError, BrokenExecutor):
            host.sleep(job.random.uniform(0.1, 10.0))
