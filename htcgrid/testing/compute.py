"""The contract of a compute backend."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import ClassVar

import msgspec
import pytest

from htcgrid.errors import AgentNotFoundError
from htcgrid.interfaces import ComputeBackend
from htcgrid.model import AgentId, AgentInfo, Pool
from htcgrid.testing.contract import Contract
from htcgrid.testing.samples import new_id


class ComputeBackendContract(Contract):
    """What a compute backend is. Give it a fixture ``compute``: an open backend that can really start agents."""

    #: How long agents may take to start or to end, and the pause between two looks.
    patience: ClassVar[timedelta] = timedelta(seconds=30)
    pause: ClassVar[timedelta] = timedelta(milliseconds=50)

    @pytest.fixture
    def compute(self) -> ComputeBackend:
        """Return the backend under test."""
        raise NotImplementedError(
            f"{type(self).__name__} must have a fixture `compute` that returns an open ComputeBackend"
        )

    @pytest.fixture
    def pool(self, compute: ComputeBackend) -> Iterator[str]:
        """Apply a small pool of a fresh name, and drain it afterwards."""
        name = new_id()
        compute.apply(Pool(name=name, workers=1))
        yield name
        compute.scale(name, 0)
        self.until(lambda: not compute.agents(name))

    def until(self, condition: Callable[[], bool]) -> None:
        """Return when ``condition`` holds, which it must after some time."""
        deadline = time.monotonic() + self.patience.total_seconds()
        while not condition():
            assert time.monotonic() < deadline, f"it was not so after {self.patience}"
            time.sleep(self.pause.total_seconds())

    def staying(self, compute: ComputeBackend, pool: str) -> list[AgentInfo]:
        """Return the agents of a pool that are not draining."""
        return [agent for agent in compute.agents(pool) if not agent.draining]

    def scaled(self, compute: ComputeBackend, pool: str, count: int) -> list[AgentId]:
        """Scale a pool, and wait until it has that many agents that are not draining; return their ids, sorted."""
        compute.scale(pool, count)
        self.until(lambda: len(self.staying(compute, pool)) == count)
        return sorted(agent.id for agent in self.staying(compute, pool))

    def test_a_new_pool_has_no_agents(self, compute: ComputeBackend, pool: str) -> None:
        assert compute.agents(pool) == []

    def test_a_pool_that_nobody_applied_has_no_agents(self, compute: ComputeBackend) -> None:
        assert compute.agents(new_id()) == []

    def test_a_pool_grows_to_the_count(self, compute: ComputeBackend, pool: str) -> None:
        assert len(set(self.scaled(compute, pool, 2))) == 2

    def test_an_agent_says_what_and_where_it_is(self, compute: ComputeBackend, pool: str) -> None:
        self.scaled(compute, pool, 1)
        [agent] = compute.agents(pool)
        assert agent.id
        assert agent.host
        assert (agent.pool, agent.draining) == (pool, False)
        assert agent.started.tzinfo is not None

    def test_agents_that_run_stay_when_a_pool_grows(self, compute: ComputeBackend, pool: str) -> None:
        before = set(self.scaled(compute, pool, 1))
        assert before < set(self.scaled(compute, pool, 2))

    def test_repeating_a_scale_changes_nothing(self, compute: ComputeBackend, pool: str) -> None:
        assert self.scaled(compute, pool, 2) == self.scaled(compute, pool, 2)

    def test_a_pool_shrinks_to_the_count(self, compute: ComputeBackend, pool: str) -> None:
        before = set(self.scaled(compute, pool, 2))
        assert set(self.scaled(compute, pool, 1)) < before
        self.until(lambda: len(compute.agents(pool)) == 1)

    def test_a_pool_shrinks_to_nothing_and_grows_again(self, compute: ComputeBackend, pool: str) -> None:
        before = self.scaled(compute, pool, 1)
        self.scaled(compute, pool, 0)
        self.until(lambda: not compute.agents(pool))
        assert self.scaled(compute, pool, 1) != before

    def test_applying_a_pool_disturbs_no_agent(self, compute: ComputeBackend, pool: str) -> None:
        before = self.scaled(compute, pool, 1)
        compute.apply(Pool(name=pool, workers=1))
        compute.apply(msgspec.structs.replace(Pool(name=pool), workers=2))
        assert [agent.id for agent in self.staying(compute, pool)] == before

    def test_an_agent_that_is_drained_ends_and_the_others_stay(self, compute: ComputeBackend, pool: str) -> None:
        drained, kept = self.scaled(compute, pool, 2)
        compute.drain([drained])
        assert drained not in {agent.id for agent in self.staying(compute, pool)}
        self.until(lambda: [agent.id for agent in compute.agents(pool)] == [kept])

    def test_an_agent_that_drains_is_not_counted(self, compute: ComputeBackend, pool: str) -> None:
        [first] = self.scaled(compute, pool, 1)
        compute.drain([first])
        assert first not in self.scaled(compute, pool, 1)

    def test_draining_what_is_gone_is_fine(self, compute: ComputeBackend, pool: str) -> None:
        [agent] = self.scaled(compute, pool, 1)
        for _ in range(2):
            compute.drain([agent, AgentId(new_id())])
        self.until(lambda: not compute.agents(pool))
        compute.drain([agent])
        compute.drain([])

    def test_pools_are_apart(self, compute: ComputeBackend, pool: str) -> None:
        other = new_id()
        compute.apply(Pool(name=other, workers=1))
        try:
            mine, theirs = self.scaled(compute, pool, 1), self.scaled(compute, other, 1)
            compute.scale(pool, 0)
            self.until(lambda: not compute.agents(pool))
            assert [agent.id for agent in compute.agents(other)] == theirs != mine
        finally:
            compute.scale(other, 0)

    def test_an_agent_s_log_can_be_read(self, compute: ComputeBackend, pool: str) -> None:
        [agent] = self.scaled(compute, pool, 1)
        self.until(lambda: bool(list(compute.logs(agent))))
        assert not any("\n" in line for line in compute.logs(agent))

    def test_no_more_lines_of_a_log_come_than_are_asked_for(self, compute: ComputeBackend, pool: str) -> None:
        [agent] = self.scaled(compute, pool, 1)
        self.until(lambda: bool(list(compute.logs(agent))))
        assert len(list(compute.logs(agent, tail=1))) == 1
        assert list(compute.logs(agent, tail=0)) == []

    def test_a_log_that_is_followed_ends_with_its_agent(self, compute: ComputeBackend, pool: str) -> None:
        [agent] = self.scaled(compute, pool, 1)
        self.until(lambda: bool(list(compute.logs(agent))))
        lines = compute.logs(agent, follow=True)
        assert next(lines)
        compute.drain([agent])
        for line in lines:
            assert "\n" not in line
        self.until(lambda: not compute.agents(pool))

    def test_the_log_of_an_agent_that_nobody_knows_is_an_error(self, compute: ComputeBackend) -> None:
        for follow in (False, True):
            with pytest.raises(AgentNotFoundError):
                compute.logs(AgentId(new_id()), follow=follow)
