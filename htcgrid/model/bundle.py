"""A bundle: a contiguous range of a session's tasks, the unit of storing, hinting, leasing and committing."""

import hashlib
from datetime import timedelta
from typing import NewType, Self

import msgspec

from htcgrid.model import defaults
from htcgrid.model.decoding import Count
from htcgrid.model.pack import Pack
from htcgrid.model.ranges import Ranges
from htcgrid.model.session import Session, SessionId

#: The name of an agent, which no other one has: text.
AgentId = NewType("AgentId", str)

#: The birth of a bundle that a client submitted; a child's is made by :func:`child_birth`.
ROOT = "0"


class BundleKey(msgspec.Struct, frozen=True, array_like=True, order=True, gc=False):
    """The name of a bundle. Opaque to providers but for its equality."""

    session: SessionId
    start: Count
    birth: str = ROOT

    def __str__(self) -> str:
        return f"{self.session}/{self.start}/{self.birth}"


def child_birth(parent: BundleKey, attempt: int) -> str:
    """Return the birth of the children that are carved from ``parent`` in its ``attempt``.

    A child may start where its parent does, so its name needs more than its start; a digest keeps names of
    grandchildren as short as those of children.
    """
    return hashlib.sha256(f"{parent.birth}.{attempt}".encode()).hexdigest()[:12]


def is_suspect(lapses: int) -> bool:
    """Return whether a bundle that lapsed so often may hold a task that takes its agent along."""
    return lapses >= defaults.LAPSES_SUSPECT


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle as its client submits it: tasks ``key.start`` to ``stop - 1`` and their payloads."""

    key: BundleKey
    stop: int
    #: A msgpack array of ``stop - key.start`` byte strings.
    input: Pack

    @property
    def tasks(self) -> int:
        """The number of tasks."""
        return self.stop - self.key.start


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """One agent's right to a bundle for a time. (attempt, nonce) is the fence: any later claim has another."""

    key: BundleKey
    agent: AgentId
    attempt: int
    nonce: str
    #: The provider's own: an ETag, a version, an update time.
    token: str = ""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that was won, and what is left to run in it."""

    lease: Lease
    session: Session
    #: The payloads of the tasks from ``first`` on: those of the submitted bundle that this one descends from.
    input: Pack
    first: int
    #: The tasks that are in this bundle and without an outcome.
    open: Ranges
    #: Tries that open tasks have behind them; a task that is not named has none.
    tries: dict[int, int] = {}
    #: Lapses with several open tasks, and with one.
    lapses: int = 0
    lapses_alone: int = 0

    @property
    def key(self) -> BundleKey:
        """The bundle's name."""
        return self.lease.key

    @property
    def suspect(self) -> bool:
        """Whether the bundle may hold a task that takes its agent along, so that tasks go one at a time."""
        return is_suspect(self.lapses + self.lapses_alone)


class Remainder(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a leased bundle that is to become a pending bundle of its own."""

    ranges: Ranges
    #: Not to be claimed before this has passed.
    delay: timedelta = timedelta(0)
    #: Tries that its tasks have behind them, as far as they changed under the lease.
    tries: dict[int, int] = {}
    #: The lapses it starts with; None to inherit its parent's.
    lapses: int | None = None


class GivenBack(msgspec.Struct, frozen=True, kw_only=True):
    """What :meth:`StateStore.give_back` carved."""

    #: The refreshed lease; None when nothing is left in the bundle for its holder.
    lease: Lease | None
    #: One for each remainder: the tasks that were really given back.
    carved: list[Ranges]
    #: Of the pending bundles that hold them.
    hints: "list[Hint]"


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """A queue message: this bundle may be claimable. Losing one costs time, doubling one nothing."""

    key: BundleKey
    pool: str = defaults.POOL
    priority: Count = defaults.PRIORITY
    #: About how many tasks there are to run.
    tasks: Count = 1
    #: Whether it was begun before: among its priority it goes first, where a queue can keep that apart.
    again: bool = False
    #: Whether it is suspect: only an agent that holds nothing claims it, and nothing beside it.
    suspect: bool = False
    schema: int = defaults.SCHEMA

    @classmethod
    def of(cls, key: BundleKey, pool: str, priority: int, *, tasks: int, attempts: int, lapses: int) -> Self:
        """Return the hint of a pending bundle that was claimed, and lapsed, so often."""
        # A child was begun with what it was carved from.
        again = attempts > 0 or key.birth != ROOT
        return cls(key=key, pool=pool, priority=priority, tasks=tasks, again=again, suspect=is_suspect(lapses))


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A hint as it was received, with what the queue needs to delete it; without a token it is deleted already."""

    hint: Hint
    token: str = ""
