"""What there is at one moment: records, what each actor knows, and how many faults may still happen."""

from enum import IntEnum
from typing import NamedTuple

from tests.model.protocol.records import Bundle, Entry, Header, Key, Pack

#: A step's name, and the state after it.
Step = tuple[str, "State"]


class Phase(IntEnum):
    """Where an agent is between two requests."""

    IDLE = 0
    #: It has received a hint and seen the header; its claim is to be sent.
    ASKING = 1
    WORKING = 2
    #: Its outcome pack is put, and the commit not answered.
    COMMITTING = 3
    #: A give-back is not answered, or has further parts.
    RETURNING = 4


class Order(IntEnum):
    """How an agent works on a bundle."""

    ANY = 0
    #: One task at a time, each committed before the next.
    IN_ORDER = 1
    #: The rest is given back before anything else.
    ISOLATED = 2
    #: The task is a lost one: it fails.
    LOST = 3


class Agent(NamedTuple):
    """What an agent knows of the one bundle that it holds or asks for."""

    phase: int = Phase.IDLE
    start: int = 0
    birth: tuple[int, ...] = ()
    attempt: int = 0
    #: Tasks that it has to run.
    todo: int = 0
    tried: int = 0
    order: int = Order.ANY
    #: The number of its next outcome pack, and what is in the one it put.
    flush: int = 0
    succeeded: int = 0
    failed: int = 0
    #: What it read before the write of a commit: the log's tail, the tasks that will be accepted, whether the lease
    #: was current, and whether the record is still as it was read.
    seen: tuple[int, ...] = ()
    #: What is to be given back: tasks, whether with a delay, and the lapses they start with or -1.
    parts: tuple[tuple[int, int, int], ...] = ()
    #: Whether the session was over when it looked.
    late: int = 0

    @property
    def key(self) -> Key:
        """The name of its bundle."""
        return self.start, self.birth


class Client(NamedTuple):
    """A process that submits: the next of its writes, and what tells its payloads from another's."""

    at: int = 0
    content: int = 0


class Look(NamedTuple):
    """What a reaper saw of a running bundle, in an attempt, and whether (attempt, beat) is still the same."""

    start: int = 0
    birth: tuple[int, ...] = ()
    #: 0 when it saw nothing yet.
    attempt: int = 0
    fresh: int = 0

    @property
    def key(self) -> Key:
        """The bundle's name."""
        return self.start, self.birth


class Row(NamedTuple):
    """What the due index says of a bundle, and whether (attempt, beat) is still the same."""

    start: int
    birth: tuple[int, ...]
    running: int
    attempt: int
    fresh: int

    @property
    def key(self) -> Key:
        """The bundle's name."""
        return self.start, self.birth


class Reader(NamedTuple):
    """A reader: its cursor, and what its user was handed."""

    #: The cursor: entries read of each log, and tasks told as cancelled.
    positions: tuple[int, ...]
    told: int = 0
    #: Tasks handed over, and whether one was handed over twice.
    given: int = 0
    twice: int = 0
    #: Of those, the ones that this process remembers; one that is started anew remembers none.
    remembered: int = 0
    #: Tasks told as cancelled.
    cancelled: int = 0


class Observer(NamedTuple):
    """What a status has read so far."""

    requests: int = 0
    ended: int = 0
    state: int = 0
    total: int = 0


class Collector(NamedTuple):
    """Where the collection is."""

    #: Whether it saw that there is no header.
    headless: int = 0
    #: Whether it has deleted the payloads of a tombstone.
    emptied: int = 0
    #: The pack that it looks at, and the looks that are behind it.
    pack: tuple[int, ...] = ()
    looks: int = 0


class Left(NamedTuple):
    """How often each fault, and each thing that need not be, may still happen."""

    crashes: int = 0
    #: Leases that lapse although their agent works on.
    pauses: int = 0
    #: Requests that take effect and are not answered.
    replies: int = 0
    lost: int = 0
    doubled: int = 0
    cancels: int = 0
    deletes: int = 0
    #: Tries that fail.
    fails: int = 0
    #: Give-backs of what will not be reached, and of everything.
    returns: int = 0
    stops: int = 0
    resumes: int = 0


class State(NamedTuple):
    """Everything."""

    header: Header | None
    bundles: tuple[Bundle, ...]
    logs: tuple[tuple[Entry, ...], ...]
    agents: tuple[Agent, ...]
    left: Left
    #: Tasks whose payloads are stored.
    inputs: int = 0
    packs: tuple[Pack, ...] = ()
    hints: tuple[Key, ...] = ()
    #: Tasks that a client was told are accepted, and the contents that were accepted.
    accepted: int = 0
    contents: int = 0
    clients: tuple[Client, ...] = ()
    #: Agents that a poison task took along.
    taken: int = 0
    looks: tuple[Look, ...] = ()
    #: A log that somebody is about to close, and the tail it read.
    closer: tuple[int, ...] = ()
    #: Whether whoever cancelled is still at it.
    cancelling: int = 0
    #: The due index's copies of bundles.
    rows: tuple[Row, ...] = ()
    reader: Reader | None = None
    observer: Observer | None = None
    collector: Collector = Collector()
