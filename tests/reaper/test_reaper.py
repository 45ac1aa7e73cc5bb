"""The reaper on stores in memory: what it puts right, and that it lives on when they fail."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from htcgrid.errors import ProviderError, ProviderUnavailableError
from htcgrid.model import AgentId, Hint, Session, SessionId, defaults
from htcgrid.reaper import Reaper, ReaperPolicy
from htcgrid.testing import MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue, VirtualClock
from htcgrid.testing.samples import bundles_of, keys_of, session_of

LEASE = timedelta(seconds=30)
QUICK = ReaperPolicy(look=0.001, retention=0.001)


class Faulty(MemoryStateStore):
    """A store whose next looks fail with these errors, one each."""

    def __init__(self, clock: VirtualClock, errors: list[Exception]) -> None:
        super().__init__(clock=clock)
        self.errors = errors

    def due(self, limit: int, *, dry: str | None = None) -> list[Hint]:
        if self.errors:
            raise self.errors.pop(0)
        return super().due(limit, dry=dry)


class Grid:
    """Three stores, and reapers that are closed afterwards."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.state = Faulty(self.clock, [])
        self.queue = MemoryTaskQueue(clock=self.clock)
        self.payloads = MemoryPayloadStore()
        self.logged: list[tuple[str, dict[str, object]]] = []
        self.crashes: list[BaseException] = []

    def log(self, event: str, **facts: object) -> None:
        self.logged.append((event, facts))

    def reaper(self) -> Reaper:
        return Reaper(
            self.state,
            self.queue,
            self.payloads,
            pools=["default"],
            seed=1,
            policy=QUICK,
            log=self.log,
            crash=self.crashes.append,
        )

    def reap_until(self, true: Callable[[], object]) -> None:
        reaper = self.reaper()
        reaper.start()
        try:
            deadline = time.monotonic() + 10
            while not true():
                assert time.monotonic() < deadline, "the reaper never did it"
                time.sleep(0.001)
        finally:
            reaper.close()

    def submit(self) -> Session:
        session = session_of()
        self.state.create(session, bundles_of(session, 2), sealed=True)
        return session


@pytest.fixture
def grid() -> Grid:
    return Grid()


def test_a_bundle_whose_lease_lapsed_is_hinted_and_can_be_claimed_again(grid: Grid) -> None:
    session = grid.submit()
    (first, _) = keys_of(bundles_of(session, 2))
    grid.state.claim([first], agent=AgentId("lost"), lease=LEASE)
    grid.clock.advance(LEASE + timedelta(seconds=1))
    grid.reap_until(lambda: grid.queue.depth("default"))
    received = grid.queue.receive(10, wait=timedelta(0), pool="default")
    assert first in {delivery.hint.key for delivery in received}
    (claim,) = grid.state.claim([first], agent=AgentId("next"), lease=LEASE)
    assert claim.lease.attempt == 2


def test_bundles_whose_hints_were_all_lost_are_hinted_when_the_queue_is_dry(grid: Grid) -> None:
    session = grid.submit()
    grid.reap_until(lambda: (grid.queue.depth("default") or 0) >= 2)
    received = grid.queue.receive(10, wait=timedelta(0), pool="default")
    assert {delivery.hint.key for delivery in received} == set(keys_of(bundles_of(session, 2)))


def test_a_backlog_is_not_hinted_over_and_over(grid: Grid) -> None:
    grid.submit()
    grid.reap_until(lambda: (grid.queue.depth("default") or 0) >= 2)
    time.sleep(0.2)
    assert grid.queue.depth("default") == 2


def test_a_deleted_session_leaves_neither_records_nor_payloads(grid: Grid) -> None:
    session = grid.submit()
    kept = grid.submit()
    grid.payloads.put({f"{session.id}/in/0": b"1", f"{kept.id}/in/0": b"2"})
    grid.state.delete(session.id)
    grid.reap_until(lambda: not grid.state.expired(10))
    assert grid.payloads.get([f"{session.id}/in/0", f"{kept.id}/in/0"]) == {f"{kept.id}/in/0": b"2"}


def test_a_pack_that_comes_after_its_session_was_collected_is_collected_too(grid: Grid) -> None:
    session = grid.submit()
    late = f"{session.id}/out/0-0-nonce-1"
    grid.state.delete(session.id)
    grid.reap_until(lambda: not grid.state.expired(10))
    grid.payloads.put({late: b"large"})
    grid.clock.advance(defaults.LINGER * 0.9)
    assert grid.state.expired(10) == []
    assert grid.payloads.get([late])
    grid.clock.advance(defaults.LINGER * 0.2)
    grid.reap_until(lambda: not grid.state.expired(10))
    assert grid.payloads.get([late]) == {}
    grid.clock.advance(defaults.LINGER * 2)
    assert grid.state.expired(10) == []


def test_a_reaper_that_ends_between_payloads_and_records_leaves_both_to_the_next(
    grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = grid.submit()
    late = f"{session.id}/out/0-0-nonce-1"
    grid.state.delete(session.id)
    grid.reap_until(lambda: not grid.state.expired(10))
    grid.clock.advance(defaults.LINGER)

    def ends(session_id: SessionId, limit: int) -> bool:
        raise KeyError("it ends here")

    with monkeypatch.context() as patch:
        patch.setattr(grid.state, "collect", ends)
        grid.reap_until(lambda: grid.crashes)
    grid.payloads.put({late: b"large"})
    grid.reap_until(lambda: not grid.state.expired(10))
    assert grid.payloads.get([late]) == {}


@pytest.mark.parametrize("error", [ProviderUnavailableError("it is away"), ProviderError("it says no")])
def test_a_store_that_fails_is_told_of_and_asked_again(grid: Grid, error: Exception) -> None:
    grid.submit()
    grid.state.errors = [error]
    grid.reap_until(lambda: grid.queue.depth("default"))
    (event, facts), *_ = grid.logged
    assert event == "reaper call failed"
    assert facts == {
        "call": "LookForDue",
        "error": str(error),
        "passing": isinstance(error, ProviderUnavailableError),
    }


def test_hints_that_could_not_be_sent_are_sent_later(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    send, refused = grid.queue.send, [ProviderUnavailableError("too many")]

    def sometimes(hints: list[Hint]) -> None:
        if refused:
            raise refused.pop()
        send(hints)

    monkeypatch.setattr(grid.queue, "send", sometimes)
    grid.submit()
    grid.reap_until(lambda: grid.queue.depth("default"))
    assert grid.queue.depth("default") == 2


def test_a_session_whose_payloads_cannot_be_deleted_keeps_its_records(grid: Grid) -> None:
    session = grid.submit()

    class Stuck(MemoryPayloadStore):
        def delete(self, keys: object = (), *, prefix: str | None = None) -> None:
            raise ProviderError("access denied")

    grid.payloads = Stuck()
    grid.state.delete(session.id)
    grid.reap_until(lambda: any(facts.get("call") == "DeletePayloads" for _, facts in grid.logged))
    assert grid.state.expired(10) == [session.id]


def test_a_reaper_that_breaks_says_so_to_whoever_started_it(grid: Grid) -> None:
    grid.state.errors = [KeyError("a defect of a provider")]
    grid.reap_until(lambda: grid.crashes)
    assert isinstance(grid.crashes[0], KeyError)


def test_two_reapers_do_no_harm_to_each_other(grid: Grid) -> None:
    sessions = [grid.submit() for _ in range(20)]
    for session in sessions:
        grid.state.delete(session.id)
    other = grid.reaper()
    other.start()
    try:
        grid.reap_until(lambda: not grid.state.expired(100))
    finally:
        other.close()
    assert grid.logged == []
    assert grid.crashes == []


def test_a_reaper_that_waits_for_its_next_look_stops_at_once(grid: Grid) -> None:
    reaper = Reaper(
        grid.state, grid.queue, grid.payloads, pools=["default"], seed=1, policy=ReaperPolicy(look=3600, retention=3600)
    )
    thread = threading.Thread(target=reaper.run)
    thread.start()
    # Twice, as a second SIGTERM would.
    reaper.stop()
    reaper.stop()
    thread.join(timeout=5)
    assert not thread.is_alive()


def test_closing_a_reaper_that_was_never_started_is_fine(grid: Grid) -> None:
    reaper = grid.reaper()
    reaper.close()
    reaper.close()


def test_a_session_that_does_not_exist_is_collected_without_complaint(grid: Grid) -> None:
    assert grid.state.collect(SessionId("never"), 10)
