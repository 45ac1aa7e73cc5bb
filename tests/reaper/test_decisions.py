"""The reaper's decisions, in time that is passed in."""

from htcgrid.model import BundleKey, Hint, SessionId
from htcgrid.reaper.core import (
    CallFailed,
    Collected,
    Command,
    DeletePayloads,
    DueFound,
    Event,
    ExpiredFound,
    LookForDue,
    LookForExpired,
    ReaperCore,
    ReaperPolicy,
    SendHints,
    Time,
)

POLICY = ReaperPolicy(look=1.0, retention=60.0, bundles=3, sessions=2, records=5, failures=4)


def new_core(policy: ReaperPolicy = POLICY) -> ReaperCore:
    """Return decisions without jitter."""
    return ReaperCore(policy, lambda: 0.5)


def hints(count: int) -> list[Hint]:
    return [Hint(key=BundleKey(SessionId("s"), start), pool="default", priority=1, tasks=1) for start in range(count)]


def settled(core: ReaperCore, now: float, sessions: list[SessionId] | None = None) -> None:
    """Bring the decisions to where they wait for the next look."""
    assert core.handle(Time(), now) == [LookForDue(3)]
    assert core.handle(DueFound([]), now) == [LookForExpired(2)]
    core.handle(ExpiredFound(sessions or []), now)


def answered(core: ReaperCore, now: float, tombstones: list[str], broken: set[str]) -> list[Command]:
    """Return what is done until nothing is left to do; collecting a broken tombstone fails."""
    done: list[Command] = []
    events: list[Event] = [Time()]
    while events:
        for command in core.handle(events.pop(), now):
            done.append(command)
            match command:
                case LookForDue():
                    events.append(DueFound([]))
                case LookForExpired(limit):
                    events.append(ExpiredFound([SessionId(name) for name in tombstones[:limit]]))
                case DeletePayloads(session) if session in broken:
                    events.append(CallFailed(session))
                case DeletePayloads(session):
                    tombstones.remove(session)
                    events.append(Collected(session, done=True))
                case SendHints():
                    pass
        assert len(done) < 1000, "it never comes to rest"
    return done


def collected(commands: list[Command]) -> list[SessionId]:
    return [command.session for command in commands if isinstance(command, DeletePayloads)]


def test_the_first_thing_a_reaper_does_is_to_look_for_lapsed_leases() -> None:
    assert new_core().handle(Time(), 100.0) == [LookForDue(3)]


def test_what_is_due_is_hinted() -> None:
    core = new_core()
    core.handle(Time(), 0.0)
    assert core.handle(DueFound(hints(2)), 0.0)[0] == SendHints(hints(2))


def test_nothing_is_sent_when_nothing_is_due() -> None:
    core = new_core()
    core.handle(Time(), 0.0)
    assert core.handle(DueFound([]), 0.0) == [LookForExpired(2)]


def test_between_looks_nothing_is_done() -> None:
    core = new_core()
    settled(core, 0.0)
    assert core.handle(Time(), 0.99) == []
    assert core.wake_at() == 1.0
    assert core.handle(Time(), 1.0) == [LookForDue(3)]


def test_one_call_is_under_way_at_a_time() -> None:
    core = new_core()
    assert core.handle(Time(), 0.0)
    assert core.handle(Time(), 50.0) == []


def test_a_look_that_found_as_much_as_it_may_is_followed_by_another_at_once() -> None:
    core = new_core()
    core.handle(Time(), 0.0)
    assert core.handle(DueFound(hints(3)), 0.0) == [SendHints(hints(3)), LookForDue(3)]


def test_a_look_that_failed_is_repeated_after_the_interval_and_not_at_once() -> None:
    core = new_core()
    core.handle(Time(), 0.0)
    assert core.handle(CallFailed(), 0.0) == [LookForExpired(2)]
    assert core.handle(CallFailed(), 0.0) == []
    assert core.handle(Time(), 1.0) == [LookForDue(3)]


def test_sessions_past_their_retention_are_looked_for_at_longer_intervals() -> None:
    core = new_core()
    settled(core, 0.0)
    core.handle(Time(), 59.9)
    assert core.handle(DueFound([]), 59.9) == []
    core.handle(Time(), 61.0)
    assert core.handle(DueFound([]), 61.0) == [LookForExpired(2)]


def test_leases_are_looked_after_while_a_large_session_is_collected() -> None:
    core = new_core()
    core.handle(Time(), 0.0)
    core.handle(DueFound([]), 0.0)
    assert core.handle(ExpiredFound([SessionId("a")]), 0.0) == [DeletePayloads(SessionId("a"), 5)]
    assert core.handle(Collected(SessionId("a"), done=False), 0.5) == [DeletePayloads(SessionId("a"), 5)]
    assert core.handle(Collected(SessionId("a"), done=False), 1.5) == [LookForDue(3)]
    assert core.handle(DueFound([]), 1.5) == [DeletePayloads(SessionId("a"), 5)]
    assert core.handle(Collected(SessionId("a"), done=True), 1.6) == []


def test_all_tombstones_are_collected_in_one_go() -> None:
    tombstones = [f"s{number}" for number in range(7)]
    assert collected(answered(new_core(), 0.0, tombstones, set())) == [f"s{number}" for number in range(7)]
    assert tombstones == []


def test_tombstones_that_cannot_be_collected_hold_up_none_behind_them() -> None:
    tombstones = [f"s{number}" for number in range(7)]
    answered(new_core(), 0.0, tombstones, {"s0", "s1", "s2"})
    assert tombstones == ["s0", "s1", "s2"]


def test_a_tombstone_that_could_not_be_collected_is_tried_again_at_the_next_look() -> None:
    core = new_core()
    tombstones = ["a", "b", "c"]
    first = answered(core, 0.0, tombstones, {"a"})
    assert collected(first).count(SessionId("a")) == 1
    answered(core, 30.0, tombstones, set())
    assert tombstones == ["a"]
    answered(core, 61.0, tombstones, set())
    assert tombstones == []


def test_a_payload_store_that_is_down_is_left_alone_until_the_next_look() -> None:
    core = new_core()
    tombstones = [f"s{number}" for number in range(50)]
    everything = set(tombstones)
    assert len(collected(answered(core, 0.0, tombstones, everything))) == POLICY.failures
    assert collected(answered(core, 30.0, tombstones, everything)) == []
    answered(core, 61.0, tombstones, set())
    assert tombstones == []


def test_many_reapers_that_start_together_do_not_look_together() -> None:
    looks = set()
    for jitter in (0.0, 0.25, 0.5, 0.99):
        core = ReaperCore(POLICY, lambda jitter=jitter: jitter)  # type: ignore[misc]
        settled(core, 0.0)
        looks.add(core.wake_at())
    assert len(looks) == 4
    assert min(looks) >= 0.75
    assert max(looks) <= 1.25
