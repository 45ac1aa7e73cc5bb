"""The memory store with one defect each: what a naive provider does."""

import time
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from htcgrid.interfaces import BEGINNING, Agents, Bundles, Entries, Renewal, Submitted
from htcgrid.model import (
    AgentId,
    AgentReport,
    AgentStatus,
    Bundle,
    BundleKey,
    CancelCounts,
    Claim,
    Commit,
    Committed,
    GivenBack,
    Hint,
    Lease,
    Part,
    Ranges,
    Remainder,
    Session,
    SessionId,
    SessionState,
    SessionStatus,
)
from htcgrid.model.outcome import LossCause, Lost
from htcgrid.testing import MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue
from htcgrid.testing.memory.bundle import BundleRecord

NOTHING = Ranges()
_NO_BUNDLES = Bundles([], None)


class BlindCreate(MemoryStateStore):
    """A create puts its session over the one that is there."""

    def create(self, session: Session, bundles: Sequence[Bundle] = (), *, sealed: bool = False) -> None:
        self._sessions.pop(session.id, None)
        super().create(session, bundles, sealed=sealed)


class BlindAdd(MemoryStateStore):
    """An add puts its bundles over those that are there."""

    def add(self, session_id: SessionId, bundles: Sequence[Bundle]) -> None:
        for bundle in bundles:
            self._found(session_id).bundles.pop(bundle.key, None)
        super().add(session_id, bundles)


class AddWithoutDigest(MemoryStateStore):
    """A bundle that is there is taken for the same one, whatever it holds."""

    def add(self, session_id: SessionId, bundles: Sequence[Bundle]) -> None:
        known = self._found(session_id).bundles
        super().add(session_id, [bundle for bundle in bundles if bundle.key not in known])


class TotalByIncrement(MemoryStateStore):
    """Each add raises the total by what it brings, and so does a repeated one."""

    def add(self, session_id: SessionId, bundles: Sequence[Bundle]) -> None:
        record = self._found(session_id)
        before = record.total
        super().add(session_id, bundles)
        record.total = before + sum(bundle.tasks for bundle in bundles)


class FirstHundredBundles(MemoryStateStore):
    """The service takes 100 items a call, and the rest is dropped."""

    def add(self, session_id: SessionId, bundles: Sequence[Bundle]) -> None:
        super().add(session_id, bundles[:100])


class FirstPageOfWhatWasSubmitted(MemoryStateStore):
    """A page says that it is the last one."""

    def submitted(self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100) -> Submitted:
        return Submitted(super().submitted(session_id, cursor, limit=limit).bundles, None)


class SealOfAnyTotal(MemoryStateStore):
    """A seal does not look at what the session holds."""

    def seal(self, session_id: SessionId, total: int) -> None:
        super().seal(session_id, self._found(session_id).total)


class ClaimOfClaimed(MemoryStateStore):
    """A claim also wins what another agent runs."""

    def _claimable(self, key: BundleKey) -> bool:
        bundle = self._bundle(key)
        return bundle is not None and bool(bundle.open)


class ClaimInTwoSteps(MemoryStateStore):
    """A claim reads and writes without a compare-and-set between."""

    def claim(self, keys: Sequence[BundleKey], *, agent: AgentId, lease: timedelta) -> list[Claim]:
        claimable = [key for key in keys if self._claimable(key)]
        time.sleep(0.01)
        return [self._win(key, agent, lease) for key in claimable]


class OneNonceForAll(MemoryStateStore):
    """Every claim has the same nonce."""

    def _win(self, key: BundleKey, agent: AgentId, lease: timedelta) -> Claim:
        claim = super()._win(key, agent, lease)
        self._sessions[key.session].bundles[key].nonce = "same"
        return msgspec.structs.replace(claim, lease=msgspec.structs.replace(claim.lease, nonce="same"))


class ClaimBeforeItsTime(MemoryStateStore):
    """A delay is kept, but not looked at."""

    def _claimable(self, key: BundleKey) -> bool:
        bundle = self._bundle(key)
        return bundle is not None and bundle.pending


class ClaimOfCancelled(MemoryStateStore):
    """A claim does not look at the header."""

    def _bundle(self, key: BundleKey) -> BundleRecord | None:
        record = self._sessions.get(key.session)
        return None if record is None else record.bundles.get(key)


class FenceOfAttemptOnly(MemoryStateStore):
    """A lease is known by its attempt, without the nonce."""

    def _current(self, lease: Lease) -> BundleRecord | None:
        bundle = self._bundle(lease.key)
        return bundle if bundle and bundle.running and bundle.attempt == lease.attempt else None


class StaleCommitWhole(MemoryStateStore):
    """A commit is taken from anybody, failures as well."""

    def _current(self, lease: Lease) -> BundleRecord | None:
        return self._bundle(lease.key)


class StaleCommitRefused(MemoryStateStore):
    """Work that was done under a lapsed lease is thrown away."""

    def _accept(self, commit: Commit) -> tuple[Committed, Part]:
        if self._current(commit.lease) is None:
            commit = msgspec.structs.replace(commit, succeeded=NOTHING, failed=NOTHING)
        return super()._accept(commit)


class StaleCommitEndsTheLease(MemoryStateStore):
    """A commit makes its bundle pending, whoever runs it."""

    def _accept(self, commit: Commit) -> tuple[Committed, Part]:
        stale = self._current(commit.lease) is None
        answer = super()._accept(commit)
        if stale and (bundle := self._bundle(commit.lease.key)):
            bundle.running = False
        return answer


class CommitTwice(MemoryStateStore):
    """A repeated commit is recorded again: counters doubled."""

    def _accept(self, commit: Commit) -> tuple[Committed, Part]:
        if bundle := self._bundle(commit.lease.key):
            bundle.done = NOTHING
        return super()._accept(commit)


class CommitOutsideTheBundle(MemoryStateStore):
    """A commit is taken for any task of the bundle that was submitted, also for those that were given back since."""

    def _accept(self, commit: Commit) -> tuple[Committed, Part]:
        bundle = self._bundle(commit.lease.key)
        if bundle is None:
            return super()._accept(commit)
        held = bundle.held
        bundle.held |= commit.succeeded
        answer = super()._accept(commit)
        bundle.held = held | (bundle.held & answer[0].accepted)
        return answer


class EntryOfRefused(MemoryStateStore):
    """The entry lists what was asked for, not what was accepted."""

    def _accept(self, commit: Commit) -> tuple[Committed, Part]:
        answer, part = super()._accept(commit)
        return answer, Part(part.key, commit.succeeded, commit.failed, part.pack)


class LastOutcomeWins(MemoryStateStore):
    """An entry is put over the one before, so that a batch keeps only its last."""

    def _record(self, parts: list[Part]) -> None:
        super()._record(parts[-1:])


class GiveBackWithoutFence(MemoryStateStore):
    """Whoever once held a bundle may give it back."""

    def give_back(self, lease: Lease, remainders: Sequence[Remainder]) -> GivenBack | None:
        bundle = self._bundle(lease.key)
        if bundle is None or not bundle.open:
            return None
        bundle.running = True
        return super().give_back(msgspec.structs.replace(lease, attempt=bundle.attempt, nonce=bundle.nonce), remainders)


class ChildrenOfDoneTasks(MemoryStateStore):
    """Whatever is asked for is given back, also what has ended."""

    def give_back(self, lease: Lease, remainders: Sequence[Remainder]) -> GivenBack | None:
        if bundle := self._current(lease):
            bundle.done = NOTHING
        return super().give_back(lease, remainders)


class ChildByItsStart(MemoryStateStore):
    """A bundle is named by its session and start alone, so that a child may overwrite its parent."""

    def _carve(self, bundle: BundleRecord, part: Ranges, remainder: Remainder) -> BundleRecord:
        child = bundle.carve(part, remainder, self._clock())
        child.key = BundleKey(child.key.session, child.key.start)
        self._sessions[bundle.key.session].bundles[child.key] = child
        return child


class ChildWithoutTries(MemoryStateStore):
    """A child starts anew."""

    def _carve(self, bundle: BundleRecord, part: Ranges, remainder: Remainder) -> BundleRecord:
        child = super()._carve(bundle, part, remainder)
        child.tries = {}
        return child


class ChildWithoutLapses(MemoryStateStore):
    """A child has no lapses of its parent."""

    def _carve(self, bundle: BundleRecord, part: Ranges, remainder: Remainder) -> BundleRecord:
        child = super()._carve(bundle, part, remainder)
        child.lapses = 0
        return child


class ParentKeepsItsTasks(MemoryStateStore):
    """Children are written, but what they took stays in their parent."""

    def _carve(self, bundle: BundleRecord, part: Ranges, remainder: Remainder) -> BundleRecord:
        held = bundle.held
        child = super()._carve(bundle, part, remainder)
        bundle.held = held
        return child


class LapseByState(MemoryStateStore):
    """A running bundle lapses a lease after its claim, whether its agent is heard of or not."""

    def due(self, limit: int, *, dry: str | None = None) -> list[Hint]:
        for bundle in self._runnable():
            bundle.heard = self._claimed_at.setdefault((bundle.key, bundle.attempt), bundle.heard)
        return super().due(limit, dry=dry)

    def _win(self, key: BundleKey, agent: AgentId, lease: timedelta) -> Claim:
        claim = super()._win(key, agent, lease)
        self._claimed_at[key, claim.lease.attempt] = self._clock()
        return claim

    @property
    def _claimed_at(self) -> dict[tuple[BundleKey, int], float]:
        return self.__dict__.setdefault("claimed_at", {})  # type: ignore[no-any-return]


class LapseUncounted(MemoryStateStore):
    """A lapse leaves no trace."""

    def _return_or_postpone(self, bundle: BundleRecord, now: float) -> None:
        super()._return_or_postpone(bundle, now)
        bundle.lapses = 0


class LapsesOfOneKind(MemoryStateStore):
    """Lapses of one task and of several are counted together."""

    def _return_or_postpone(self, bundle: BundleRecord, now: float) -> None:
        super()._return_or_postpone(bundle, now)
        bundle.lapses, bundle.lapses_alone = bundle.lapses + bundle.lapses_alone, 0


class LapseThatForgetsOutcomes(MemoryStateStore):
    """A bundle that lapsed starts from its beginning."""

    def _return_or_postpone(self, bundle: BundleRecord, now: float) -> None:
        super()._return_or_postpone(bundle, now)
        bundle.done = NOTHING


class BacklogHintedOnce(MemoryStateStore):
    """Looking at the backlog marks it as hinted."""

    def due(self, limit: int, *, dry: str | None = None) -> list[Hint]:
        hints = super().due(limit, dry=dry)
        for hint in hints:
            self._sessions[hint.key.session].bundles[hint.key].due = self._clock() + 60
        return hints


class NothingHintedLate(MemoryStateStore):
    """A pending bundle whose hint was lost waits for ever behind a queue that never runs dry."""

    def due(self, limit: int, *, dry: str | None = None) -> list[Hint]:
        for bundle in self._runnable():
            if bundle.pending:
                bundle.hint_at = float("inf")
        return super().due(limit, dry=dry)


class HintsOfTheLostAsOfTheNew(MemoryStateStore):
    """The hint of a bundle that was begun does not say so, and it waits behind all others."""

    def _hint(self, bundle: BundleRecord) -> Hint:
        return msgspec.structs.replace(super()._hint(bundle), again=False)


class HintsOfTheSuspectAsOfOthers(MemoryStateStore):
    """The hint of a bundle that lapsed twice does not say so, and it is claimed beside others."""

    def _hint(self, bundle: BundleRecord) -> Hint:
        return msgspec.structs.replace(super()._hint(bundle), suspect=False)


class LostWithoutCause(MemoryStateStore):
    """A lease of a cancelled session is said to have lapsed."""

    def _lost(self, lease: Lease) -> Lost:
        return Lost(key=lease.key, nonce=lease.nonce, cause=LossCause.LAPSED)


class CancelOverOutcomes(MemoryStateStore):
    """A cancel says that every task was cancelled, also those that had ended."""

    def cancel(self, session_ids: Sequence[SessionId]) -> list[CancelCounts]:
        for session_id in session_ids:
            for log in self._found(session_id).logs:
                log.succeeded = log.failed = 0
        return super().cancel(session_ids)


class CancelOfFinished(MemoryStateStore):
    """A cancel does not look whether anything is left to cancel."""

    def cancel(self, session_ids: Sequence[SessionId]) -> list[CancelCounts]:
        counts = super().cancel(session_ids)
        for session_id in session_ids:
            self._found(session_id).state = SessionState.CANCELLED
        return counts


class CancelUpToTheFirstUnknown(MemoryStateStore):
    """An unknown session keeps those behind it from being cancelled."""

    def cancel(self, session_ids: Sequence[SessionId]) -> list[CancelCounts]:
        counts = []
        for session_id in session_ids:
            counts += super().cancel([session_id])
        return counts


class SkipAtPageBorder(MemoryStateStore):
    """The first entry behind a full page is skipped."""

    def outcomes(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, wait: timedelta = timedelta(0)
    ) -> Entries:
        page = super().outcomes(session_id, cursor, limit=limit, wait=wait)
        return page if len(page.entries) < limit else page._replace(cursor=f"{int(page.cursor) + 1}")


class RepeatAtPageBorder(MemoryStateStore):
    """The last entry of a full page comes again with the next."""

    def outcomes(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, wait: timedelta = timedelta(0)
    ) -> Entries:
        page = super().outcomes(session_id, cursor, limit=limit, wait=wait)
        return page if len(page.entries) < limit or limit < 2 else page._replace(cursor=f"{int(page.cursor) - 1}")


class ClosedTooSoon(MemoryStateStore):
    """A cancelled session is said to be read to its end with the first page."""

    def outcomes(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, wait: timedelta = timedelta(0)
    ) -> Entries:
        page = super().outcomes(session_id, cursor, limit=limit, wait=wait)
        return page._replace(closed=self._found(session_id).state is SessionState.CANCELLED)


class DeleteForgetsTheId(MemoryStateStore):
    """A deleted session leaves nothing, so that its id can be used again."""

    def delete(self, session_id: SessionId) -> None:
        self._sessions.pop(session_id, None)


class ExpiredByAge(MemoryStateStore):
    """A session is kept for a time from its creation, finished or not."""

    def expired(self, limit: int) -> list[SessionId]:
        for record in self._sessions.values():
            record.ended = 0.0
        return super().expired(limit)


class CollectOfAnything(MemoryStateStore):
    """Collecting does not look for a tombstone."""

    def collect(self, session_id: SessionId, limit: int) -> bool:
        return self._sessions[session_id].collect(limit, self._clock())


class ExpiredWhileItHoldsRecords(MemoryStateStore):
    """A tombstone without records is forgotten, and the payloads that it may have are kept for ever."""

    def expired(self, limit: int) -> list[SessionId]:
        return [session_id for session_id in super().expired(limit) if self._sessions[session_id].bundles]


class CollectedOnce(MemoryStateStore):
    """What was collected is never looked at again, and a pack that comes late is kept for ever."""

    def collect(self, session_id: SessionId, limit: int) -> bool:
        self._sessions[session_id].gone = super().collect(session_id, limit)
        return self._sessions[session_id].gone


class CollectedForEver(MemoryStateStore):
    """What was collected lingers again and again, so that each look finds all the sessions that ever were."""

    def collect(self, session_id: SessionId, limit: int) -> bool:
        done = super().collect(session_id, limit)
        self._sessions[session_id].gone = False
        return done


class CollectedAgainAtOnce(MemoryStateStore):
    """The second collection follows the first at once, before anything can have come late."""

    def collect(self, session_id: SessionId, limit: int) -> bool:
        done = super().collect(session_id, limit)
        if done:
            self._sessions[session_id].collected = float("-inf")
        return done


class AnyRepeatIsTheSecondCollection(MemoryStateStore):
    """Two calls that find nothing left are two collections, as of two reapers at once."""

    def collect(self, session_id: SessionId, limit: int) -> bool:
        record = self._sessions[session_id]
        record.gone = record.collected is not None
        return super().collect(session_id, limit)


class LingersFromTheLastCollect(MemoryStateStore):
    """Each call puts the second collection off."""

    def collect(self, session_id: SessionId, limit: int) -> bool:
        done = super().collect(session_id, limit)
        if done:
            self._sessions[session_id].collected = self._clock()
        return done


class DeleteBeginsAnew(MemoryStateStore):
    """A delete does not look whether the session was collected."""

    def delete(self, session_id: SessionId) -> None:
        super().delete(session_id)
        if session_id in self._sessions:
            self._sessions[session_id].collected, self._sessions[session_id].gone = None, False


class RetentionByTheClientsClock(MemoryStateStore):
    """A session is kept from the time at which its client says that it made it."""

    def expired(self, limit: int) -> list[SessionId]:
        for record in self._sessions.values():
            if record.ended is not None:
                record.ended = record.session.created.timestamp()
        return super().expired(limit)


class TriesOfEndedTasks(MemoryStateStore):
    """What was written of a bundle's tries stays there."""

    def _win(self, key: BundleKey, agent: AgentId, lease: timedelta) -> Claim:
        bundle = self._sessions[key.session].bundles[key]
        return msgspec.structs.replace(super()._win(key, agent, lease), tries=dict(bundle.tries))


class OnlyARenewalIsABeat(MemoryStateStore):
    """An agent that commits and gives back, but does not renew, is taken to be silent."""

    def _accept(self, commit: Commit) -> tuple[Committed, Part]:
        bundle = self._bundle(commit.lease.key)
        heard = bundle.heard if bundle else 0.0
        answer = super()._accept(commit)
        if bundle is not None:
            bundle.heard = heard
        return answer


class OneBadCommitSpoilsAll(MemoryStateStore):
    """A commit of a session that is gone is an error, for all that came with it."""

    def commit(self, commits: Sequence[Commit]) -> list[Committed]:
        for commit in commits:
            self._found(commit.lease.key.session)
        return super().commit(commits)


class SealInTwoSteps(MemoryStateStore):
    """A seal looks at the total, and writes a little later."""

    def seal(self, session_id: SessionId, total: int) -> None:
        looked = self._found(session_id).total
        time.sleep(0.01)
        record = self._found(session_id)
        now, record.total = record.total, looked
        super().seal(session_id, total)
        record.total = now


class RenewInTwoSteps(MemoryStateStore):
    """A renewal looks whether the lease is current, and answers a little later."""

    def renew(self, leases: Sequence[Lease]) -> Renewal:
        kept = [lease for lease in leases if self._current(lease)]
        time.sleep(0.01)
        super().renew(kept)
        return Renewal(kept, [self._lost(lease) for lease in leases if lease not in kept])


class BacklogOfAnyPool(MemoryStateStore):
    """The backlog of a busy pool is told of in the place of a quiet one's."""

    def due(self, limit: int, *, dry: str | None = None) -> list[Hint]:
        hints = super().due(limit)
        waiting = (bundle for bundle in self._runnable() if bundle.pending and self._clock() >= bundle.due)
        return (hints + [self._hint(bundle) for bundle in waiting if dry is not None])[:limit]


class DelayedInTheBacklog(MemoryStateStore):
    """The backlog is everything that is pending, due or not."""

    def due(self, limit: int, *, dry: str | None = None) -> list[Hint]:
        hints = super().due(limit, dry=dry)
        later = [bundle for bundle in self._runnable() if bundle.pending and bundle.due > self._clock()]
        return hints + [self._hint(bundle) for bundle in later if dry is not None]


class AttemptReused(MemoryStateStore):
    """Every claim is the first attempt."""

    def _win(self, key: BundleKey, agent: AgentId, lease: timedelta) -> Claim:
        self._sessions[key.session].bundles[key].attempt = 0
        return super()._win(key, agent, lease)


class CommitInTwoSteps(MemoryStateStore):
    """A commit looks which tasks have no outcome, and records them a little later."""

    def commit(self, commits: Sequence[Commit]) -> list[Committed]:
        looked = [bundle.done if (bundle := self._bundle(commit.lease.key)) else None for commit in commits]
        time.sleep(0.005)
        with self._changed:
            for commit, done in zip(commits, looked, strict=True):
                bundle = self._bundle(commit.lease.key)
                if bundle is not None and done is not None:
                    bundle.done = done
            return super().commit(commits)


class RefusedOutcomesCounted(MemoryStateStore):
    """The counts are of what was asked for."""

    def _accept(self, commit: Commit) -> tuple[Committed, Part]:
        answer, part = super()._accept(commit)
        if answer.refused and not answer.cancelled and (bundle := self._bundle(commit.lease.key)):
            self._sessions[commit.lease.key.session].log(bundle.root).succeeded += answer.refused.count
        return answer, part


class RenewalOfWhatIsHeld(MemoryStateStore):
    """A renewal looks whether somebody holds the bundle, and not who."""

    def renew(self, leases: Sequence[Lease]) -> Renewal:
        with self._changed:
            held = [lease for lease in leases if (bundle := self._bundle(lease.key)) and bundle.running]
            return Renewal(held, [self._lost(lease) for lease in leases if lease not in held])


class CancelThatIsSeenLater(MemoryStateStore):
    """A cancel is counted at once, and takes effect when somebody has looked often enough what is due."""

    def cancel(self, session_ids: Sequence[SessionId]) -> list[CancelCounts]:
        with self._changed:
            for session_id in session_ids:
                self.__dict__.setdefault("looks", {}).setdefault(session_id, 10)
            found = [self._found(session_id).status for session_id in session_ids]
        return [
            CancelCounts(
                session=status.session.id,
                succeeded=status.succeeded,
                failed=status.failed,
                cancelled=status.total - status.ended,
            )
            for status in found
        ]

    def due(self, limit: int, *, dry: str | None = None) -> list[Hint]:
        looks: dict[SessionId, int] = self.__dict__.get("looks", {})
        for session_id in list(looks):
            looks[session_id] -= 1
            if looks[session_id] <= 0:
                super().cancel([session_id])
        return super().due(limit, dry=dry)


class StatusOfTheLastLook(MemoryStateStore):
    """A status is what it was when somebody asked the last time."""

    def status(self, session_ids: Sequence[SessionId]) -> list[SessionStatus]:
        now = super().status(session_ids)
        seen = self.__dict__.setdefault("seen", {})
        before = [seen.get(status.session.id, status) for status in now]
        seen.update({status.session.id: status for status in now})
        return before


class BundlesWithEndedTasks(MemoryStateStore):
    """A bundle is shown with all the tasks that it holds."""

    def bundles(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, task: int | None = None
    ) -> Bundles:
        page = super().bundles(session_id, cursor, limit=limit, task=task)
        held = self._sessions[session_id].bundles
        return page._replace(
            bundles=[msgspec.structs.replace(bundle, open=held[bundle.key].held) for bundle in page.bundles]
        )


class BundlesOfCancelled(MemoryStateStore):
    """Bundles are shown for as long as nobody deleted their records."""

    def bundles(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, task: int | None = None
    ) -> Bundles:
        record = self._found(session_id)
        state, record.state = record.state, SessionState.OPEN
        try:
            return super().bundles(session_id, cursor, limit=limit, task=task)
        finally:
            record.state = state


class BundlesOfNoSession(MemoryStateStore):
    """A session that is not there has no bundles, as one that is over."""

    def bundles(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, task: int | None = None
    ) -> Bundles:
        return super().bundles(session_id, cursor, limit=limit, task=task) if self._alive(session_id) else _NO_BUNDLES


class BundleOfATaskByItsStart(MemoryStateStore):
    """The bundle of a task is the one that starts last before it."""

    def bundles(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, task: int | None = None
    ) -> Bundles:
        page = super().bundles(session_id, cursor, limit=1000)
        before = [bundle for bundle in page.bundles if task is not None and bundle.key.start <= task]
        return page if task is None else Bundles(before[-1:], None)


class FirstPageOfBundles(MemoryStateStore):
    """What does not fit on a page is dropped."""

    def bundles(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, task: int | None = None
    ) -> Bundles:
        return super().bundles(session_id, cursor, limit=limit, task=task)._replace(cursor=None)


class FirstReportStays(MemoryStateStore):
    """What an agent said first is all that is ever known of it."""

    def register(self, report: AgentReport) -> None:
        _, known = self._agents.get(report.id, (0.0, report))
        super().register(known)


class ReportsWithoutFaults(MemoryStateStore):
    """Only what somebody thought of is kept of a report."""

    def register(self, report: AgentReport) -> None:
        super().register(msgspec.structs.replace(report, faults=()))


class SilentSinceTheFirstReport(MemoryStateStore):
    """An agent is as silent as its first report is old."""

    def register(self, report: AgentReport) -> None:
        heard, _ = self._agents.get(report.id, (self._clock(), report))
        super().register(report)
        self._agents[report.id] = (heard, report)


class AgentsOfAllPools(MemoryStateStore):
    """An agent is shown whatever pool is asked for."""

    def agents(self, cursor: str = BEGINNING, *, limit: int = 100, pool: str | None = None) -> Agents:
        return super().agents(cursor, limit=limit)


class AgentsOfTheFirstPage(MemoryStateStore):
    """Agents that do not fit on a page are dropped."""

    def agents(self, cursor: str = BEGINNING, *, limit: int = 100, pool: str | None = None) -> Agents:
        return super().agents(cursor, limit=limit, pool=pool)._replace(cursor=None)


class AgentsForEver(MemoryStateStore):
    """Nobody forgets an agent."""

    def agents(self, cursor: str = BEGINNING, *, limit: int = 100, pool: str | None = None) -> Agents:
        known = [
            AgentStatus(report=report, silent=timedelta(seconds=self._clock() - heard))
            for heard, report in reversed(self._agents.values())
            if pool in {None, report.pool}
        ]
        return Agents(known, None)


class OverwritingPayloads(MemoryPayloadStore):
    """The last put wins."""

    def put(self, blobs: dict[str, bytes]) -> None:  # type: ignore[override]
        self._objects |= blobs


class PrefixWithoutSlash(MemoryPayloadStore):
    """A prefix also meets its neighbours."""

    def delete(self, keys: Sequence[str] = (), *, prefix: str | None = None) -> None:  # type: ignore[override]
        below = [key for key in self._objects if prefix is not None and key.startswith(prefix)]
        super().delete([*keys, *below])


class PrefixIsAKey(MemoryPayloadStore):
    """A prefix also meets the object that has its name."""

    def delete(self, keys: Sequence[str] = (), *, prefix: str | None = None) -> None:  # type: ignore[override]
        super().delete([*keys, *([] if prefix is None else [prefix])], prefix=prefix)


class QueueWithoutPriorities(MemoryTaskQueue):
    """First in, first out."""

    def _visible(self, pool: str, above: int | None) -> list[str]:
        return sorted(super()._visible(pool, above), key=int)


class QueueThatHandsOutWhatWasBegunLast(MemoryTaskQueue):
    """What a lost agent held waits behind everything else."""

    def _visible(self, pool: str, above: int | None) -> list[str]:
        found = super()._visible(pool, above)
        return sorted(found, key=lambda token: (-self._messages[token].hint.priority, int(token)))


class QueueOfOnePool(MemoryTaskQueue):
    """Every agent gets every hint."""

    def send(self, hints: Sequence[Hint]) -> None:
        super().send([msgspec.structs.replace(hint, pool="default") for hint in hints])

    def _visible(self, pool: str, above: int | None) -> list[str]:
        return super()._visible("default", above)


class QueueThatCountsWhatWasReceived(MemoryTaskQueue):
    """Hints that agents hold count as waiting, and keep a reaper from looking for what is pending."""

    def depth(self, pool: str) -> int | None:
        return len(self._messages)


class QueueThatCountsAllPools(MemoryTaskQueue):
    """Hints of other pools keep a reaper from looking for what is pending in its own."""

    def depth(self, pool: str) -> int | None:
        return sum(super(QueueThatCountsAllPools, self).depth(one) or 0 for one in self._pools())

    def _pools(self) -> set[str]:
        return {message.hint.pool for message in self._messages.values()}


class QueueWithoutAck(MemoryTaskQueue):
    """An acknowledged hint comes again."""

    def ack(self, deliveries: Sequence[object]) -> None:
        pass
