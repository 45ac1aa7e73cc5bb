"""What the agent tells of itself, and when."""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable

from htcgrid.model import Failure, Holding, SessionId, TaskFault
from htcgrid_agent.core.commands import Register
from htcgrid_agent.core.crew import Crew
from htcgrid_agent.core.held import HeldBundle
from htcgrid_agent.core.policy import AgentPolicy


class Reporter:
    """Reports when the agent starts, every now and then, and when it is told to stop; one report at a time.

    What was reported is never older than a heartbeat: news is told then, and only to say the same takes longer.
    """

    #: Most tries that went wrong, and most sessions, that one report tells of.
    _FAULTS = 20
    _HOLDS = 32
    _MESSAGE = 500
    #: Most handlers whose code it tells of.
    _CODE = 32

    def __init__(self, policy: AgentPolicy, crew: Crew) -> None:
        self._policy = policy
        self._crew = crew
        self._at = 0.0
        #: When it is looked whether there is news.
        self._look_at = 0.0
        self._told: Register | None = None
        self._under_way = False
        self._draining = False
        self._faults: deque[TaskFault] = deque(maxlen=self._FAULTS)
        self._code: OrderedDict[str, str] = OrderedDict()
        #: The edited files that the last report told of.
        self._edited: tuple[str, ...] = ()
        self.succeeded = 0
        self.failed = 0

    def wake_at(self) -> list[float]:
        """Return when the next report is due."""
        return [] if self._under_way else [min(self._at, self._look_at)]

    def note(self, bundle: HeldBundle, index: int, tries: int, failure: Failure, at: float) -> None:
        """Remember a try that went wrong."""
        self._faults.appendleft(
            TaskFault(
                session=bundle.session.id,
                index=index,
                tries=tries,
                type=failure.type,
                message=failure.message[: self._MESSAGE],
                at=at,
            )
        )

    def ran(self, handler: str, code: str) -> None:
        """Remember the digest of the code that a handler was run with."""
        self._code[handler] = code
        self._code.move_to_end(handler)
        if len(self._code) > self._CODE:
            self._code.popitem(last=False)

    def next(self, held: Iterable[HeldBundle], now: float, *, draining: bool) -> Register | None:
        """Return the report to send now, if any."""
        if self._under_way:
            return None
        edited = self._crew.edited
        urgent = (draining and not self._draining) or edited != self._edited
        if now < min(self._at, self._look_at) and not urgent:
            return None
        self._draining, self._edited = draining, edited
        self._look_at = now + self._policy.heartbeat
        report = self._report(held, ended=False)
        if now < self._at and not urgent and report == self._told:
            return None
        self._under_way, self._told = True, report
        self._at = now + self._policy.report
        return report

    def last(self) -> Register:
        """Return the report that the agent has ended."""
        return self._report((), ended=True)

    def answered(self, *, arrived: bool = True) -> None:
        """Note that a report arrived, or that it did not: the next one says what it said, and is due at once."""
        self._under_way = False
        if not arrived:
            self._told = None

    def _report(self, held: Iterable[HeldBundle], *, ended: bool) -> Register:
        return Register(
            workers=self._policy.workers,
            busy=len(self._crew.busy),
            holds=self._holds(held),
            succeeded=self.succeeded,
            failed=self.failed,
            draining=self._draining or ended,
            ended=ended,
            faults=tuple(self._faults),
            code=dict(self._code),
            edited=self._edited,
        )

    def _holds(self, held: Iterable[HeldBundle]) -> tuple[Holding, ...]:
        bundles, tasks = Counter[SessionId](), Counter[SessionId]()
        for bundle in held:
            bundles[bundle.session.id] += 1
            tasks[bundle.session.id] += bundle.unended
        return tuple(
            Holding(session=session, bundles=bundles[session], tasks=count)
            for session, count in tasks.most_common(self._HOLDS)
        )
