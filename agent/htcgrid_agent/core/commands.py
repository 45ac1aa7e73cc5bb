"""What an agent's decisions ask its shell to do."""

from datetime import timedelta

import msgspec

from htcgrid.model import Block, Delivery, Holding, Lease, Pack, Ranges, Remainder, Session, TaskFault


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """The root of all commands."""


class StartWorker(Command, frozen=True, kw_only=True):
    """Start a worker process; WorkerReady or WorkerDied follows."""

    worker: int


class KillWorker(Command, frozen=True, kw_only=True):
    """End a worker at once; WorkerDied follows."""

    worker: int


class Run(Command, frozen=True, kw_only=True):
    """Hand tasks ``start`` to ``stop - 1`` of a held bundle to an idle worker."""

    worker: int
    run: int
    lease: Lease
    session: Session
    start: int
    stop: int
    #: Tries behind each task that has some.
    tries: dict[int, int] = {}


class Shorten(Command, frozen=True, kw_only=True):
    """Tell a worker to end its run before task ``stop``; it may have begun that one already."""

    worker: int
    run: int
    stop: int


class Acquire(Command, frozen=True, kw_only=True):
    """Receive up to ``limit`` hints and claim their bundles, but for suspect ones; Acquired follows."""

    limit: int
    wait: timedelta
    #: The hint of a suspect bundle, which was received before: it is claimed, and nothing is received.
    alone: Delivery | None = None


class AcquireUrgent(Command, frozen=True, kw_only=True):
    """The same, of hints with a priority above ``above``: the agent has work enough, but none so urgent."""

    limit: int
    wait: timedelta
    above: int


class Ack(Command, frozen=True, kw_only=True):
    """Delete hints whose bundles were claimed, by this agent or another; no answer is waited for."""

    deliveries: tuple[Delivery, ...]
    #: Hints of bundles that are left to others: they are sent again before they are deleted.
    left: tuple[Delivery, ...] = ()
    #: Whether an Acquire or AcquireUrgent that waits for hints is to end soon, too.
    wake: bool = False


class Load(Command, frozen=True, kw_only=True):
    """Fetch the payloads of a bundle from the payload store; Loaded follows."""

    lease: Lease
    input: Pack
    #: The task of the first payload, and one more than that of the last that is needed.
    first: int
    stop: int


class CommitPart(msgspec.Struct, frozen=True, kw_only=True):
    """Outcomes of one bundle to commit."""

    lease: Lease
    flush: int
    succeeded: Ranges
    failed: Ranges
    blocks: tuple[Block, ...]
    #: About how many bytes they are.
    size: int = 0


class Commit(Command, frozen=True, kw_only=True):
    """Put outcome packs where they belong, then commit all parts in one call."""

    parts: tuple[CommitPart, ...]


class Renew(Command, frozen=True, kw_only=True):
    """Renew leases."""

    leases: tuple[Lease, ...]


class GiveBack(Command, frozen=True, kw_only=True):
    """Give back parts of a bundle, and hint them."""

    lease: Lease
    remainders: tuple[Remainder, ...]


class Register(Command, frozen=True, kw_only=True):
    """Tell the state store that this agent is there; the shell adds what it knows of host and process."""

    workers: int
    busy: int
    holds: tuple[Holding, ...]
    succeeded: int
    failed: int
    draining: bool
    ended: bool
    faults: tuple[TaskFault, ...]
    code: dict[str, str]
    edited: tuple[str, ...]


class Forget(Command, frozen=True, kw_only=True):
    """Free the payloads of a bundle that is held no more."""

    nonce: str


class Exit(Command, frozen=True, kw_only=True):
    """Nothing is held and nothing is under way: end the process with status 0."""
