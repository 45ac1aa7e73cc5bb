"""What a compute backend tells of the agents that it runs."""

from datetime import datetime

import msgspec

from htcgrid.model import defaults
from htcgrid.model.bundle import AgentId


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """Agents with one image and one queue."""

    name: str = defaults.POOL
    #: Workers of each agent; None for one per core that it may use.
    workers: int | None = None
    #: Variables of the agents' environment, beside those that they have anyway.
    environment: dict[str, str] = {}


class AgentInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One agent, as its compute backend sees it."""

    id: AgentId
    pool: str
    started: datetime
    host: str
    pid: int | None = None
    #: Whether it was told to stop and is finishing.
    draining: bool = False
