"""What users want of the grid, and the programs that they write for it."""

from collections.abc import Callable

from tests.simulation.jobs.again import Again
from tests.simulation.jobs.broken import BrokenSubmission, Impostor
from tests.simulation.jobs.calls import Calls, Mapping
from tests.simulation.jobs.job import Job, attempt
from tests.simulation.jobs.onlooker import Ending, Looking
from tests.simulation.jobs.submission import Submission
from tests.simulation.world import World

__all__ = ["KINDS", "Job", "attempt"]

#: Kinds of jobs, the frequent ones several times.
KINDS: tuple[Callable[[World], Job], ...] = (
    *(Submission,) * 8,
    Again,
    BrokenSubmission,
    BrokenSubmission,
    Calls,
    Calls,
    Mapping,
    Mapping,
    *(Ending,) * 4,
    Looking,
    Impostor,
)
