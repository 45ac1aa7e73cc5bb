"""What really happened, as nobody in the grid knows it: what the judge compares outcomes with."""

from collections import Counter, defaultdict

from htcgrid.connector.outcome import Outcome
from htcgrid.model import SessionId, TaskState
from tests.simulation.work import Work


class Facts:
    """Written by simulated workers, stores and clients."""

    def __init__(self) -> None:
        #: By session and task: the types of its tries that went wrong.
        self.failed: defaultdict[tuple[SessionId, int], list[str]] = defaultdict(list)
        #: By nonce of a lease and task: when it was reported of a try that every other would go wrong.
        self.hopeless: dict[tuple[str, int], float] = {}
        #: By session and task: the agents whose leases lapsed while it was all that was left of its bundle.
        self.lapsed: defaultdict[tuple[SessionId, int], list[str]] = defaultdict(list)
        #: How often another task took its agent along while a task was all that was left of its bundle there.
        self.beside = Counter[tuple[SessionId, int]]()
        #: Objects that were altered in the store, and how often one was altered on its way, or seen late.
        self.altered: set[str] = set()
        self.misread = Counter[str]()
        #: By session: the tasks as its client meant them, if they were known before, and how many it was told are safe.
        self.meant: defaultdict[SessionId, dict[int, Work]] = defaultdict(dict)
        self.accepted = Counter[SessionId]()
        #: By session: how many of its tasks may be accepted and not ended.
        self.ahead: dict[SessionId, int] = {}
        #: Sessions that are to be cancelled, for not all of their tasks can be had.
        self.broken: set[SessionId] = set()
        #: Sessions that a user cancelled or deleted, or that were given up.
        self.ended: set[SessionId] = set()
        #: Sessions that stood open when all jobs were done, and were cancelled; a second client may still be at one.
        self.left_open: set[SessionId] = set()
        #: What readers were told, by session and task.
        self.told: dict[tuple[SessionId, int], tuple[TaskState, bytes]] = {}

    def tried(self, session: SessionId, index: int, kind: str) -> None:
        """Note that a try of a task went wrong."""
        self.failed[session, index].append(kind)

    def take(self, outcome: Outcome) -> None:
        """Note what a reader was told; all readers must be told the same."""
        known = (outcome.state, repr((outcome.value, outcome.error, outcome.tries, outcome.worker)).encode())
        before = self.told.setdefault((outcome.session, outcome.index), known)
        assert before == known, f"task {outcome.index} of {outcome.session} ended as {before} and as {known}"
        work = self.meant[outcome.session].get(outcome.index)
        if work is not None and outcome.state is TaskState.SUCCEEDED:
            right = work.value
            assert outcome.value == right, f"task {outcome.index} of {outcome.session}: {outcome.value}, not {right}"
