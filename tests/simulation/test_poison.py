"""One in a hundred tasks crashes, hangs or takes its agent along: what that costs the others, in virtual time."""

from random import Random
from typing import Any

import pytest

from htcgrid import Grid, RetryPolicy
from htcgrid.model import SessionId, TaskState
from tests.simulation.faults import Fault, Faults
from tests.simulation.host import SimulatedHost
from tests.simulation.work import Work
from tests.simulation.world import World

AGENTS, WORKERS = 4, 4
TASKS = 2000
#: A healthy task; a try that is ended; until an agent is started in the place of a lost one; until a worker is ready.
SECONDS, TIMEOUT, RESTART, START = 0.5, 2.0, 1.0, 0.3
TRIES = 2
SESSION = SessionId("mixed")
_KINDS: tuple[dict[str, Any], ...] = ({"kills_worker": 9}, {"raises": 9}, {"hangs": 9}, {"kills_agent": True})


class Peace(Faults):
    """Nothing goes wrong but what tasks do."""

    def __init__(self) -> None:
        super().__init__(Random(7))
        self.on = False


class Run:
    """A grid whose agents are replaced, and what it made of a session."""

    def __init__(self, seed: int, works: list[Work]) -> None:
        self.world = world = World(seed)
        world.faults = Peace()
        world.policy |= {"workers": WORKERS, "lease": 4.0, "heartbeat": 1.0, "flush": 0.2}
        world.start_reaper()
        for _ in range(AGENTS):
            self._keep()
        self._works = works
        self.done = False
        #: When the last healthy task ended, as far as its client knows.
        self.healthy_ended = 0.0
        world.start_client(self._submit)

    def _keep(self) -> None:
        agent = self.world.start_agent()
        agent.process.on_death.append(lambda: self.world.later(RESTART, self._keep))

    def _submit(self, grid: Grid, _host: SimulatedHost) -> None:
        retry = RetryPolicy(tries=TRIES)
        events = [work.event for work in self._works]
        session = grid.submit("book:price", events, id=SESSION, timeout=TIMEOUT, retry=retry)
        for outcome in session.outcomes():
            failed = outcome.state is not TaskState.SUCCEEDED
            assert failed is (self._works[outcome.index] != _healthy(outcome.index))
            self.healthy_ended = self.healthy_ended if failed else self.world.scheduler.now
        self.done = True

    def seconds(self) -> float:
        """Return after how long all healthy tasks have ended; all others are waited for, too."""
        world = self.world
        while not self.done:
            world.scheduler.run(until=world.scheduler.now + 0.1)
            for process, thread, error in world.scheduler.crashes:
                raise AssertionError(f"{thread} of {process}") from error
            assert world.scheduler.now < 10_000
        return self.healthy_ended

    def close(self) -> None:
        """End everything."""
        for agent in self.world.agents:
            agent.process.on_death.clear()
            agent.process.die()
        self.world.scheduler.end()


def _healthy(number: int) -> Work:
    return Work(number=number, seconds=SECONDS)


@pytest.mark.parametrize("seed", [1, 2])
def test_one_bad_task_in_a_hundred_costs_the_others_no_more_than_it_took(seed: int) -> None:
    random = Random(seed)
    works = [_healthy(number) for number in range(TASKS)]
    for place, number in enumerate(random.sample(range(TASKS), TASKS // 100)):
        works[number] = Work(number=number, seconds=SECONDS, **_KINDS[place % len(_KINDS)])
    times, lost = [], 0
    for tasks in ([_healthy(number) for number in range(TASKS)], works):
        run = Run(seed, tasks)
        try:
            times.append(run.seconds())
            lost = run.world.faults.counts[Fault.AGENT_KILLED_BY_TASK]
        finally:
            run.close()
    bad = TASKS // 100 / len(_KINDS)
    # What the bad tasks kept workers from: their tries, with the starts of the workers that they end, and, for each
    # agent that is lost, what its workers were at, the wait until it has no other task, the bad one's run, and the time
    # until there is another agent.
    tries = bad * TRIES * (SECONDS + START + SECONDS + TIMEOUT + START)
    agents = lost * WORKERS * (SECONDS + SECONDS + SECONDS + RESTART + START)
    assert times[1] <= times[0] + (tries + agents) / (AGENTS * WORKERS) + 3.0
