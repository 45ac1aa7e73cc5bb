"""The agent's decisions in virtual time, against the memory store."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from htcgrid.model import AgentId, Block, Bundle, Failure, Ranges, RetryPolicy, SessionId, TaskState
from htcgrid.model.call import FORMER_PICKLED_CALL, PICKLED_CALL
from htcgrid.testing.memory import MemoryStateStore
from htcgrid.testing.samples import bundle_of, session_of
from htcgrid_agent.core import AgentCore, AgentPolicy, commands, events
from tests.agent.world import Work, World

#: Of a session whose function has no name, and goes along.
TRAVELS = {"python": {"function": ["0" * 64, 100]}}
POLICY = AgentPolicy(
    agent=AgentId("a"), workers=1, lease=30, heartbeat=5, grace=5, target=2, flush=0.2, handlers=("*",)
)
OOPS = Failure(type="ValueError", message="oops")
LEASE = timedelta(seconds=30)


def states(world: World, session: str) -> dict[TaskState, int]:
    counts: dict[TaskState, int] = {}
    for ended in world.ended(session).values():  # type: ignore[arg-type]
        counts[ended.state] = counts.get(ended.state, 0) + 1
    return counts


def test_every_task_of_a_session_succeeds_once() -> None:
    world = World()
    world.start_agent("a")
    session = world.submit([1, 1, 10, 100, 100])
    world.finish(session)
    assert states(world, session) == {TaskState.SUCCEEDED: 212}
    assert set(world.begun.values()) == {1}


def test_a_lone_outcome_is_committed_at_once() -> None:
    world = World(lambda _: Work(seconds=0.5))
    world.start_agent("a")
    world.run(1)
    session = world.submit([1])
    assert world.finish(session) < 0.5 + 0.03


def test_outcomes_of_a_long_bundle_stream_at_every_flush() -> None:
    world = World(lambda _: Work(seconds=0.1))
    world.start_agent("a", workers=1)
    session = world.submit([15])
    world.run(1.0)
    assert 5 <= len(world.ended(session)) <= 10


def test_workers_wait_while_large_outcomes_are_committed_more_slowly_than_they_come() -> None:
    world = World(lambda _: Work(seconds=0.01, size=400))
    agent = world.start_agent("a", workers=2, outcome_bytes=1000)
    agent.commit_takes = 1.0
    session = world.submit([100, 100])
    uncommitted: list[int] = []

    def look() -> bool:
        uncommitted.append(sum(world.begun.values()) - len(world.ended(session)))
        return False

    world.run(30, look)
    # As many as fit, and what the workers had in hand by then.
    assert max(uncommitted) <= 8
    assert len(world.ended(session)) >= 60
    agent.commit_takes = 0.0
    world.finish(session)
    assert set(world.begun.values()) == {1}


def test_no_more_than_some_bundles_are_held_while_commits_take_long() -> None:
    world = World(lambda _: Work(seconds=0.0005))
    agent = world.start_agent("a")
    agent.commit_takes = 3.0
    session = world.submit([1] * 3000)
    most = 0
    for _ in range(100):
        world.run(0.1)
        most = max(most, world.state.status([session])[0].running)
    # And what one urgent look may bring.
    assert 300 < most <= agent.policy.bundles + agent.policy.workers
    agent.commit_takes = 0.0
    world.finish(session)


def test_outcomes_that_are_sent_again_count_until_they_are_committed() -> None:
    world = World(lambda _: Work(seconds=0.01, size=400))
    agent = world.start_agent("a", workers=2, outcome_bytes=1000)
    session = world.submit([100])
    world.run(0.3)
    agent.cut_off = True
    world.run(5)
    begun = sum(world.begun.values())
    world.run(5)
    assert sum(world.begun.values()) == begun < 60
    agent.cut_off = False
    world.finish(session)
    assert set(world.begun.values()) == {1}


def test_a_task_that_raises_is_tried_as_often_as_its_policy_says() -> None:
    world = World(lambda index: Work(error=OOPS if index == 3 else None))
    world.start_agent("a")
    session = world.submit([8], retry=RetryPolicy(tries=4, backoff=timedelta(seconds=0.5)))
    world.finish(session)
    ended = world.ended(session)
    assert (ended[3].state, ended[3].tries, ended[3].failure) == (TaskState.FAILED, 4, OOPS)
    assert world.begun[3] == 4
    assert all(ended[index].tries == 1 for index in ended if index != 3)


def test_a_final_failure_is_not_tried_again() -> None:
    world = World(lambda index: Work(error=Failure(type="EncodingError", message="no", final=True)))
    world.start_agent("a")
    session = world.submit([2])
    world.finish(session)
    assert world.begun == {0: 1, 1: 1}


def test_a_retry_that_lies_far_ahead_is_given_back_with_its_tries() -> None:
    world = World(lambda index: Work(error=OOPS))
    world.start_agent("a")
    session = world.submit([1], retry=RetryPolicy(tries=3, backoff=timedelta(seconds=20), limit=timedelta(seconds=20)))
    assert 20 <= world.finish(session) <= 60
    assert world.ended(session)[0].tries == 3
    assert world.agents["a"].count(commands.GiveBack) == 2


def test_a_dead_worker_is_blamed_on_the_task_that_it_ran_alone() -> None:
    world = World(lambda index: Work(kills_worker=index == 5))
    world.start_agent("a", workers=1)
    session = world.submit([20])
    world.finish(session)
    ended = world.ended(session)
    assert ended[5].failure is not None
    assert (ended[5].failure.type, ended[5].tries) == ("WorkerDied", 3)
    assert "exited with status 1" in ended[5].failure.message
    assert states(world, session) == {TaskState.SUCCEEDED: 19, TaskState.FAILED: 1}


def test_a_task_that_no_worker_can_even_take_in_ends_and_its_neighbours_go_on() -> None:
    world = World(lambda index: Work(kills_on_arrival=index == 5))
    world.start_agent("a", workers=1)
    session = world.submit([20])
    world.finish(session)
    ended = world.ended(session)
    assert ended[5].failure is not None
    assert (ended[5].failure.type, ended[5].tries) == ("WorkerDied", 3)
    assert "out of memory?" in ended[5].failure.message
    assert states(world, session) == {TaskState.SUCCEEDED: 19, TaskState.FAILED: 1}


def test_a_worker_that_stands_still_before_it_begins_is_replaced_and_costs_no_try() -> None:
    once = iter([True])
    world = World(lambda index: Work(stands_still=index == 0 and next(once, False)))
    world.start_agent("a", workers=1)
    session = world.submit([5], retry=RetryPolicy(tries=1))
    assert world.finish(session) < 15
    assert states(world, session) == {TaskState.SUCCEEDED: 5}


def test_a_task_that_no_worker_ever_begins_ends_and_its_neighbours_go_on() -> None:
    world = World(lambda index: Work(stands_still=index == 3))
    world.start_agent("a", workers=1)
    session = world.submit([5], retry=RetryPolicy(tries=1))
    world.finish(session)
    failure = world.ended(session)[3].failure
    assert failure is not None
    assert failure.type == "WorkerDied"
    assert "stood still for 10 s before it began the task, or after its end" in failure.message
    assert states(world, session) == {TaskState.SUCCEEDED: 4, TaskState.FAILED: 1}


def test_a_task_after_whose_end_its_worker_always_stands_still_ends() -> None:
    world = World(lambda index: Work(seconds=0.3, stands_still_after=index == 3))
    world.start_agent("a", workers=1)
    session = world.submit([5], retry=RetryPolicy(tries=1))
    world.finish(session)
    assert states(world, session) == {TaskState.SUCCEEDED: 4, TaskState.FAILED: 1}


def test_a_worker_that_never_gets_ready_is_replaced() -> None:
    world = World()
    world.starts_that_hang = 3
    agent = world.start_agent("a", workers=2)
    session = world.submit([3])
    assert 60 <= world.finish(session) < 61
    assert agent.count(commands.KillWorker) == 2


def test_a_worker_between_two_long_tasks_does_not_stand_still() -> None:
    world = World(lambda _: Work(seconds=40.0))
    agent = world.start_agent("a", workers=1)
    session = world.submit([3])
    world.finish(session)
    assert agent.count(commands.KillWorker) == 0


@pytest.mark.parametrize("seconds", [0.01, 0.3])
def test_a_worker_whose_outcomes_are_committed_before_it_says_that_it_is_done_goes_on(seconds: float) -> None:
    world = World(lambda _: Work(seconds=seconds, lingers=0.5))
    agent = world.start_agent("a", workers=1)
    session = world.submit([1, 3, 1])
    world.finish(session)
    assert agent.count(commands.KillWorker) == 0
    assert states(world, session) == {TaskState.SUCCEEDED: 5}


def test_a_worker_that_never_says_that_it_is_done_is_replaced_though_nothing_of_its_bundle_is_left() -> None:
    world = World(lambda index: Work(lingers=1e6 if index == 0 else 0.0))
    agent = world.start_agent("a", workers=1)
    session = world.submit([1, 3])
    assert world.finish(session) < 15
    assert agent.count(commands.KillWorker) == 1


def handed_six(now: float) -> tuple[AgentCore, commands.Run]:
    """Return decisions of which a worker has tasks 0 to 5, while six more wait."""
    core, state, session = AgentCore(POLICY, lambda: 0.5), MemoryStateStore(), session_of()
    bundles = [bundle_of(session, 0, 6), bundle_of(session, 6, 12)]
    state.create(session, bundles, sealed=True)
    core._pace.learn(session.handler, 100, 0.1)
    claims = state.claim([bundle.key for bundle in bundles], agent=AgentId("a"), lease=LEASE)
    core.handle(events.Acquired(sent=now, claims=claims), now)
    [run] = [out for out in core.handle(events.WorkerReady(worker=0), now) if isinstance(out, commands.Run)]
    assert (run.start, run.stop) == (0, 6)
    return core, run


def test_what_a_worker_reports_after_it_was_taken_from_its_journal_counts_once() -> None:
    core, run = handed_six(1.0)
    bundle = core.held[0]
    block = Block(0, [None, b"1", b"2"], 0.0, [10, 10, 10], "a/0", {0: OOPS})
    report = events.WorkerReported(worker=0, run=run.run, block=block, done=False, size=300)
    core.handle(report, 1.1)
    assert (bundle.tries, bundle.size, [index for _, index in bundle.waiting]) == ({0: 1}, 300, [0])
    values = [*block.values, b"3", b"4", None]
    more = Block(0, values, 0.0, [10] * 6, "a/0", {0: OOPS, 5: OOPS})
    core.handle(msgspec.structs.replace(report, block=more, done=True, size=600), 1.2)
    # Half of what came twice was news.
    assert (bundle.tries, bundle.size) == ({0: 1, 5: 1}, 600)
    assert sorted(index for _, index in bundle.waiting) == [0, 5]


@pytest.mark.parametrize(("since", "waits"), [(None, 0.2), (0.95, 0.05), (0.9, 0.0), (-50.0, 0.0), (2.0, 0.2)])
def test_outcomes_that_were_held_up_are_committed_the_sooner(since: float | None, waits: float) -> None:
    core, run = handed_six(0.9)
    block = Block(0, [b"0"], 0.0, [10], "a/0")
    report = events.WorkerReported(worker=0, run=run.run, block=block, done=False, since=since)
    commits = [command for command in core.handle(report, 1.1) if isinstance(command, commands.Commit)]
    assert bool(commits) is (waits == 0.0)
    if not commits:
        assert core.wake_at(1.1) <= 1.1 + waits + 1e-9
        later = core.handle(events.Tick(), 1.1 + waits + 1e-9)
        assert any(isinstance(command, commands.Commit) for command in later)


def test_a_worker_that_dies_before_it_begins_costs_no_try() -> None:
    twice = iter([True, True])
    world = World(lambda index: Work(kills_on_arrival=index == 0 and next(twice, False)))
    world.start_agent("a", workers=1)
    session = world.submit([1, 1], retry=RetryPolicy(tries=1))
    world.finish(session)
    assert states(world, session) == {TaskState.SUCCEEDED: 2}


def test_a_task_that_takes_too_long_is_ended_and_its_neighbours_go_on() -> None:
    world = World(lambda index: Work(hangs=index == 2))
    world.start_agent("a")
    session = world.submit([6], timeout=timedelta(seconds=1))
    assert world.finish(session) < 6
    ended = world.ended(session)
    assert ended[2].failure is not None
    assert (ended[2].failure.type, ended[2].tries) == ("TimedOut", 3)
    assert states(world, session) == {TaskState.SUCCEEDED: 5, TaskState.FAILED: 1}


def test_the_task_behind_one_that_ended_just_in_time_is_not_blamed_for_it() -> None:
    core = AgentCore(POLICY, lambda: 0.5)
    state, session = MemoryStateStore(), session_of(timeout=timedelta(seconds=1))
    bundle = bundle_of(session, 0, 8)
    state.create(session, [bundle], sealed=True)
    claims = state.claim([bundle.key], agent=AgentId("a"), lease=timedelta(seconds=30))
    core._pace.learn(session.handler, 100, 0.1)
    core.handle(events.Acquired(sent=0.0, claims=claims), 0.0)
    (run,) = (out for out in core.handle(events.WorkerReady(worker=0), 0.0) if isinstance(out, commands.Run))
    assert (run.start, run.stop) == (0, 4)
    assert commands.KillWorker(worker=0) in core.handle(events.Tick(running={0: (0, 0.0)}), 1.01)
    # It had just gone on to the next task when the signal came.
    core.handle(events.WorkerDied(worker=0, task=1, reason="was killed by SIGKILL"), 1.02)
    (bundle_held,) = core.held
    assert bundle_held.tries == {}
    assert bundle_held.todo == Ranges.of((0, 8))


def test_workers_that_cannot_be_started_are_tried_again_for_as_long_as_it_takes() -> None:
    core, now, starts = AgentCore(POLICY, lambda: 0.5), 0.0, 0
    for _ in range(5000):
        started = commands.StartWorker(worker=0) in core.handle(events.Tick(), now)
        starts += started
        if started:
            core.handle(events.WorkerDied(worker=0, task=None, reason="could not be started"), now)
        now += 5.0
    # The waits grow, but not beyond ten seconds.
    assert 2400 < starts < 2600


def test_an_agent_sleeps_while_a_slow_store_keeps_its_heartbeat() -> None:
    core, state, session = AgentCore(POLICY, lambda: 0.5), MemoryStateStore(), session_of()
    bundle = bundle_of(session, 0, 8)
    state.create(session, [bundle], sealed=True)
    claims = state.claim([bundle.key], agent=AgentId("a"), lease=timedelta(seconds=30))
    core.handle(events.Acquired(sent=10.0, claims=claims), 10.0)
    later = 10.0 + 2 * POLICY.heartbeat
    assert core.wake_at(later) >= later + POLICY.wait


def test_an_agent_that_stops_does_not_wake_for_workers_that_it_will_not_start() -> None:
    core, state, session = AgentCore(POLICY, lambda: 0.5), MemoryStateStore(), session_of()
    bundle = bundle_of(session, 0, 8)
    state.create(session, [bundle], sealed=True)
    core.handle(events.WorkerReady(worker=0), 0.0)
    core.handle(events.Acquired(sent=0.0, claims=state.claim([bundle.key], agent=AgentId("a"), lease=LEASE)), 0.0)
    core.handle(events.Stop(), 1.0)
    core.handle(events.WorkerDied(worker=0, task=0, reason="was killed by SIGKILL"), 1.5)
    core.handle(events.Tick(), 3.0)
    assert core.wake_at(3.0) > 3.0


def test_an_agent_sleeps_until_a_commit_may_be_tried_again() -> None:
    core, state = AgentCore(msgspec.structs.replace(POLICY, flush=0.0), lambda: 1.0), MemoryStateStore()
    sessions = [session_of(), session_of()]
    bundles = [bundle_of(session, 0, 1) for session in sessions]
    for session, bundle in zip(sessions, bundles, strict=True):
        state.create(session, [bundle], sealed=True)
        [claim] = state.claim([bundle.key], agent=AgentId("a"), lease=LEASE)
        core.handle(events.Acquired(sent=0.0, claims=[claim]), 0.0)
    core.handle(events.WorkerReady(worker=0), 0.0)
    report = events.WorkerReported(worker=0, run=1, block=Block(0, [b"1"], 0.0, [1], "a/0"), done=True)
    [commit] = [out for out in core.handle(report, 0.1) if isinstance(out, commands.Commit)]
    core.handle(events.WorkerReported(worker=0, run=2, block=report.block, done=True), 0.1)
    core.handle(events.CallFailed(command=commit, error="the service cannot take it", final=True), 0.15)
    assert core.wake_at(0.16) >= 0.15 + POLICY.backoff


def test_work_that_would_wait_too_long_goes_to_other_agents() -> None:
    world = World(lambda _: Work(seconds=1.0))
    for name in "abcd":
        world.start_agent(name, workers=2)
    session = world.submit([80])
    # 80 s of work on 8 workers; a bundle that stays with its agent would take 40 s.
    assert world.finish(session) < 16
    assert set(world.begun.values()) == {1}


def test_tasks_behind_a_long_one_go_to_idle_workers() -> None:
    world = World(lambda index: Work(seconds=5.0 if index == 0 else 0.001))
    world.start_agent("a")
    warm = world.submit([100])
    world.finish(warm)
    world.work = lambda index: Work(seconds=5.0 if index == 0 else 0.001)
    session = world.submit([1000])
    world.run(3)
    assert len(world.ended(session)) == 999


def test_an_agent_does_not_hoard_behind_long_tasks() -> None:
    world = World(lambda _: Work(seconds=30.0))
    agent = world.start_agent("a")
    world.submit([1] * 50)
    world.run(10)
    assert len(agent.core.held) == 2


def test_what_is_given_back_is_not_claimed_again_at_once() -> None:
    world = World(lambda _: Work(seconds=10.0))
    agent = world.start_agent("a")
    session = world.submit([60])
    world.run(100)
    assert agent.count(commands.GiveBack) <= 8
    assert len(world.ended(session)) >= 16


def test_an_urgent_session_is_served_first() -> None:
    world = World(lambda _: Work(seconds=0.01))
    world.start_agent("a")
    world.submit([4000] * 3, priority=0)
    world.run(2)
    urgent = world.submit([2], priority=3)
    assert world.finish(urgent) < 0.2


def test_a_lost_agent_costs_an_attempt_and_no_try() -> None:
    world = World(lambda _: Work(seconds=1.0))
    first = world.start_agent("a", workers=1)
    session = world.submit([3])
    world.run(1.5)
    first.die()
    world.start_agent("b", workers=1)
    assert world.finish(session) < 30 + 10
    ended = world.ended(session)
    assert [ended[index].tries for index in range(3)] == [1, 1, 1]


def test_an_agent_that_is_cut_off_stops_by_itself_and_its_work_is_done_elsewhere() -> None:
    world = World(lambda _: Work(seconds=100.0))
    first = world.start_agent("a", workers=1)
    session = world.submit([1])
    world.run(2)
    first.cut_off = True
    world.start_agent("b", workers=1)
    world.run(45)
    assert first.core.held == []
    assert not first.looks
    first.cut_off = False
    world.finish(session)
    assert world.ended(session)[0].agent == "b"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_task_does_not_fail_for_one_in_another_bundle_of_its_agent(workers: int) -> None:
    world = World(lambda index: Work(seconds=5.0 if index else 1.0, kills_agent=index == 0))
    numbers = iter(range(1000))

    def keep_one_alive() -> None:
        if not any(agent.alive for agent in world.agents.values()):
            world.start_agent(f"a{next(numbers)}", workers=workers)
        world.at(1.0, keep_one_alive)

    keep_one_alive()
    session = world.submit([1, 1, 1])
    world.finish(session, 3000)
    ended = world.ended(session)
    assert [ended[index].state for index in range(3)] == [TaskState.FAILED, TaskState.SUCCEEDED, TaskState.SUCCEEDED]
    assert ended[0].failure is not None
    assert ended[0].failure.type == "AgentLost"
    assert sum(not agent.alive for agent in world.agents.values()) == 4


def test_a_suspect_bundle_that_comes_while_others_run_is_given_back_until_there_is_room() -> None:
    core, state = AgentCore(POLICY, lambda: 0.5), MemoryStateStore()
    sessions = [session_of(), session_of()]
    claims = []
    for session in sessions:
        bundle = bundle_of(session, 0, 1)
        state.create(session, [bundle], sealed=True)
        claims += state.claim([bundle.key], agent=AgentId("a"), lease=LEASE)
    core.handle(events.WorkerReady(worker=0), 0.0)
    out = core.handle(events.Acquired(sent=0.0, claims=claims[:1]), 0.0)
    assert any(isinstance(command, commands.Run) for command in out)
    suspect = msgspec.structs.replace(claims[1], lapses_alone=2)
    out = core.handle(events.Acquired(sent=0.1, claims=[suspect]), 0.1)
    [back] = [command for command in out if isinstance(command, commands.GiveBack)]
    assert (back.lease.key.session, [one.delay for one in back.remainders]) == (sessions[1].id, [timedelta(seconds=2)])
    given = state.give_back(back.lease, back.remainders)
    out = core.handle(events.GiveBackAnswered(key=back.lease.key, nonce=back.lease.nonce, given=given), 0.2)
    # What runs ends first, and nothing joins it meanwhile.
    assert not [command for command in out if isinstance(command, commands.Acquire | commands.Run)]


def suspects(world: World, count: int) -> SessionId:
    """Submit bundles of one task that lapsed twice."""
    session = world.submit([1] * count, hinted=False)
    for bundle in world.state._sessions[session].bundles.values():
        bundle.lapses_alone = 2
    world.hint()
    return session


def test_suspect_bundles_are_claimed_one_at_a_time_and_by_an_agent_that_holds_nothing() -> None:
    world = World()
    agents = [world.start_agent(name) for name in "ab"]
    session = suspects(world, 40)
    others = world.submit([1] * 40)

    def ended() -> bool:
        for agent in agents:
            held = agent.core.held
            assert len(held) <= 1 or not any(bundle.suspect for bundle in held)
        return all(status.finished for status in world.state.status([session, others]))

    world.run(100.0, ended)
    assert ended()
    assert set(world.begun.values()) == {2}


def test_many_suspect_bundles_take_half_of_an_agent_s_time() -> None:
    world = World(lambda _: Work(seconds=0.05))
    world.start_agent("a")
    assert world.finish(suspects(world, 400)) < 400 * (2 * 0.05 + 0.02)


def test_what_is_suspect_keeps_nothing_else_waiting_and_goes_on_too() -> None:
    world = World(lambda _: Work(seconds=0.1))
    world.start_agent("a", workers=1)
    first, second = suspects(world, 300), world.submit([1] * 300)
    world.run(20.0)
    slow, fast = (world.state.status([session])[0].succeeded for session in (first, second))
    assert fast >= 60
    assert slow >= 1
    assert slow + fast >= 150
    world.run(30.0)
    slower, faster = (world.state.status([session])[0].succeeded for session in (first, second))
    assert faster == 300
    assert slower >= slow + 50


def test_a_long_task_does_not_keep_its_agent_looking_at_what_is_suspect() -> None:
    world = World(lambda index: Work(seconds=60.0 if index == 0 else 0.01))
    agent = world.start_agent("a", workers=2)
    long = world.submit([1])
    world.run(1.0)
    session = suspects(world, 1)
    before = agent.count(commands.Acquire)
    world.run(50.0)
    assert agent.count(commands.Acquire) - before <= 100
    world.finish(long)
    world.finish(session)


def test_a_worker_that_is_being_ended_because_it_was_slow_to_start_gets_no_task() -> None:
    core, state, session = AgentCore(POLICY, lambda: 0.5), MemoryStateStore(), session_of()
    bundle = bundle_of(session, 0, 3)
    state.create(session, [bundle], sealed=True)
    late = POLICY.start + 1.0
    core.handle(events.Tick(), 0.0)
    assert commands.KillWorker(worker=0) in core.handle(events.Tick(), late)
    # It got ready just then.
    core.handle(events.WorkerReady(worker=0), late)
    claims = state.claim([bundle.key], agent=AgentId("a"), lease=LEASE)
    out = core.handle(events.Acquired(sent=late, claims=claims), late)
    assert not [command for command in out if isinstance(command, commands.Run)]
    died = events.WorkerDied(worker=0, task=None, reason="was ended by its agent", ran=timedelta(0))
    assert commands.StartWorker(worker=0) in core.handle(died, late + 0.1) + core.handle(events.Tick(), late + 1.0)


def test_a_give_back_that_is_refused_for_good_leaves_the_bundle_to_others() -> None:
    core, state, session = AgentCore(POLICY, lambda: 0.5), MemoryStateStore(), session_of()
    bundle = bundle_of(session, 0, 3)
    state.create(session, [bundle], sealed=True)
    [claim] = state.claim([bundle.key], agent=AgentId("a"), lease=LEASE)
    suspect = msgspec.structs.replace(claim, lapses=3)
    out = core.handle(events.Acquired(sent=0.0, claims=[suspect]), 0.0)
    [back] = [command for command in out if isinstance(command, commands.GiveBack)]
    core.handle(events.CallFailed(command=back, error="the service cannot take it", final=True), 0.1)
    assert core.held == []


def test_payloads_that_never_come_are_left_to_others_and_keep_no_worker_idle() -> None:
    core, state, session = AgentCore(POLICY, lambda: 0.5), MemoryStateStore(), session_of()
    bundle = bundle_of(session, 0, 3)
    stored = Bundle(key=bundle.key, stop=3, input=bundle.input.moved_to("s/in/0"))
    state.create(session, [stored], sealed=True)
    claims = state.claim([bundle.key], agent=AgentId("a"), lease=LEASE)
    core.handle(events.WorkerReady(worker=0), 0.0)
    out = core.handle(events.Acquired(sent=0.0, claims=claims), 0.0)
    assert [type(command) for command in out if isinstance(command, commands.Load | commands.Run)] == [commands.Load]
    now = 0.0
    while now < 1000:
        now += POLICY.heartbeat
        out = core.handle(events.Tick(), now)
        if any(isinstance(command, commands.GiveBack) for command in out):
            break
        if any(isinstance(command, commands.Renew) for command in out):
            renewal = state.renew([held.lease for held in core.held])
            core.handle(events.Renewed(sent=now, renewal=renewal), now)
    assert 5 * POLICY.lease < now < 20 * POLICY.lease


def test_a_poison_task_fails_alone_after_seven_agents() -> None:
    world = World(lambda index: Work(kills_agent=index == 7))
    numbers = iter(range(1000))

    def keep_two_alive() -> None:
        while sum(agent.alive for agent in world.agents.values()) < 2:
            world.start_agent(f"a{next(numbers)}", workers=2)
        world.at(1.0, keep_two_alive)

    keep_two_alive()
    session = world.submit([20])
    world.finish(session, 3000)
    ended = world.ended(session)
    assert ended[7].failure is not None
    assert ended[7].failure.type == "AgentLost"
    assert states(world, session) == {TaskState.SUCCEEDED: 19, TaskState.FAILED: 1}
    assert sum(not agent.alive for agent in world.agents.values()) == 7


def test_a_suspect_bundle_runs_one_task_at_a_time_in_order() -> None:
    world = World(lambda _: Work(seconds=0.5))
    session = world.submit([6])
    for name in "ab":
        agent = world.start_agent(name)
        world.run(0.4)
        agent.die()
        world.run(40)
    world.log.clear()
    world.start_agent("c")
    world.finish(session)
    order = [index for _, _, index in world.log]
    assert order == sorted(order)
    times = [at for at, _, _ in world.log]
    assert all(later - earlier >= 0.5 for earlier, later in pairwise(times))


def test_the_rest_of_a_suspect_bundle_is_given_back_before_its_first_task_runs() -> None:
    core, state, session = AgentCore(POLICY, lambda: 0.5), MemoryStateStore(), session_of()
    bundle = bundle_of(session, 0, 3)
    state.create(session, [bundle], sealed=True)
    [claim] = state.claim([bundle.key], agent=AgentId("a"), lease=LEASE)
    core.handle(events.WorkerReady(worker=0), 0.0)
    suspect = msgspec.structs.replace(claim, lapses=3)
    out = core.handle(events.Acquired(sent=0.0, claims=[suspect]), 0.0)
    [back] = [command for command in out if isinstance(command, commands.GiveBack)]
    assert not [command for command in out if isinstance(command, commands.Run)]
    given = state.give_back(back.lease, back.remainders)
    out = core.handle(events.GiveBackAnswered(key=bundle.key, nonce=claim.lease.nonce, given=given), 0.1)
    [run] = [command for command in out if isinstance(command, commands.Run)]
    assert (run.start, run.stop) == (0, 1)


def test_a_cancel_ends_running_work_within_a_heartbeat() -> None:
    world = World(lambda _: Work(seconds=1000.0))
    agent = world.start_agent("a")
    session = world.submit([10])
    world.run(1)
    world.state.cancel([session])
    world.run(agent.policy.heartbeat + 0.1)
    assert agent.core.held == []
    assert not agent.looks
    again = world.submit([1], timeout=timedelta(seconds=1), retry=RetryPolicy(tries=1))
    world.finish(again, 10)


def test_an_agent_that_is_told_to_stop_finishes_what_runs_and_gives_back_the_rest() -> None:
    world = World(lambda _: Work(seconds=3.0))
    first = world.start_agent("a", workers=1)
    session = world.submit([5])
    world.run(0.5)
    first.stop()
    world.start_agent("b", workers=2)
    world.run(2)
    assert any(name == "b" for _, name, _ in world.log)
    world.finish(session)
    assert first.exited_at is not None
    assert set(world.begun.values()) == {1}
    assert world.state.status([session])[0].succeeded == 5


def test_what_does_not_fit_the_grace_is_given_back_and_costs_no_try() -> None:
    world = World(lambda _: Work(seconds=100.0))
    first = world.start_agent("a", workers=1, grace=5.0)
    session = world.submit([1], retry=RetryPolicy(tries=1))
    world.run(1)
    first.stop()
    world.run(7)
    assert first.exited_at is not None
    world.start_agent("b", workers=1)
    world.finish(session)
    assert world.ended(session)[0].state is TaskState.SUCCEEDED


def test_a_second_stop_ends_the_grace() -> None:
    world = World(lambda _: Work(seconds=100.0))
    first = world.start_agent("a", workers=1)
    world.submit([1])
    world.run(1)
    first.stop()
    first.stop()
    world.run(1.5)
    assert first.exited_at is not None


def test_a_handler_that_is_not_allowed_fails_its_tasks_with_the_reason() -> None:
    world = World()
    world.start_agent("a", handlers=("pricing:*",))
    session = world.submit([3, 3])
    world.finish(session)
    failures = {ended.failure.message for ended in world.ended(session).values() if ended.failure}
    assert len(failures) == 1
    assert "'m:f' is not allowed" in failures.pop()
    assert not world.begun


@pytest.mark.parametrize("handler", ["m:f", PICKLED_CALL])
def test_an_agent_that_does_not_unpickle_fails_pickled_tasks_and_says_what_to_set(handler: str) -> None:
    world = World()
    world.start_agent("a")
    session = world.submit([3], codec="pickle", handler=handler)
    world.finish(session)
    ended = world.ended(session)
    assert {end.failure.type for end in ended.values() if end.failure} == {"PickleNotAllowed"}
    assert all(end.failure and "set 'pickle = true' in its [agent]" in end.failure.message for end in ended.values())
    assert {end.tries for end in ended.values()} == {1}
    assert not world.begun


def test_pickled_calls_are_allowed_with_pickle_and_handlers_by_their_names() -> None:
    world = World()
    world.start_agent("a", handlers=("pricing:*",), pickle=True)
    pickled = world.submit([2], codec="pickle", handler=PICKLED_CALL)
    named = world.submit([2], codec="pickle", handler="pricing:f")
    other = world.submit([2], codec="pickle", handler="m:f")
    # Whatever codec their arguments have, and whether each call has its function or the session has one.
    plain = world.submit([2], handler=PICKLED_CALL)
    carried = world.submit([2], handler="<lambda> at a.py:1", codec_options=TRAVELS)
    for session in (pickled, named, other, plain, carried):
        world.finish(session)
    for session in (pickled, named, plain, carried):
        assert world.state.status([session])[0].succeeded == 2
    assert {end.failure.type for end in world.ended(other).values() if end.failure} == {"HandlerNotAllowed"}


@pytest.mark.parametrize("options", [{"handler": PICKLED_CALL}, {"handler": "pricing:f", "codec_options": TRAVELS}])
def test_a_function_that_travels_is_refused_without_pickle_whatever_its_session_s_codec(options: Any) -> None:
    world = World()
    world.start_agent("a", handlers=("*",))
    session = world.submit([2], **options)
    world.finish(session)
    assert {end.failure.type for end in world.ended(session).values() if end.failure} == {"PickleNotAllowed"}
    assert not world.begun


def test_calls_of_an_older_client_are_refused_in_words() -> None:
    world = World()
    world.start_agent("a", handlers=("*",), pickle=True)
    former = world.submit([2], codec="pickle", handler=FORMER_PICKLED_CALL)
    world.finish(former)
    failures = {(end.failure.type, end.failure.final) for end in world.ended(former).values() if end.failure}
    assert failures == {("ClientTooOld", True)}
    (message,) = {end.failure.message for end in world.ended(former).values() if end.failure}
    assert "by an older htcgrid" in message
    assert "use the same version on both sides" in message
    assert not world.begun


@pytest.mark.parametrize("way", ["/srv/tasks/../../usr/lib/os.py:system", "/srv/tasks/./a/../../b.py:f"])
def test_no_way_up_leads_out_of_the_folder_that_a_pattern_allows(way: str) -> None:
    world = World()
    world.start_agent("a", handlers=("/srv/tasks/**:*",))
    inside, outside = world.submit([1], handler="/srv/tasks/a/b.py:f"), world.submit([1], handler=way)
    for session in (inside, outside):
        world.finish(session)
    assert world.state.status([inside])[0].succeeded == 1
    assert {end.failure.type for end in world.ended(outside).values() if end.failure} == {"HandlerNotAllowed"}


@pytest.mark.parametrize("kind", [commands.Commit, commands.GiveBack, commands.Acquire])
def test_a_store_that_fails_for_a_while_loses_nothing(kind: type[commands.Command]) -> None:
    world = World(lambda _: Work(seconds=0.3))
    agent = world.start_agent("a", heartbeat=1.0, lease=10.0)
    session = world.submit([40])
    for _ in range(20):
        world.run(0.3)
        agent.cut_off = not agent.cut_off
    agent.cut_off = False
    world.finish(session)
    assert world.state.status([session])[0].succeeded == 40
    assert agent.count(kind) > 0


@pytest.mark.parametrize("for_good", [True, False])
def test_outcomes_that_the_store_will_not_take_hold_up_no_others(for_good: bool) -> None:
    world = World()
    agent = world.start_agent("a", lease=10.0, heartbeat=2.0)
    poison = world.submit([1] * 8)
    agent.refused, agent.refused_for_good = {poison}, for_good
    sound = world.submit([1] * 40)
    assert world.finish(sound) < 30
    assert world.ended(poison) == {}


def test_a_bundle_whose_outcomes_are_refused_for_good_goes_to_another_agent() -> None:
    world = World()
    agent = world.start_agent("a", lease=10.0, heartbeat=2.0)
    session = world.submit([3])
    agent.refused = {session}
    world.run(2.0)
    assert agent.core.held == []
    world.start_agent("b")
    # The first may claim it again, and lose it again.
    assert world.finish(session) < 100
    assert {ended.agent for ended in world.ended(session).values()} == {"b"}


def test_a_bundle_whose_outcomes_nobody_can_record_now_is_kept_until_somebody_can() -> None:
    world = World()
    agent = world.start_agent("a", lease=10.0, heartbeat=2.0)
    session = world.submit([3])
    agent.refused, agent.refused_for_good = {session}, False
    world.run(60.0)
    assert world.ended(session) == {}
    agent.refused = set()
    world.finish(session)
    assert set(world.begun.values()) == {1}


def test_bundles_of_large_payloads_are_asked_for_a_few_at_a_time() -> None:
    world = World(lambda _: Work(seconds=0.001))
    agent = world.start_agent("a", acquire_bytes=1000)
    session = world.submit([1] * 400, payload=b"x" * 500)
    world.finish(session)
    asked = [command.limit for command in agent.sent if isinstance(command, commands.Acquire)]
    assert max(asked[len(asked) // 2 :]) <= 2


def test_leases_are_kept_while_a_long_task_runs() -> None:
    world = World(lambda _: Work(seconds=100.0))
    agent = world.start_agent("a")
    session = world.submit([1])
    world.finish(session)
    assert world.begun == {0: 1}
    assert 15 <= agent.count(commands.Renew) <= 25


def test_an_idle_agent_asks_at_most_twice_a_second() -> None:
    world = World()
    agent = world.start_agent("a")
    world.run(100)
    assert agent.count(commands.Acquire) <= 200


@pytest.mark.parametrize(("seconds", "share"), [(0.001, 0.04), (0.01, 0.01), (0.1, 0.004)])
def test_handing_tasks_over_costs_little_however_long_they_are(seconds: float, share: float) -> None:
    world = World(lambda _: Work(seconds=seconds))
    agent = world.start_agent("a", workers=2)
    session = world.submit([100] * 40)
    took = world.finish(session)
    # A hand-over takes about a millisecond of its worker.
    assert agent.count(commands.Run) * 0.001 < share * 2 * took
    assert took < 1.02 * (4000 * seconds / 2) + 0.1


def test_what_is_behind_a_task_goes_to_others_once_nothing_else_waits() -> None:
    # The last tasks of one portion take as long as all others together.
    world = World(lambda index: Work(seconds=1.0 if index in {10, 11} else 0.01))
    world.start_agent("a", workers=2)
    session = world.submit([100])
    assert world.finish(session) < 1.0 + 0.6
    assert set(world.begun.values()) == {1}


def test_more_urgent_tasks_wait_for_one_task_of_each_worker_at_most() -> None:
    world = World(lambda _: Work(seconds=0.02))
    world.start_agent("a", workers=2)
    world.submit([400] * 3, priority=1)
    world.run(3.0)
    urgent = world.submit([2], priority=2)
    assert world.finish(urgent) < 0.02 + 0.02 + 0.05
    world.run(20.0)
    # Nothing of the others is run twice for that.
    assert set(world.begun.values()) == {1, 2}
    assert sum(world.begun.values()) == 1202
