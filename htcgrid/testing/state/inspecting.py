"""Clauses of bundles and agents, as people see them."""

from datetime import timedelta

import pytest

from htcgrid.errors import SessionNotFoundError
from htcgrid.interfaces import StateStore
from htcgrid.model import (
    AgentId,
    AgentReport,
    AgentStatus,
    Bundle,
    BundleStatus,
    Holding,
    Ranges,
    Remainder,
    Session,
    TaskFault,
    defaults,
    utcnow,
)
from htcgrid.testing.samples import commit_of, new_id, tasks
from htcgrid.testing.state.clauses import Advance, StateClauses


class Inspecting(StateClauses):
    """Whoever asks why a session has not ended sees which bundles wait, who holds the others, and which agents live."""

    def test_bundles_that_wait_and_those_that_are_held_are_told_apart(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), (4, 8))
        self.claim_one(store, session, 4, "agent-7")
        waiting, held = self._bundles(store, session)
        assert (waiting.open, waiting.agent, waiting.attempt, waiting.delay) == (tasks(0, 4), None, 0, timedelta(0))
        assert (held.open, held.agent, held.attempt) == (tasks(4, 8), "agent-7", 1)

    def test_tasks_with_an_outcome_are_in_no_open_bundle(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), (4, 8))
        for start, stop in ((0, 4), (4, 6)):
            store.commit([commit_of(self.claim_one(store, session, start).lease, tasks(start, stop))])
        assert [bundle.open for bundle in self._bundles(store, session)] == [tasks(6, 8)]

    def test_a_bundle_tells_its_lapses_its_tries_and_its_delay(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        self.claim_one(store, session)
        self.lapse(store, session, later)
        lease = self.claim_one(store, session).lease
        late = Remainder(ranges=tasks(1, 2), delay=self.lease * 100, tries={1: 2})
        store.give_back(lease, [late])
        held, given = self._bundles(store, session)
        assert (held.open, held.lapses, held.lapses_alone, held.tries) == (tasks(0, 1) | tasks(2, 4), 1, 0, {})
        assert (given.open, given.agent, given.tries) == (tasks(1, 2), None, {1: 2})
        assert self.lease * 99 < given.delay <= self.lease * 101

    def test_the_bundle_of_a_task_is_found_by_the_task(self, store: StateStore) -> None:
        session = self.submit(store, (0, 10), (10, 20), (20, 30))
        lease = self.claim_one(store, session, 10).lease
        self.give_back(store, lease, tasks(12, 14), Ranges.of_indexes([11, 15]))
        store.commit([commit_of(lease, tasks(16, 17))])
        holders = {index: store.bundles(session.id, task=index).bundles for index in (0, 10, 11, 12, 15, 16, 29, 30)}
        assert {index: [bundle.open for bundle in found] for index, found in holders.items()} == {
            0: [tasks(0, 10)],
            10: [tasks(10, 11) | tasks(14, 15) | tasks(17, 20)],
            11: [Ranges.of_indexes([11, 15])],
            12: [tasks(12, 14)],
            15: [Ranges.of_indexes([11, 15])],
            16: [],
            29: [tasks(20, 30)],
            30: [],
        }

    def test_what_was_submitted_is_kept_whatever_became_of_its_tasks(self, store: StateStore) -> None:
        session = self.submit(store, *((start, start + 2) for start in range(0, 18, 2)))
        lease = self.claim_one(store, session, 4).lease
        self.give_back(store, lease, tasks(4, 5))
        store.commit([commit_of(self.claim_one(store, session, 8).lease, tasks(8, 10))])
        meant = {start: claim.input for start in (0, 6) for claim in [self.claim_one(store, session, start)]}
        for limit in (1, 3, 9, 1000):
            found = self._submitted(store, session, limit)
            assert [(bundle.key.start, bundle.stop) for bundle in found] == [
                (start, start + 2) for start in range(0, 18, 2)
            ]
            assert {bundle.key.start: bundle.input for bundle in found if bundle.key.start in meant} == meant
        store.cancel([session.id])
        assert len(self._submitted(store, session)) == 9

    def test_nothing_was_submitted_to_a_session_that_is_not_there(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        with pytest.raises(SessionNotFoundError):
            store.submitted(new_id())
        store.delete(session.id)
        with pytest.raises(SessionNotFoundError):
            store.submitted(session.id)

    def test_pages_of_bundles_hold_each_once(self, store: StateStore) -> None:
        session = self.submit(store, *((start, start + 2) for start in range(0, 18, 2)))
        lease = self.claim_one(store, session, 4).lease
        self.give_back(store, lease, tasks(4, 5))
        for limit in (1, 3, 10, 1000):
            found = [index for bundle in self._bundles(store, session, limit) for index in bundle.open]
            assert sorted(found) == list(range(18))

    def test_a_session_that_is_over_has_no_open_bundle(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), (4, 8))
        store.commit([commit_of(self.claim_one(store, session).lease, tasks(0, 4))])
        store.cancel([session.id])
        assert self._bundles(store, session) == []
        assert store.bundles(session.id, task=5).bundles == []

    def test_bundles_of_an_unknown_session_are_refused(self, store: StateStore) -> None:
        with pytest.raises(SessionNotFoundError):
            store.bundles(new_id())
        session = self.submit(store, (0, 4))
        store.delete(session.id)
        with pytest.raises(SessionNotFoundError):
            store.bundles(session.id, task=0)

    def test_an_agent_is_known_by_its_last_report(self, store: StateStore, later: Advance) -> None:
        pool = new_id()
        first, second = _report(pool, busy=1), _report(pool, busy=2)
        store.register(first)
        store.register(second)
        again = _report(pool, id=first.id, busy=3, holds=(Holding(session=new_id(), bundles=1, tasks=9),))
        later(timedelta(seconds=10))
        store.register(again)
        found = self._agents(store, pool)
        assert [agent.report for agent in found] == [again, second]
        assert found[0].silent < timedelta(seconds=9) < found[1].silent

    def test_a_report_is_told_as_it_was_given(self, store: StateStore) -> None:
        pool = new_id()
        fault = TaskFault(session=new_id(), index=17, tries=2, type="ValueError", message="näh\0", at=5.5)
        report = _report(pool, host="h", pid=7, version="1", python="3", workers=4, handlers=("*",), faults=(fault,))
        store.register(report)
        [found] = self._agents(store, pool)
        assert found.report == report
        assert found.state == "READY"

    def test_an_agent_that_is_silent_is_lost_and_one_that_ended_is_not(self, store: StateStore, later: Advance) -> None:
        pool = new_id()
        silent, ended = _report(pool), _report(pool, ended=True)
        for report in (silent, ended):
            store.register(report)
        later(defaults.REPORT * 4)
        states = {agent.report.id: agent.state for agent in self._agents(store, pool)}
        assert states == {silent.id: "LOST", ended.id: "ENDED"}

    def test_agents_are_asked_for_by_pool(self, store: StateStore) -> None:
        pools = [new_id(), new_id()]
        reports = [_report(pool) for pool in pools]
        for report in reports:
            store.register(report)
        assert [[agent.report for agent in self._agents(store, pool)] for pool in pools] == [[one] for one in reports]
        known = {agent.report.id for agent in self._agents(store, None)}
        assert known >= {report.id for report in reports}

    def test_pages_of_agents_hold_each_once(self, store: StateStore) -> None:
        pool = new_id()
        reports = [_report(pool) for _ in range(7)]
        for report in reports:
            store.register(report)
        for limit in (1, 3, 7, 100):
            found = [agent.report.id for agent in self._agents(store, pool, limit)]
            assert sorted(found) == sorted(report.id for report in reports)

    def test_an_agent_is_forgotten_when_it_was_silent_for_a_day(self, store: StateStore, later: Advance) -> None:
        pool = new_id()
        store.register(_report(pool))
        later(defaults.REMEMBER * 1.1)
        store.register(_report(new_id()))
        assert self._agents(store, pool) == []

    def _bundles(self, store: StateStore, session: Session, limit: int = 100) -> list[BundleStatus]:
        """Return the session's open bundles in the order of their tasks, in pages of ``limit``."""
        self.settle()
        page = store.bundles(session.id, limit=limit)
        found = list(page.bundles)
        while page.cursor is not None:
            page = store.bundles(session.id, page.cursor, limit=limit)
            assert len(page.bundles) <= limit
            found += page.bundles
        return sorted(found, key=lambda bundle: bundle.open.first)

    def _submitted(self, store: StateStore, session: Session, limit: int = 100) -> list[Bundle]:
        """Return the session's bundles as they were submitted, in pages of ``limit``."""
        page = store.submitted(session.id, limit=limit)
        found = list(page.bundles)
        while page.cursor is not None:
            page = store.submitted(session.id, page.cursor, limit=limit)
            assert len(page.bundles) <= limit
            found += page.bundles
        return found

    def _agents(self, store: StateStore, pool: str | None, limit: int = 100) -> list[AgentStatus]:
        self.settle()
        page = store.agents(limit=limit, pool=pool)
        found = list(page.agents)
        while page.cursor is not None:
            page = store.agents(page.cursor, limit=limit, pool=pool)
            assert len(page.agents) <= limit
            found += page.agents
        return found


def _report(pool: str, **fields: object) -> AgentReport:
    return AgentReport(**{"id": AgentId(new_id()), "pool": pool, "started": utcnow(), **fields})  # type: ignore[arg-type]
