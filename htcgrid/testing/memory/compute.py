"""The compute backend in memory."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from threading import Condition, RLock
from typing import Self

import msgspec

from htcgrid.errors import AgentNotFoundError
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
        self._logs: dict[AgentId, list[str]] = {}
        self._logged = Condition(self._lock)

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
                    self._log(agent, "stopping")
                    self._drains.get(agent, lambda agent=agent: self.ended(agent))()

    def logs(self, agent: AgentId, *, tail: int = 100, follow: bool = False) -> Iterator[str]:
        """See :meth:`ComputeBackend.logs`. What is logged is when an agent starts, is told to stop, and ends."""
        with self._lock:
            if agent not in self._logs:
                raise AgentNotFoundError(f"no agent {agent!r} was started here")
            lines = self._logs[agent][-tail:] if tail > 0 else []
            read = len(self._logs[agent])
        return chain(lines, self._following(agent, read)) if follow else iter(lines)

    def _following(self, agent: AgentId, read: int) -> Iterator[str]:
        while True:
            with self._logged:
                while len(self._logs[agent]) == read and agent in self._agents:
                    self._logged.wait()
                fresh = self._logs[agent][read:]
            if not fresh:
                return
            read += len(fresh)
            yield from fresh

    def _log(self, agent: AgentId, line: str) -> None:
        self._logs.setdefault(agent, []).append(line)
        self._logged.notify_all()

    def ended(self, agent: AgentId) -> None:
        """Forget an agent that has ended, told to or not."""
        with self._lock:
            if self._agents.pop(agent, None) is not None:
                self._log(agent, "agent ended")
            self._drains.pop(agent, None)

    def _start_one(self, pool: Pool) -> None:
        self._started += 1
        agent = AgentId(f"{pool.name}-{self._started}")
        started = datetime.fromtimestamp(self._clock(), UTC)
        self._agents[agent] = AgentInfo(id=agent, pool=pool.name, started=started, host="memory")
        self._log(agent, "agent started")
        if self._start is not None:
            self._drains[agent] = self._start(pool, agent)
