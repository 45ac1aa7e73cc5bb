"""Collection that looks in another way."""

from tests.model.protocol.records import Header, SessionState
from tests.model.protocol.rules import Rules


class DeletedWithoutTombstone(Rules):
    """Bundles without a header are deleted, and their client may still create it."""

    buries = False


class TombstoneOverHeader(Rules):
    """A tombstone is put over a header that came meanwhile."""

    def may_bury(self, header: Header | None) -> bool:
        """There was none a moment ago."""
        return True


class TombstoneRevived(Rules):
    """A late create takes the place of a tombstone."""

    def may_create(self, header: Header | None) -> bool:
        """A tombstone is nothing."""
        return header is None or header.state >= SessionState.TOMBSTONE


class PackCollectedBeforeItsCommit(Rules):
    """A pack that no entry names is deleted, although its commit may be under way."""

    looks = ("entries",)


class EntriesLookedAtFirst(Rules):
    """A pack's entries are looked at before its bundle."""

    looks = ("entries", "bundle")
