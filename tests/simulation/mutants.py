"""Stores and reapers with one of the named defects each, where no patch of the real code is one."""

import msgspec

from htcgrid.errors import ProviderUnavailableError
from htcgrid.model import Commit, Committed, Hint, Part, Remainder
from htcgrid.reaper import Reaper
from htcgrid.reaper.core import Command, Event, LookForDue
from htcgrid.testing.memory import MemoryPayloadStore, MemoryStateStore
from htcgrid.testing.memory.bundle import BundleRecord
from tests.simulation.stores import SimulatedPayloadStore, SimulatedStateStore


class UnconditionalFail(MemoryStateStore):
    """A failure is recorded whatever stands there."""

    def _accept(self, commit: Commit) -> tuple[Committed, Part]:
        answer, part = super()._accept(commit)
        bundle = self._bundle(commit.lease.key)
        if bundle is None or not commit.failed:
            return answer, part
        bundle.finish(commit.failed & bundle.held)
        failed = Part(part.key, part.succeeded, commit.failed & bundle.held, part.pack)
        return msgspec.structs.replace(answer, accepted=answer.accepted | failed.failed), failed


class NeverHintedAgain(MemoryStateStore):
    """A bundle whose hint was lost is hinted by nobody: neither is the backlog looked at, nor what waits for long."""

    def due(self, limit: int, *, dry: str | None = None) -> list[Hint]:
        for bundle in self._runnable():
            if bundle.pending and bundle.hint_at > bundle.due:
                bundle.hint_at = float("inf")
        return super().due(limit)


class ChildLostBetweenTwoWrites(MemoryStateStore):
    """A parent is shortened by one write and its child made by another, and now and then nobody makes that one."""

    def _carve(self, bundle: BundleRecord, part: object, remainder: Remainder) -> BundleRecord:
        child = super()._carve(bundle, part, remainder)  # type: ignore[arg-type]
        if child is not bundle and self._random.random() < 0.05:
            del self._sessions[bundle.key.session].bundles[child.key]
            raise ProviderUnavailableError("the connection broke between the two writes")
        return child


class ReaperOfUnreferencedPacks(Reaper):
    """Deletes outcome packs that no entry holds, without a look at the bundle: its commit may be on its way."""

    def _call(self, command: Command) -> Event | None:
        if isinstance(command, LookForDue):
            self._sweep()
        return super()._call(command)

    def _sweep(self) -> None:
        assert isinstance(self._state, SimulatedStateStore)
        assert isinstance(self._payloads, SimulatedPayloadStore)
        records = self._state._state._sessions.values()
        entries = [entry for record in records for log in record.logs for entry in log.entries]
        held = {part.pack.key for entry in entries for part in entry.parts}
        objects: MemoryPayloadStore = self._payloads._payloads
        objects.delete([key for key in list(objects._objects) if "/out/" in key and key not in held])
