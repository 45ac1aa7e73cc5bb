"""A store that throttles for a minute: how soon the grid is back at work, and how much more it asks meanwhile."""

from itertools import pairwise
from random import Random

from htcgrid import Grid
from htcgrid.model import SessionId
from tests.simulation.faults import Fault, Faults
from tests.simulation.host import SimulatedHost
from tests.simulation.work import Work
from tests.simulation.world import World

AGENTS, WORKERS = 4, 4
TASKS = 6000
#: Throttled from when until when; virtual seconds.
START, STOP = 60.0, 120.0
SESSION = SessionId("steady")


class Throttling(Faults):
    """Refuses half of all calls for a while, and nothing else goes wrong."""

    def __init__(self, *, throttles: bool) -> None:
        super().__init__(Random(7))
        self.on = False
        self._throttles = throttles
        self._coin = Random(8)

    def of_call(self, now: float, *, parts: bool) -> Fault | None:
        """See :meth:`Faults.of_call`."""
        if self._throttles and START <= now < STOP and self._coin.random() < 0.5:
            self.counts[Fault.THROTTLED] += 1
            return Fault.THROTTLED
        return None


class Run:
    """A steady load on some agents."""

    def __init__(self, seed: int, *, throttles: bool) -> None:
        self.world = world = World(seed)
        world.faults = Throttling(throttles=throttles)
        world.policy |= {"workers": WORKERS, "lease": 30.0, "heartbeat": 5.0, "flush": 0.2}
        world.start_reaper()
        for _ in range(AGENTS):
            world.start_agent()
        world.start_client(self._submit)

    def _submit(self, grid: Grid, _host: SimulatedHost) -> None:
        events = [Work(number=number, seconds=1.0).event for number in range(TASKS)]
        session = grid.submit("book:price", events, id=SESSION)
        session.wait()

    def until(self, time: float) -> tuple[int, int]:
        """Let time pass; return how many tasks have ended by then, and how many requests were made."""
        self.world.scheduler.run(until=time)
        for process, thread, error in self.world.scheduler.crashes:
            raise AssertionError(f"{thread} of {process}") from error
        ended = self.world.state.status([SESSION])[0].ended
        return ended, self.world.faults.calls.total()

    def close(self) -> None:
        """End everything."""
        for agent in self.world.agents:
            agent.process.die()
        self.world.scheduler.end()


def test_after_a_minute_of_throttling_the_grid_is_back_at_once_and_asks_little_more() -> None:
    found = {}
    for throttles in (False, True):
        run = Run(1, throttles=throttles)
        try:
            found[throttles] = [run.until(time) for time in (START, STOP, STOP + 60, STOP + 120)]
        finally:
            run.close()
    calm, throttled = found[False], found[True]
    assert throttled[0] == calm[0]
    goodput = [(after[0] - before[0]) / 60 for before, after in pairwise(throttled)]
    usual = (calm[3][0] - calm[0][0]) / 180
    # In the second minute after its end, and as good as all of the first, too.
    assert goodput[2] >= 0.95 * usual
    assert goodput[1] >= 0.95 * usual
    # Half of the minute's calls were refused: what was asked for them is asked again, and little more.
    assert throttled[3][1] <= 1.2 * calm[3][1]
    assert throttled[1][1] - throttled[0][1] <= 1.2 * (calm[1][1] - calm[0][1])
