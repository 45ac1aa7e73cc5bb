"""What agents tell of themselves, and what the state store tells of bundles, for people who ask why."""

import math
from datetime import datetime, timedelta

import msgspec

from htcgrid.model import defaults
from htcgrid.model.bundle import AgentId, BundleKey
from htcgrid.model.decoding import Count, Seconds, check_within
from htcgrid.model.ranges import Ranges
from htcgrid.model.session import SessionId


class TaskFault(msgspec.Struct, frozen=True, kw_only=True):
    """A try that went wrong, of a task that may be tried again."""

    session: SessionId
    index: Count
    #: The tries that the task has behind it.
    tries: Count
    #: As in :class:`Failure`.
    type: str
    message: str
    #: When, in seconds since the epoch by the agent's clock.
    at: Seconds


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent holds of one session."""

    session: SessionId
    bundles: Count
    #: Tasks that wait, wait for another try, or run.
    tasks: Count


class AgentReport(msgspec.Struct, frozen=True, kw_only=True):
    """An agent about itself."""

    id: AgentId
    pool: str = defaults.POOL
    host: str = ""
    pid: Count = 0
    #: The versions of htcgrid and of Python that it runs.
    version: str = ""
    python: str = ""
    started: datetime
    #: Worker processes, and how many of them are at work.
    workers: Count = 0
    busy: Count = 0
    #: What it holds, most tasks first, the first dozens only.
    holds: tuple[Holding, ...] = ()
    #: Outcomes that it committed since it started.
    succeeded: Count = 0
    failed: Count = 0
    #: Whether it was told to stop, and whether it has.
    draining: bool = False
    ended: bool = False
    #: Patterns of the handlers that it runs.
    handlers: tuple[str, ...] = ()
    #: How often it reports.
    interval: timedelta = defaults.REPORT
    #: The last tries that went wrong, newest first.
    faults: tuple[TaskFault, ...] = ()
    #: By handler, of those that it ran last: the digest of the module's code, as outcomes have it.
    code: dict[str, str] = {}
    #: Files of code that were edited since its workers imported them, which they run as they were.
    edited: tuple[str, ...] = ()
    #: What its calls to the grid's services have come to since it started, as :meth:`Provided.usage` tells it.
    usage: dict[str, float] = {}
    schema: int = defaults.SCHEMA


def check_report(report: AgentReport) -> None:
    """Refuse a report that no agent of this version would give, and that could not be reckoned with.

    Raises:
        ValueError: it is one.
    """
    check_within("interval", report.interval)
    if report.started.tzinfo is None:
        raise ValueError("the time when it was started has no time zone")
    if not all(map(math.isfinite, report.usage.values())):
        raise ValueError("its usage is not finite")


class AgentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An agent, as the state store knows it."""

    report: AgentReport
    #: How long ago the store was told so, by its own clock where it has one.
    silent: timedelta

    @property
    def alive(self) -> bool:
        """Whether it is there, as far as can be told: two reports may be late."""
        return not self.report.ended and self.silent < 3 * self.report.interval

    @property
    def state(self) -> str:
        """READY, DRAINING, ENDED or LOST."""
        if self.report.ended:
            return "ENDED"
        if not self.alive:
            return "LOST"
        return "DRAINING" if self.report.draining else "READY"


class BundleStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle with tasks that have no outcome."""

    key: BundleKey
    #: Those tasks.
    open: Ranges
    #: Who holds it; None while it is pending.
    agent: AgentId | None
    #: Claims so far.
    attempt: int
    #: Lapses with several open tasks, and with one.
    lapses: int = 0
    lapses_alone: int = 0
    tries: dict[int, int] = {}
    #: Until a pending bundle may be claimed; zero when it may be now.
    delay: timedelta = timedelta(0)
