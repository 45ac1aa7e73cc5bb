"""Users who end what others submitted, and who only look."""

from htcgrid import Grid
from tests.simulation.faults import Fault
from tests.simulation.host import SimulatedHost
from tests.simulation.jobs.job import Job


class Ending(Job):
    """Cancels or deletes somebody's session, or one that has ended."""

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """Choose one, and end it."""
        facts, faults = self.world.facts, self.world.faults
        if self.session is None:
            # Most are at work then.
            host.sleep(self.random.uniform(0.0, 10.0))
            if not facts.meant:
                return
            newest = next(reversed(facts.meant))
            self.session = self.random.choice((newest, *sorted(facts.meant)))
        session = self.session
        facts.ended.add(session)
        delete = self.random.random() < 0.4
        handle = grid.session(session)
        if delete:
            handle.delete()
            faults.counts[Fault.DELETED] += 1
        else:
            counts = handle.cancel()
            faults.counts[Fault.CANCELLED] += 1
            assert counts.cancelled >= 0


class Looking(Job):
    """Looks at what there is."""

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """List sessions and agents, and look into some."""
        for _ in range(5):
            for status in grid.sessions(labels={"desk": "fx"}):
                assert status.ended + status.running <= status.total or status.session.id in self.world.facts.ended
            for agent in grid.agents():
                assert agent.report.busy <= agent.report.workers
            host.sleep(self.random.uniform(1, 20))
