"""What really happened, as nobody in the grid knows it: what the judge compares outcomes with."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from htcgrid.connector.outcome import Outcome
from htcgrid.model import Claim, SessionId, TaskState
from tests.simulation.work import Work


class Facts:
    """Written by simulated workers, stores and clients."""

    def __init__(self) -> None:
        #: By session and task: how often it was begun, and the types of its tries that went wrong.
        self.begun = Counter[tuple[SessionId, int]]()
        self.failed: defaultdict[tuple[SessionId, int], list[str]] = defaultdict(list)
        #: How often a task was claimed when it was alone in its bundle.
        self.alone = Counter[tuple[SessionId, int]]()
        #: Objects that were altered in the store, and how often one was altered on its way, or seen late.
        self.altered: set[str] = set()
        self.misread = Counter[str]()
        #: By session: the tasks as its client meant them, if they were known before, and how many it was told are safe.
        self.meant: defaultdict[SessionId, dict[int, Work]] = defaultdict(dict)
        self.accepted = Counter[SessionId]()
        #: Sessions that a user cancelled or deleted, or that were given up.
        self.ended: set[SessionId] = set()
        self.deleted: set[SessionId] = set()
        #: What readers were told, by session and task.
        self.told: dict[tuple[SessionId, int], tuple[TaskState, bytes]] = {}

    def tried(self, session: SessionId, index: int, kind: str) -> None:
        """Note that a try of a task went wrong."""
        self.failed[session, index].append(kind)

    def claimed(self, claims: Iterable[Claim]) -> None:
        """Note which tasks were claimed alone."""
        for claim in claims:
            if claim.open.count == 1:
                self.alone[claim.key.session, claim.open.first] += 1

    def take(self, outcome: Outcome) -> None:
        """Note what a reader was told; all readers must be told the same."""
        known = (outcome.state, repr((outcome.value, outcome.error, outcome.tries, outcome.worker)).encode())
        before = self.told.setdefault((outcome.session, outcome.index), known)
        assert before == known, f"task {outcome.index} of {outcome.session} ended as {before} and as {known}"
        work = self.meant[outcome.session].get(outcome.index)
        if work is not None and outcome.state is TaskState.SUCCEEDED:
            right = work.value
            assert outcome.value == right, f"task {outcome.index} of {outcome.session}: {outcome.value}, not {right}"
