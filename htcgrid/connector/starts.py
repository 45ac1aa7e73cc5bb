"""The starts of an embedded grid's agents: how many went wrong in a row, and what the last one said."""

import resource
from collections.abc import Iterator

from htcgrid.errors import AgentNotStartedError, HtcGridError
from htcgrid.interfaces import ComputeBackend
from htcgrid.model import AgentId, defaults

#: So many starts in a row that went wrong are no accident.
_ENOUGH = 3
#: An agent that has begun its work says so; one that has said more than so many lines has, too.
_READY, _LINES = '"agent ready"', 1000
#: How much of what the last one said is told: lines, and letters of each.
_TAIL, _LENGTH = 12, 400
#: What the operating system, Python and agents say when there are too few descriptors.
_DESCRIPTORS = ("Too many open files", "descriptors")


class Starts:
    """Keeps one agent running, and tells those who wait when agents end before they are ready, time after time.

    :meth:`keep` is for one thread, :meth:`check` for all others.
    """

    def __init__(self, compute: ComputeBackend) -> None:
        self._compute = compute
        #: The agents that run, as of the last look.
        self._running: set[AgentId] = set()
        #: Starts in a row that went wrong.
        self._failed = 0
        self._problem: str | None = None
        #: Whether an agent was ever seen to be ready.
        self._worked = False

    def start(self) -> None:
        """Start an agent, if none is there."""
        self._compute.scale(defaults.POOL, 1)
        self._running = self._look()

    def keep(self) -> bool:
        """See to it that an agent runs; return whether one did.

        A task may take its agent along, and others wait behind it. Agents that run again after starts that went wrong
        make good for these: there may have been no memory for a while.

        Raises:
            HtcGridError: the folder cannot be read now; whoever submits or waits is told.
        """
        try:
            running = self._look()
        except HtcGridError as error:
            # Whether the agent still runs cannot be told; as long as none was ever ready, there is nothing to hope for.
            if not self._worked:
                self._fail(str(error))
            raise
        for agent in self._running - running:
            self._ended(agent)
        if (self._failed or not self._worked) and any(_was_ready(self._lines(agent)) for agent in running):
            self._failed, self._problem, self._worked = 0, None, True
        self._running = running
        try:
            self.start()
        except HtcGridError as error:
            if not running:
                self._fail(str(error))
            raise
        return bool(running)

    def check(self) -> None:
        """Raise when agents cannot be started.

        Raises:
            AgentNotStartedError: three in a row ended before they were ready, and none is by now.
        """
        if (problem := self._problem) is not None:
            raise AgentNotStartedError(problem)

    def _look(self) -> set[AgentId]:
        return {agent.id for agent in self._compute.agents(defaults.POOL)}

    def _ended(self, agent: AgentId) -> None:
        lines = self._lines(agent)
        if _was_ready(lines):
            self._failed = 0
        else:
            shown = [line[:_LENGTH] for line in lines[-_TAIL:] if line.strip()]
            self._fail("\n    ".join(shown) or "(nothing)")

    def _fail(self, said: str) -> None:
        self._failed += 1
        if self._failed >= _ENOUGH:
            self._problem = (
                f"the agent of this embedded grid ended {self._failed} times in a row before it was ready, so no task "
                f"runs; {''.join(_advice(said))}. The last one said:\n    {said}"
            )

    def _lines(self, agent: AgentId) -> list[str]:
        try:
            return list(self._compute.logs(agent, tail=_LINES))
        except HtcGridError as error:
            return [str(error)]


def _was_ready(lines: list[str]) -> bool:
    return len(lines) >= _LINES or any(_READY in line for line in lines)


def _advice(said: str) -> Iterator[str]:
    if any(words in said for words in _DESCRIPTORS):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit = f"{soft}" if soft == hard else f"{soft}, and may be {hard}"
        yield f"there are too few descriptors for it: raise their limit, which 'ulimit -n' sets (it is {limit} here)"
    else:
        yield "see to what it said, and open the grid again"
