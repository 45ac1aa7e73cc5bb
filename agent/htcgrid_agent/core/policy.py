"""What an agent is told about how to work; all times are in seconds."""

import msgspec

from htcgrid.model import AgentId


class AgentPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one agent's decisions."""

    agent: AgentId
    workers: int
    lease: float
    heartbeat: float
    grace: float
    target: float
    flush: float
    #: How often it tells the state store that it is there.
    report: float = 15.0
    #: Patterns of the handlers that may be run.
    handlers: tuple[str, ...]
    #: Whether workers may unpickle.
    pickle: bool = False
    #: The workers' version of Python, as ``3.11``.
    python: str = ""
    #: The agent asks for more bundles when its workers would run dry within this: about as long as a disk or a service
    #: stands still now and then. Others may have nothing to do meanwhile, so it is well below ``target``.
    horizon: float = 0.5
    #: A worker is handed about this much work at once: handing over takes about 1 ms, and is to cost little of 100 ms
    #: tasks. It may be as long as a portion of what waits is a fair one, and what has not begun can be taken back.
    portion: float = 0.5
    #: When one task takes longer than this, what its worker has not begun may go to others.
    spread: float = 0.05
    #: How soon it is looked at which task workers are that should not begin others.
    glance: float = 0.005
    #: A worker that has tasks and is at none of them for longer than this stands still, and is ended.
    standstill: float = 10.0
    #: A worker that is not ready so long after its start is ended, too, and another is started.
    start: float = 60.0
    #: Most tasks handed to a worker at once.
    portion_tasks: int = 2048
    #: Most bundles asked for at once.
    acquire: int = 32
    #: Most bundles held, also those whose outcomes are still to be committed: each makes renewals, commits and
    #: decisions longer, and where commits take long there is no end to them.
    bundles: int = 512
    #: About how many bytes of payloads are asked for at once.
    acquire_bytes: int = 64 << 20
    #: While more bytes of outcomes than about these wait to be committed, no tasks are handed to workers, which may be
    #: faster than the payload store.
    outcome_bytes: int = 64 << 20
    #: Most children of one give-back; with the parent and the rest they fit one transaction of every store.
    children: int = 64
    #: How long a receive waits for a hint.
    wait: float = 0.5
    #: The waits after store calls that failed start here and double to a hundred times as much.
    backoff: float = 0.1
