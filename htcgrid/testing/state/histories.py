"""The clause of concurrent histories: many threads do what they like, and a pure function judges what came of it."""

from collections.abc import Sequence
from functools import partial
from itertools import count
from random import Random
from threading import Lock

import pytest

from htcgrid.interfaces import StateStore
from htcgrid.model import AgentId, BundleKey, Claim, Ranges, Remainder, defaults
from htcgrid.testing.race import at_once, short_turns
from htcgrid.testing.samples import bundles_of, commit_of, keys_of, session_of
from htcgrid.testing.state.clauses import MANY, Advance, StateClauses
from htcgrid.testing.state.history import History
from htcgrid.testing.state.judgement import violations
from htcgrid.testing.state.recorder import Recorder

_BUNDLES, _TASKS = 6, 200
#: The bundles that the session begins with; the others are added beside claims.
_FIRST = 3
#: How often time passes, in the course of a history, by more than a lease.
_LAPSES = 4
#: How often a last agent looks for work. Once is enough; twice shows that nothing comes back.
_ROUNDS = 2
#: One thread in so many also reads; whoever makes one step in so many cancels, when the time has come.
_READERS, _CANCELS = 8, 16


class Histories(StateClauses):
    """Whatever threads do to a session at once, what each of them was told fits with what all the others were."""

    @pytest.mark.parametrize("cancelled", [False, True], ids=["to the end", "with a cancel"])
    def test_what_threads_at_once_are_told_fits_together(
        self, store: StateStore, later: Advance, *, cancelled: bool
    ) -> None:
        crowd = _Crowd(self, store, later, cancelled=cancelled)
        with short_turns():
            at_once([partial(crowd.act, number) for number in range(self.threads)])
        if not cancelled:
            crowd.finish()
        history = crowd.history()
        found = violations(history)
        assert not found, "\n".join(["rules are broken:", *found])
        assert history.status.ended == history.status.total, "every task that was accepted ends"


class _Crowd:
    """The threads of one history. What each does next is drawn from its own seed, who comes first is not."""

    def __init__(self, clauses: Histories, store: StateStore, later: Advance, *, cancelled: bool) -> None:
        self._clauses, self._later = clauses, later
        self._session = session_of()
        self._bundles = bundles_of(self._session, _BUNDLES, _TASKS)
        self._store = Recorder(store, self._session, self._bundles[:_FIRST])
        #: What threads learn from each other: bundles, and leases whether current or not.
        self._keys: list[BundleKey] = keys_of(self._bundles)
        self._claims: list[Claim] = []
        self._flushes, self._steps = count(), count(1)
        self._time = Lock()
        all_steps = clauses.threads * clauses.steps
        self._lapse_every = max(1, all_steps // (_LAPSES + 1))
        self._cancel_from = all_steps // 2 if cancelled else all_steps + 1

    def act(self, number: int) -> None:
        """Do one thing after another, as agent ``number``."""
        random, agent = Random(number), AgentId(f"agent-{number}")
        for _ in range(self._clauses.steps):
            self._do_something(random, agent)
            step = next(self._steps)
            if step % self._lapse_every == 0:
                self._let_leases_lapse()
            if step >= self._cancel_from and step % _CANCELS == 0:
                self._store.cancel()
            if number % _READERS == 0:
                self._store.read_on(number, random.randint(1, 9))

    def finish(self) -> None:
        """Run what is left, as one agent that is alone: whatever became of a bundle, it can be found and run."""
        for bundle in self._bundles:
            self._store.add(bundle)
        for _ in range(_ROUNDS):
            for claim in self._store.claim(self._let_leases_lapse(), AgentId("last"), self._clauses.lease):
                self._store.commit([commit_of(claim.lease, claim.open)])

    def history(self) -> History:
        """Return what was recorded."""
        return self._store.history()

    def _do_something(self, random: Random, agent: AgentId) -> None:
        verbs = (self._claim, self._commit, self._give_back, self._renew, self._look, self._add)
        [verb] = random.choices(verbs, weights=(6, 8, 3, 2, 2, 1))
        verb(random, agent)

    def _claim(self, random: Random, agent: AgentId) -> None:
        keys = random.sample(self._keys, min(len(self._keys), random.randint(1, 6)))
        self._claims += self._store.claim(keys, agent, self._clauses.lease)

    def _commit(self, random: Random, agent: AgentId) -> None:
        commits = []
        for claim in self._drawn(random, random.randint(1, 2)):
            succeeded, failed = (self._some(random, claim.open, most) for most in (3, 1))
            flush = next(self._flushes)
            commits.append(commit_of(claim.lease, succeeded, failed - succeeded, flush=flush))
        self._store.commit(commits)

    def _give_back(self, random: Random, agent: AgentId) -> None:
        for claim in self._drawn(random, 1):
            sizes = (random.randint(1, 40), claim.open.count)
            parts = [self._some(random, claim.open, random.choice(sizes)) for _ in range(random.randint(1, 2))]
            given = self._store.give_back(claim.lease, [Remainder(ranges=part) for part in parts])
            self._keys += keys_of(given.hints if given else ())

    def _renew(self, random: Random, agent: AgentId) -> None:
        self._store.renew([claim.lease for claim in self._drawn(random, 4)])

    def _look(self, random: Random, agent: AgentId) -> None:
        self._store.status()
        self._store.due(MANY, dry=random.choice((None, defaults.POOL)))

    def _add(self, random: Random, agent: AgentId) -> None:
        self._store.add(random.choice(self._bundles))

    def _drawn(self, random: Random, most: int) -> Sequence[Claim]:
        """Draw from the leases that there ever were, the last ones more often than those before."""
        claims = list(self._claims)
        claims = random.choice((claims, claims[-8:]))
        return random.sample(claims, min(most, len(claims)))

    def _some(self, random: Random, tasks: Ranges, most: int) -> Ranges:
        return Ranges.of_indexes(random.sample(list(tasks), min(most, tasks.count)))

    def _let_leases_lapse(self) -> Sequence[BundleKey]:
        """Let every lease lapse that nobody renews meanwhile; return what is due then."""
        with self._time:
            self._clauses.settle()
            self._store.due(MANY)
            self._later(self._clauses.lease * 1.1)
            self._clauses.settle()
            return self._store.due(MANY, dry=defaults.POOL)
