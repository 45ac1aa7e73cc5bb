"""What happens to an agent. Times are seconds of a monotonic clock."""

from datetime import timedelta

import msgspec

from htcgrid.interfaces import Renewal
from htcgrid.model import Block, BundleKey, Claim, Committed, Delivery, Failure, GivenBack
from htcgrid_agent.core.commands import Command, CommitPart, Load


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The root of all events."""


class Tick(Event, frozen=True, kw_only=True):
    """Time has passed; ``running`` tells which task each busy worker is at, and since when."""

    running: dict[int, tuple[int, float]] = {}


class Acquired(Event, frozen=True, kw_only=True):
    """The answer to Acquire or AcquireUrgent: the bundles that were won."""

    #: Whether it answers AcquireUrgent.
    urgent: bool = False
    #: When the claim was sent: the leases count from here.
    sent: float
    claims: list[Claim]
    #: The hints that led to them, or to nothing.
    deliveries: tuple[Delivery, ...] = ()
    #: Whether a suspect bundle was to be claimed alone.
    alone: bool = False
    #: The hints of suspect bundles, which were not claimed.
    left: tuple[Delivery, ...] = ()
    #: By nonce: inline payloads that were altered, so that the tasks cannot be run by anybody.
    unreadable: dict[str, Failure] = {}


class Acked(Event, frozen=True, kw_only=True):
    """The answer to Ack, whether it was done or not."""


class Loaded(Event, frozen=True, kw_only=True):
    """The answer to Load."""

    command: Load
    #: Why nobody can run the tasks: the payloads are gone or altered.
    failure: Failure | None = None
    #: Whether they cannot be had now.
    unavailable: bool = False


class WorkerReady(Event, frozen=True, kw_only=True):
    """A worker has started and waits for work."""

    worker: int


class WorkerReported(Event, frozen=True, kw_only=True):
    """A worker hands over outcomes; ``done`` when it has ended its run and waits for the next."""

    worker: int
    run: int
    block: Block | None
    done: bool
    #: With ``done``: it asks to be replaced.
    worn: bool = False
    #: With ``done``: a file that was edited since the worker imported it.
    edited: str = ""
    #: Bytes of the report, which are about those of its outcomes.
    size: int = 0
    #: Since when they may have been there, if for longer than a report takes; they are committed the sooner.
    since: float | None = None


class WorkerDied(Event, frozen=True, kw_only=True):
    """A worker has ended, whoever ended it."""

    worker: int
    #: The task it was running, or was loading its handler for; None when it was between tasks.
    task: int | None
    #: How the process ended, in words.
    reason: str
    #: When that task began, in seconds since the epoch, and how long it had run; for people to read.
    began: float = 0.0
    ran: timedelta = timedelta(0)
    #: The end of what the worker printed since it was handed tasks, both streams together.
    printed: str = ""


class CommitAnswered(Event, frozen=True, kw_only=True):
    """The answer to Commit, one for each part."""

    sent: float
    parts: tuple[CommitPart, ...]
    answers: list[Committed]


class Renewed(Event, frozen=True, kw_only=True):
    """The answer to Renew."""

    sent: float
    renewal: Renewal


class GiveBackAnswered(Event, frozen=True, kw_only=True):
    """The answer to GiveBack."""

    key: BundleKey
    nonce: str
    given: GivenBack | None


class Registered(Event, frozen=True, kw_only=True):
    """The answer to Register."""


class CallFailed(Event, frozen=True, kw_only=True):
    """A store or queue could not be used; nobody knows whether the call took effect."""

    command: Command
    error: str
    #: Whether the same call would fail again, as far as the service knows.
    final: bool = False


class Stop(Event, frozen=True, kw_only=True):
    """The agent was told to stop. A second one ends the grace."""
