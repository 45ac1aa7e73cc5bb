"""What is to happen in a drill."""

from enum import StrEnum

import msgspec

from htcgrid.errors import ConfigError
from htcgrid.nearest import did_you_mean


class Strike(StrEnum):
    """What a drill does to a grid."""

    AGENT_KILLED = "agent-killed"
    AGENT_TOLD_TO_STOP = "agent-told-to-stop"
    AGENT_PAUSED = "agent-paused"
    WORKER_KILLED = "worker-killed"
    WORKER_HUNG = "worker-hung"
    HINTS_DROPPED = "hints-dropped"
    HINTS_DOUBLED = "hints-doubled"
    QUEUE_EMPTIED = "queue-emptied"
    CLIENT_KILLED = "client-killed"

    @property
    def about(self) -> str:
        """What it is, in words."""
        return _ABOUT[self]


_ABOUT = {
    Strike.AGENT_KILLED: "agent killed (SIGKILL)",
    Strike.AGENT_TOLD_TO_STOP: "agent told to stop (SIGTERM)",
    Strike.AGENT_PAUSED: "agent paused past its lease (SIGSTOP)",
    Strike.WORKER_KILLED: "worker killed (SIGKILL)",
    Strike.WORKER_HUNG: "worker hung (SIGSTOP)",
    Strike.HINTS_DROPPED: "hints dropped",
    Strike.HINTS_DOUBLED: "hints doubled",
    Strike.QUEUE_EMPTIED: "queue emptied",
    Strike.CLIENT_KILLED: "client killed (SIGKILL)",
}
#: Those that strike an agent.
AGENT_STRIKES = frozenset({Strike.AGENT_KILLED, Strike.AGENT_TOLD_TO_STOP, Strike.AGENT_PAUSED})
WORKER_STRIKES = frozenset({Strike.WORKER_KILLED, Strike.WORKER_HUNG})


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much work, what befalls it, and for how long."""

    tasks: int
    #: After this many seconds nothing strikes any more.
    seconds: float
    #: What strikes; nothing when there is only to observe.
    strikes: tuple[Strike, ...]
    #: Seconds between two strikes.
    every: float = 2.0
    #: Decides what strikes when, and what tasks return.
    seed: int = 0
    agents: int = 3
    #: Worker processes of each agent.
    workers: int = 2
    pool: str
    #: Once nothing has ended for so many seconds after the last strike, what has not ended is lost.
    patience: float = 180.0

    @property
    def task_seconds(self) -> float:
        """How long a task is to take, so that all of them take about two thirds of the time.

        And so short that none loses four agents in a row, which would be blamed on it.
        """
        return min(2.0, self.every * self.agents / 8, 0.65 * self.seconds * self.agents * self.workers / self.tasks)

    @property
    def timeout(self) -> float:
        """After how many seconds a try is ended, and so a worker that hangs is replaced."""
        return 3.0 + 3 * self.task_seconds


def parse_strikes(words: str) -> tuple[Strike, ...]:
    """Return the strikes of a list as ``agent-killed,queue-emptied``; of ``all``, every one.

    Raises:
        ConfigError: there is no such strike.
    """
    names = [word.strip() for word in words.split(",") if word.strip()]
    if names == ["all"]:
        return tuple(Strike)
    known = ", ".join(Strike)
    unknown = [name for name in names if name not in set(Strike)]
    if unknown or not names:
        wrong = unknown[0] if unknown else words
        raise ConfigError(f"--faults: {wrong!r} is none of all, {known}{did_you_mean(wrong, Strike)}")
    return tuple(dict.fromkeys(Strike(name) for name in names))
