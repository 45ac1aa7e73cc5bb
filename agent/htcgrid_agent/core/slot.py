"""A place for one worker process, and what runs in it."""

from enum import Enum, auto
from math import inf

from htcgrid.model import Block, Failure, Ranges, Span
from htcgrid_agent.core.blocks import pieces
from htcgrid_agent.core.held import HeldBundle


class SlotState(Enum):
    """What the worker of a slot is doing."""

    ABSENT = auto()
    STARTING = auto()
    IDLE = auto()
    BUSY = auto()
    #: It was told to die, and its end is awaited.
    DYING = auto()


class WorkerSlot:
    """One of the agent's workers; when its process dies, another takes the place."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.state = SlotState.ABSENT
        #: Counts the runs handed to this slot, so that a late report is not taken for one of the next run.
        self.run = 0
        #: The nonce of the bundle that it works on.
        self.nonce = ""
        #: The handler of that bundle.
        self.handler = ""
        #: Its first task, and one more than its last.
        self.start = 0
        self.stop = 0
        #: The first task of it that it has not told of.
        self.told = 0
        #: The task that it was at when last looked at, and since when.
        self.task: int | None = None
        self.since = 0.0
        #: When it was handed its run, and when it was last seen at a task of it, or was started.
        self.handed = 0.0
        self.seen = 0.0
        #: A file of code that was edited since the worker imported it; empty when there is none.
        self.edited = ""
        #: The client's script that the worker has imported as its own; empty when there is none.
        self.script = ""
        #: Why the grid killed it, when its task is to be blamed for that.
        self.blame: Failure | None = None
        #: Starts in a row that ended before the worker was ready; a replacement waits longer with each.
        self.false_starts = 0
        self.start_at = 0.0

    def begin(self, nonce: str, bundle: HeldBundle, span: Span, now: float) -> int:
        """Note that a run was handed over; return its number."""
        self.run += 1
        self.state, self.nonce, self.handler = SlotState.BUSY, nonce, bundle.session.handler
        self.script = bundle.script or self.script
        self.start, self.stop = span
        self.told = self.start
        self.task, self.since, self.handed, self.seen = None, now, now, now
        return self.run

    def news(self, block: Block) -> Block | None:
        """Return the outcomes that were not told of before; a worker tells of its tasks in their order.

        It reports also those that were taken from its journal by then. A failure that is told twice is one try.
        """
        told, self.told = self.told, max(self.told, block.stop)
        if block.start >= told:
            return block
        return next(pieces(block, Ranges.of((told, block.stop)), {}), None)

    def rest(self) -> None:
        """Note that the run is over."""
        self.state, self.nonce, self.task = SlotState.IDLE, "", None

    def left(self, now: float, seconds: float) -> float:
        """Return the seconds until its run is over, when a task takes ``seconds``; endless when that is long past."""
        elapsed = self.elapsed(now)
        if elapsed > 2 * seconds + 0.1:
            return inf
        task = self.start if self.task is None else self.task
        return seconds * (self.stop - task) - elapsed

    def elapsed(self, now: float) -> float:
        """Return how long the worker has been at its task, as far as is known."""
        return now - (self.since if self.task is not None else self.handed)
