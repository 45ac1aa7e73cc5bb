"""A history: every call that threads made for one session, when each began and ended, and what was left at the end."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from htcgrid.model import (
    Bundle,
    BundleKey,
    CancelCounts,
    Claim,
    Commit,
    Committed,
    Entry,
    GivenBack,
    Hint,
    Lease,
    Remainder,
    SessionId,
    SessionStatus,
)


class Period(NamedTuple):
    """When a call began and when it had come back, by one clock for all threads: nanoseconds."""

    began: int
    ended: int


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call that came back; its effect took place at some moment of its period."""

    period: Period

    def before(self, other: "Call") -> bool:
        """Return whether this call had come back when the other one began."""
        return self.period.ended < other.period.began


class AddCall(Call, frozen=True, kw_only=True):
    """A create or an add."""

    bundles: tuple[Bundle, ...]
    #: False when they were refused.
    taken: bool = True


class ClaimCall(Call, frozen=True, kw_only=True):
    """A claim, and what it won."""

    won: tuple[Claim, ...]


class RenewCall(Call, frozen=True, kw_only=True):
    """A renewal, and what was kept."""

    leases: tuple[Lease, ...]
    kept: tuple[Lease, ...]


class CommitCall(Call, frozen=True, kw_only=True):
    """Commits, and an answer for each."""

    commits: tuple[Commit, ...]
    answers: tuple[Committed, ...]


class GiveBackCall(Call, frozen=True, kw_only=True):
    """A give-back, and what it carved."""

    lease: Lease
    remainders: tuple[Remainder, ...]
    given: GivenBack | None

    def returned(self) -> bool:
        """Return whether the bundle itself became pending by this."""
        return self.given is not None and any(hint.key == self.lease.key for hint in self.given.hints)


class DueCall(Call, frozen=True, kw_only=True):
    """A look at what is due, and the bundles of the session that it hinted."""

    hinted: tuple[BundleKey, ...]


class CancelCall(Call, frozen=True, kw_only=True):
    """A cancel, and what it counted."""

    counts: CancelCounts


class StatusCall(Call, frozen=True, kw_only=True):
    """A look at how far the session is."""

    status: SessionStatus


class OutcomesCall(Call, frozen=True, kw_only=True):
    """The next page of one reader, who ends with a page that is empty."""

    reader: int
    entries: tuple[Entry, ...]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of one session, of which nobody else knew, and what the store held when all had come back."""

    session: SessionId
    calls: Sequence[Call]
    #: The whole log, and the status.
    entries: Sequence[Entry]
    status: SessionStatus


def hinted(hints: Sequence[Hint], session: SessionId) -> tuple[BundleKey, ...]:
    """Return the bundles of one session that are hinted."""
    return tuple(hint.key for hint in hints if hint.key.session == session)
