"""A process whose clock is wrong, or jumps: it costs time, and nothing goes early."""

import errno
import os
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from htcgrid.local.queue import SqliteTaskQueue
from htcgrid.local.stamp import StoreClock
from htcgrid.local.state import SqliteStateStore
from htcgrid.model import AgentId, Remainder
from htcgrid.testing.samples import bundles_of, commit_of, keys_of, session_of, tasks

DAYS = 400 * 86_400.0
REAL = time.time
CLOCKS: dict[str, Callable[[], float]] = {
    "right": REAL,
    "400 days behind": lambda: REAL() - DAYS,
    "400 days ahead": lambda: REAL() + DAYS,
    "jumping": lambda: REAL() + DAYS * (-1) ** (time.monotonic_ns() // 1000 % 2),
}


@pytest.fixture
def taken_for(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give this process a clock."""
    return lambda name: monkeypatch.setattr(time, "time", CLOCKS[name])


@pytest.mark.parametrize("reaper", CLOCKS)
@pytest.mark.parametrize("agent", CLOCKS)
def test_nothing_is_collected_early_whatever_clocks_show(
    folder: Path, taken_for: Callable[[str], None], agent: str, reaper: str
) -> None:
    kept, over = session_of(keep_for=timedelta(days=7)), session_of(keep_for=timedelta(0))
    with closing(SqliteStateStore(folder)) as store:
        for session in (kept, over):
            store.create(session, bundles_of(session, 1), sealed=True)
    taken_for(agent)
    with closing(SqliteStateStore(folder)) as store:
        for session in (kept, over):
            [claim] = store.claim(keys_of(bundles_of(session, 1)), agent=AgentId("a"), lease=timedelta(seconds=60))
            store.commit([commit_of(claim.lease, claim.open)])
    taken_for(reaper)
    with closing(SqliteStateStore(folder)) as store:
        found = store.expired(10)
        assert kept.id not in found
        if reaper == "right":
            assert found == [over.id]
        else:
            assert found == []
            assert any("the store's" in concern.message for concern in store.concerns())
    taken_for("right")
    with closing(SqliteStateStore(folder)) as store:
        assert store.expired(10) == [over.id]
        assert store.concerns() == []


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_delay_is_no_shorter_and_no_longer(folder: Path, taken_for: Callable[[str], None], clock: str) -> None:
    session = session_of()
    with closing(SqliteStateStore(folder)) as store:
        store.create(session, bundles_of(session, 1, 2))
        [claim] = store.claim(keys_of(bundles_of(session, 1)), agent=AgentId("a"), lease=timedelta(seconds=60))
        taken_for(clock)
        store.give_back(claim.lease, [Remainder(ranges=tasks(0, 2), delay=timedelta(seconds=1))])
    taken_for("right")
    with closing(SqliteTaskQueue(folder)) as queue:
        assert queue.receive(1, wait=timedelta(0), pool="default") == []
        [delivery] = queue.receive(1, wait=timedelta(seconds=30), pool="default")
        assert delivery.hint.tasks == 2


@pytest.mark.parametrize("clock", CLOCKS)
def test_whose_clock_is_wrong_takes_no_neighbour_for_gone(
    folder: Path, taken_for: Callable[[str], None], clock: str
) -> None:
    with closing(SqliteTaskQueue(folder)):
        pass
    bells = folder / "bells" / "networks"
    (mine,) = bells.iterdir()
    other = bells / "1"
    other.write_text(mine.read_text())
    hours_ago = REAL() - 2 * 3600.0
    os.utime(other, (hours_ago, hours_ago))
    os.utime(mine, (hours_ago, hours_ago))
    taken_for(clock)
    with closing(SqliteTaskQueue(folder)) as queue:
        assert not queue._doorbell._network.is_only
    # It lives, which all are told by the clock of the files.
    assert abs(REAL() - mine.stat().st_mtime) < 3600.0
    days_ago = REAL() - 2 * 86_400.0
    os.utime(other, (days_ago, days_ago))
    with closing(SqliteTaskQueue(folder)) as queue:
        assert queue._doorbell._network.is_only


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_disk_that_gives_no_stamp_has_nothing_collected(
    folder: Path, taken_for: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    session = session_of(keep_for=timedelta(0))
    with closing(SqliteStateStore(folder)) as store:
        store.create(session, bundles_of(session, 1), sealed=True)
        [claim] = store.claim(keys_of(bundles_of(session, 1)), agent=AgentId("a"), lease=timedelta(seconds=60))
        store.commit([commit_of(claim.lease, claim.open)])

    def full(descriptor: int) -> float:
        raise OSError(errno.ENOSPC, "No space left on device")

    taken_for(clock)
    with monkeypatch.context() as patch:
        patch.setattr("htcgrid.local.gate.touch", full)
        with closing(SqliteStateStore(folder)) as store:
            assert store.expired(10) == []
            assert store.status([session.id])[0].succeeded == 1
    taken_for("right")
    with closing(SqliteStateStore(folder)) as store, monkeypatch.context() as patch:
        assert store.expired(10) == [session.id]
        # It has had a stamp, and goes on from there.
        monkeypatch.setattr(store._database.clock, "_until", 0.0)
        patch.setattr("htcgrid.local.gate.touch", full)
        assert store.expired(10) == [session.id]


def test_a_stamp_is_taken_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks, stamps = [100.0], [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: ticks[0])
    clock = StoreClock(lambda: stamps[0])
    assert clock() == 1000.0
    ticks[0] += 3
    stamps[0] = 5000.0
    assert clock() == 1003.0
    ticks[0] += 10
    assert clock() == 5000.0
