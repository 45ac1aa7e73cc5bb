"""The clause that holds a store against the memory store, in sequences of calls that hypothesis makes up."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from htcgrid.errors import ConflictError
from htcgrid.interfaces import StateStore
from htcgrid.model import (
    BundleKey,
    Claim,
    Commit,
    Committed,
    Entry,
    GivenBack,
    Hint,
    Lease,
    Ranges,
    Remainder,
    SessionId,
)
from htcgrid.testing.clock import VirtualClock
from htcgrid.testing.memory import MemoryStateStore
from htcgrid.testing.samples import bundle_of, commit_of, session_of
from htcgrid.testing.state.clauses import MANY, Advance, StateClauses

_STEPS = 30
_BUNDLE = 6
_TASKS = 4 * _BUNDLE
#: Claims before a session may be cancelled.
_ENOUGH = 4

_anywhere = st.sets(st.integers(0, _TASKS - 1), max_size=8)


def _ranges_about(claim: Claim) -> st.SearchStrategy[Ranges]:
    """Draw tasks of a claim, or of the whole session: most calls are to mean something, and some are not."""
    return st.builds(Ranges.of_indexes, st.sets(st.sampled_from(list(claim.open)), max_size=_BUNDLE) | _anywhere)


class Likeness(StateClauses):
    """Any sequence of calls has the answers that the memory store gives."""

    def test_any_sequence_of_calls_is_answered_as_by_the_memory_store(
        self, store: StateStore, clock: VirtualClock, later: Advance
    ) -> None:
        def machine() -> _Comparison:
            return _Comparison(self, store, MemoryStateStore(clock=clock), later)

        few = settings(
            max_examples=self.examples,
            phases=[phase for phase in Phase if self.shrinks or phase is not Phase.shrink],
            stateful_step_count=_STEPS,
            deadline=None,
            derandomize=True,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(machine, settings=few)  # type: ignore[arg-type]


class _Comparison(RuleBasedStateMachine):
    """One session in both stores. Time passes only when every lease lapses by it, so that both see it alike."""

    def __init__(self, clauses: StateClauses, store: StateStore, twin: StateStore, later: Advance) -> None:
        super().__init__()
        self._clauses, self._later = clauses, later
        self._stores = (store, twin)
        self._session = session_of()
        self._submitted = 0
        #: Every claim that was ever won, as both stores gave it, and every commit that was made.
        self._claims: list[tuple[Claim, Claim]] = []
        self._commits: list[tuple[Commit, Commit]] = []
        #: What was done since time passed last.
        self._done = 0
        for one in self._stores:
            one.create(self._session)

    def teardown(self) -> None:
        """Leave nothing that another example would find."""
        self._stores[0].delete(self._session.id)

    @initialize()
    def begin(self) -> None:
        """Let there be something to do."""
        self.add()
        self.claim_what_is_hinted(1)

    @precondition(lambda self: self._submitted < _TASKS)
    @rule()
    def add(self) -> None:
        """Add the next bundle."""
        bundle = bundle_of(self._session, self._submitted, self._submitted + _BUNDLE)
        if self._both(lambda store: _conflicts(lambda: store.add(self._session.id, [bundle]))):
            return
        self._submitted += _BUNDLE

    @rule(number=st.integers(0, _TASKS // _BUNDLE - 1), content=st.sampled_from(["", "", "*"]))
    def add_again(self, number: int, content: str) -> None:
        """Repeat an add, maybe with other content, whatever became of the bundle."""
        start = number * _BUNDLE
        if start < self._submitted:
            bundle = bundle_of(self._session, start, start + _BUNDLE, content)
            assert self._both(lambda store: _conflicts(lambda: store.add(self._session.id, [bundle]))) == bool(content)

    @precondition(lambda self: self._submitted > _BUNDLE)
    @rule(total=st.sampled_from([None, _BUNDLE]))
    def seal(self, total: int | None) -> None:
        """Seal with the right total, or maybe not."""
        self._both(
            lambda store: _conflicts(lambda: store.seal(self._session.id, self._submitted if total is None else total))
        )

    @rule(bite=st.integers(1, 4))
    def claim_what_is_hinted(self, bite: int) -> None:
        """Claim some of the backlog."""
        self._clauses.settle()
        keys = self._both(lambda store: sorted(hint.key for hint in self._due(store, dry=True)))
        self._claim(keys[:bite])

    @precondition(lambda self: self._claims)
    @rule(data=st.data())
    def claim_again(self, data: st.DataObject) -> None:
        """Claim a bundle that was claimed before."""
        first, _ = self._drawn(data)
        self._claim([first.key])

    @precondition(lambda self: self._claims)
    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        """Commit outcomes under any lease that there ever was."""
        claims = self._drawn(data)
        succeeded, failed = (data.draw(_ranges_about(claims[0])) for _ in range(2))
        flush = len(self._commits)
        first, second = (commit_of(claim.lease, succeeded, failed - succeeded, flush=flush) for claim in claims)
        self._commits.append((first, second))
        self._commit(first, second)

    @precondition(lambda self: self._commits)
    @rule(data=st.data())
    def commit_again(self, data: st.DataObject) -> None:
        """Repeat a commit."""
        self._commit(*data.draw(st.sampled_from(self._commits)))

    @precondition(lambda self: self._claims)
    @rule(data=st.data(), delayed=st.booleans(), tries=st.integers(0, 2), bite=st.integers(0, 2))
    def give_back(self, data: st.DataObject, *, delayed: bool, tries: int, bite: int) -> None:
        """Give tasks back under any lease that there ever was; maybe claim what they became."""
        self._done += 1
        claims = self._drawn(data)
        ranges, more = (data.draw(_ranges_about(claims[0])) for _ in range(2))
        delay = self._clauses.lease * int(delayed)
        remainders = [
            Remainder(ranges=ranges, delay=delay, tries=dict.fromkeys(ranges, tries) if tries else {}),
            Remainder(ranges=more),
        ]
        given = [store.give_back(claim.lease, remainders) for store, claim in self._pairs(claims)]
        assert _shown_give_back(given[0]) == _shown_give_back(given[1])
        if given[0] is not None:
            self._claim([hint.key for hint in given[0].hints][:bite])

    @precondition(lambda self: self._claims)
    @rule()
    def renew(self) -> None:
        """Renew every lease that there ever was."""
        seen = []
        for number, store in enumerate(self._stores):
            leases = [claims[number].lease for claims in self._claims]
            kept, lost = store.renew(leases)
            seen.append((sorted(map(_fence, kept)), sorted((one.key, str(one.cause)) for one in lost)))
        assert seen[0] == seen[1]

    @precondition(lambda self: self._done > 1)
    @rule()
    def lapse(self) -> None:
        """Let every lease lapse, and every delay pass."""
        self._done = 0
        self._clauses.settle()
        for store in self._stores:
            store.due(MANY)
        self._later(self._clauses.lease * 1.1)
        self._clauses.settle()
        self._both(lambda store: sorted(hint.key for hint in self._due(store)))

    @precondition(lambda self: len(self._claims) >= _ENOUGH)
    @rule()
    def cancel(self) -> None:
        """Cancel when much has happened: nothing does afterwards."""
        self._both(lambda store: store.cancel([self._session.id])[0].succeeded)

    @invariant()
    def counts_are_the_same(self) -> None:
        """Compare the status, but for the gauge of running tasks."""
        self._both(lambda store: _counts(store, self._session.id))

    @invariant()
    def the_log_is_the_same(self) -> None:
        """Compare what a reader gets, bundle by bundle."""
        self._both(lambda store: _shares(self._clauses.read(store, self._session)))

    def _drawn(self, data: st.DataObject) -> tuple[Claim, Claim]:
        """Draw a claim, the last ones more often than those before."""
        won = len(self._claims)
        return self._claims[-data.draw(st.integers(1, min(2, won)) | st.integers(1, won), label="Claim, from the last")]

    def _claim(self, keys: list[BundleKey]) -> None:
        first, second = (self._clauses.claim(store, keys) for store in self._stores)
        assert [_shown_claim(claim) for claim in first] == [_shown_claim(claim) for claim in second]
        self._claims += zip(first, second, strict=True)
        self._done += len(first)

    def _commit(self, first: Commit, second: Commit) -> None:
        self._done += 1
        [answer], [expected] = self._stores[0].commit([first]), self._stores[1].commit([second])
        assert _shown_commit(answer) == _shown_commit(expected)

    def _both(self, ask: Callable[[StateStore], Any]) -> Any:
        """Ask both stores, which must say the same; return it."""
        answer, expected = (ask(store) for store in self._stores)
        assert answer == expected
        return answer

    def _pairs(self, claims: tuple[Claim, Claim]) -> list[tuple[StateStore, Claim]]:
        return list(zip(self._stores, claims, strict=True))

    def _due(self, store: StateStore, *, dry: bool = False) -> list[Hint]:
        return [
            hint
            for hint in store.due(MANY, dry=self._session.pool if dry else None)
            if hint.key.session == self._session.id
        ]


def _conflicts(action: Callable[[], None]) -> bool:
    try:
        action()
    except ConflictError:
        return True
    return False


def _fence(lease: Lease) -> tuple[BundleKey, int]:
    return lease.key, lease.attempt


def _shown_claim(claim: Claim) -> tuple[Any, ...]:
    return _fence(claim.lease), claim.input, claim.first, claim.open, claim.tries, claim.lapses, claim.lapses_alone


def _shown_commit(answer: Committed) -> tuple[Any, ...]:
    return answer.lease and _fence(answer.lease), answer.accepted, answer.refused, answer.cancelled


def _shown_give_back(given: GivenBack | None) -> tuple[Any, ...] | None:
    if given is None:
        return None
    return given.lease and _fence(given.lease), given.carved, [hint.key for hint in given.hints]


def _counts(store: StateStore, session_id: SessionId) -> tuple[Any, ...]:
    [status] = store.status([session_id])
    return status.state, status.total, status.succeeded, status.failed, status.cancelled


def _shares(entries: list[Entry]) -> dict[BundleKey, list[tuple[Ranges, Ranges]]]:
    """Return the outcomes of each bundle, in the order of commit: what is the same however many logs there are."""
    shares: dict[BundleKey, list[tuple[Ranges, Ranges]]] = {}
    for part in (part for entry in entries for part in entry.parts):
        shares.setdefault(part.key, []).append((part.succeeded, part.failed))
    return shares
