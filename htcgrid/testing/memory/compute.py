"""The compute backend in memory."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import RLock
from typing import Self

import msgspec

from htcgrid.interfaces import ComputeBackend, Source
from htcgrid.model import AgentId, AgentInfo, Pool
from htcgrid.testing.clock import Clock

#: Tells an agent to give back what it holds and end.
Drain = Callable[[], None]
#: Starts an agent of a pool; whoever runs it says :meth:`MemoryComputeBackend.ended` when it has ended.
Start = Callable[[Pool, AgentId], Drain]


class MemoryComputeBackend(ComputeBackend):
    """Agents as plain records; ``start`` makes something run behind each, else they only are there."""

    class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """There is nothing to set."""

    def __init__(self, *, start: Start | None = None, clock: Clock = time.time) -> None:
        """Run nothing yet."""
        self._start = start
        self._clock = clock
        self._started = 0
        self._pools: dict[str, Pool] = {}
        self._agents: dict[AgentId, AgentInfo] = {}
        self._drains: dict[AgentId, Drain] = {}
        self._lock = RLock()

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> Self:  # noqa: ARG003 - there is nothing to set
        """Return a backend without agents."""
        return cls()

    def apply(self, pool: Pool) -> None:
        """See :meth:`ComputeBackend.apply`."""
        with self._lock:
            self._pools[pool.name] = pool

    def scale(self, pool: str, count: int) -> None:
        """See :meth:`ComputeBackend.scale`."""
        with self._lock:
            running = [agent.id for agent in self.agents(pool) if not agent.draining]
            self.drain(running[count:])
            for _ in range(count - len(running)):
                self._start_one(self._pools.get(pool) or Pool(name=pool))

    def agents(self, pool: str) -> list[AgentInfo]:
        """See :meth:`ComputeBackend.agents`."""
        with self._lock:
            return [agent for agent in self._agents.values() if agent.pool == pool]

    def drain(self, agents: Sequence[AgentId]) -> None:
        """See :meth:`ComputeBackend.drain`."""
        with self._lock:
            for agent in agents:
                if agent in self._agents and not self._agents[agent].draining:
                    self._agents[agent] = msgspec.structs.replace(self._agents[agent], draining=True)
                    self._drains.get(agent, lambda agent=agent: self.ended(agent))()

    def ended(self, agent: AgentId) -> None:
        """Forget an agent that has ended, told to or not."""
        with self._lock:
            self._agents.pop(agent, None)
            self._drains.pop(agent, None)

    def _start_one(self, pool: Pool) -> None:
        self._started += 1
        agent = AgentId(f"{pool.name}-{self._started}")
        started = datetime.fromtimestamp(self._clock(), UTC)
        self._agents[agent] = AgentInfo(id=agent, pool=pool.name, started=started, host="memory")
        if self._start is not None:
            self._drains[agent] = self._start(pool, agent)
