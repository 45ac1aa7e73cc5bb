"""A session: a client's group of tasks, submitted, watched and cancelled together."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NewType

import msgspec

from htcgrid.errors import ConfigError
from htcgrid.model import defaults
from htcgrid.model.name import check_name
from htcgrid.model.python_client import PYTHON
from htcgrid.model.retrying import Errors, Wait, is_text, names_of, wait_of
from htcgrid.model.spelled import spelled
from htcgrid.model.table import table
from htcgrid.plain_text import plain

#: The name of a session: text of letters, digits, ``.``, ``_`` and ``-``.
SessionId = NewType("SessionId", str)

#: Most labels of a session, and most letters of each word in them: they stand in a record that is read often.
_LABELS = 32
_WORD = 200
#: The longest that a session may be kept: more would not fit into every store's times.
_KEEP_LIMIT = timedelta(days=36_500)
#: Most bytes of the codec's options, as JSON: they stand in that record, too.
_OPTIONS = 8_000
#: Most exceptions of each kind in a retry policy.
_ERRORS = 32
#: Most letters of a handler's name: a path and a function.
_HANDLER = 1000


class SessionState(StrEnum):
    """Whether a session takes more tasks."""

    #: It takes more tasks.
    OPEN = "OPEN"
    #: It has all its tasks.
    SEALED = "SEALED"
    #: It takes none, and none of its tasks gets an outcome any more.
    CANCELLED = "CANCELLED"


class KeepOutput(StrEnum):
    """Of which tasks the grid keeps what their handlers printed."""

    #: Of those that fail.
    FAILED = "failed"
    #: Of all.
    ALL = "all"
    #: Of none.
    NONE = "none"


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a task whose try went wrong is tried again.

    The wait before try ``n + 1`` is ``backoff * 2 ** (n - 1)``, at most ``limit``, times a random factor between
    0.5 and 1, so that retries neither come in waves nor at once ("equal jitter" in the AWS Architecture Blog,
    "Exponential Backoff And Jitter", 2015).
    """

    #: Runs of the handler in all; 1 means no retry.
    tries: int = defaults.TRIES
    #: The wait before the second try, which doubles with each further one; a number is seconds.
    backoff: timedelta = defaults.BACKOFF
    #: The longest wait before a try; a number is seconds.
    limit: timedelta = defaults.BACKOFF_LIMIT
    #: Exceptions that are tried again: classes, or their names, as ``OSError`` or
    #: ``pricing.curves.StaleCurve``, which is what is kept; those derived from them count.
    #: ``TimedOut`` and ``WorkerDied`` are the grid's own. With ``only``, nothing else is tried again.
    only: tuple[str, ...] = ()
    #: Exceptions that are not tried again; it wins over ``only``.
    never: tuple[str, ...] = ()

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            tries: int = defaults.TRIES,
            backoff: Wait = defaults.BACKOFF,
            limit: Wait = defaults.BACKOFF_LIMIT,
            only: Errors = (),
            never: Errors = (),
        ) -> None: ...

    def __post_init__(self) -> None:
        if isinstance(self.tries, bool) or not isinstance(self.tries, int) or not 1 <= self.tries <= 1000:
            raise ConfigError(f"retry tries must be a whole number from 1 to 1000, not {spelled(self.tries)}")
        # As they are read back: two policies that mean the same are the same.
        msgspec.structs.force_setattr(self, "backoff", wait_of("backoff", self.backoff))
        msgspec.structs.force_setattr(self, "limit", wait_of("limit", self.limit))
        msgspec.structs.force_setattr(self, "only", names_of("only", self.only, most=_ERRORS))
        msgspec.structs.force_setattr(self, "never", names_of("never", self.never, most=_ERRORS))

    def _repr_html_(self) -> str:
        rows = {
            "tries": self.tries,
            "backoff": f"{self.backoff.total_seconds():g} s",
            "limit": f"{self.limit.total_seconds():g} s",
            "only": ", ".join(self.only),
            "never": ", ".join(self.never),
        }
        return table("retry policy", rows)

    def retries(self, names: Iterable[str]) -> bool:
        """Return whether an error that goes by all these names is tried again, if tries are left."""
        found = frozenset(names)
        return found.isdisjoint(self.never) and not (self.only and found.isdisjoint(self.only))

    def wait(self, tries: int, jitter: float) -> timedelta:
        """Return the wait after ``tries`` tries; ``jitter`` is between 0 and 1."""
        # In seconds: a timedelta ends at 2.7 million years, which 2 ** 47 seconds are more than.
        doubled = self.backoff.total_seconds() * 2.0 ** min(tries - 1, 60)
        return timedelta(seconds=min(self.limit.total_seconds(), doubled) * (0.5 + jitter / 2))


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asked for: how the tasks of this session are run."""

    id: SessionId
    #: ``module:function`` or ``/path/of/file.py:function``.
    handler: str
    created: datetime
    pool: str = defaults.POOL
    #: 0 to 3, higher first.
    priority: int = defaults.PRIORITY
    retry: RetryPolicy = RetryPolicy()
    #: The longest that one try of one task may take; None for no limit.
    timeout: timedelta | None = None
    #: How payloads and results are encoded.
    codec: str = "json"
    #: What the codec, and the runtime of the client's language, need to know beside that; nothing else reads it.
    codec_options: dict[str, Any] = {}
    labels: dict[str, str] = {}
    #: How long the session is kept after its last task has ended.
    keep_for: timedelta = defaults.KEEP_FOR
    #: Of which tasks what the handler printed is kept with the outcome.
    output: KeepOutput = KeepOutput.FAILED
    #: Whether each payload is a call's arguments, and not an event.
    calls: bool = False
    #: The session whose failed tasks these are, in their order, submitted again.
    origin: SessionId | None = None
    schema: int = defaults.SCHEMA

    def __post_init__(self) -> None:
        check_name("session id", self.id)
        check_name("pool", self.pool)
        if self.origin is not None:
            check_name("session id", self.origin)
        priority = self.priority
        if isinstance(priority, bool) or not isinstance(priority, int) or not 0 <= priority <= defaults.PRIORITY_LIMIT:
            raise ConfigError(
                f"priority must be a whole number from 0 to {defaults.PRIORITY_LIMIT}, not {spelled(priority)}"
            )
        # A field of another type would be stored, and be read by nobody.
        if not is_text(self.handler, _HANDLER) or not self.handler:
            raise ConfigError(
                f"a handler's name must have 1 to {_HANDLER} letters that UTF-8 has, not {spelled(self.handler)}"
            )
        if not isinstance(self.retry, RetryPolicy):
            raise ConfigError(f"retry must be a RetryPolicy, as RetryPolicy(tries=3), not {spelled(self.retry)}")
        if self.timeout is not None and (not isinstance(self.timeout, timedelta) or self.timeout <= timedelta(0)):
            raise ConfigError(f"timeout must be a timedelta of more than zero, not {spelled(self.timeout)}")
        if not isinstance(self.keep_for, timedelta) or not timedelta(0) <= self.keep_for <= _KEEP_LIMIT:
            raise ConfigError(
                f"keep_for must be a timedelta from zero to {_KEEP_LIMIT.days} days, not {spelled(self.keep_for)}"
            )
        if not _is_small(self.codec_options, _OPTIONS):
            raise ConfigError(f"codec options must be a dict of at most {_OPTIONS} bytes as JSON")
        words = [word for label in self.labels.items() for word in label] if isinstance(self.labels, dict) else [None]
        if not all(is_text(word, _WORD) for word in words) or len(words) > 2 * _LABELS:
            raise ConfigError(f"labels must be at most {_LABELS} pairs of strings of at most {_WORD} letters each")

    @property
    def digest(self) -> str:
        """The digest of what makes two submissions under one id the same: all but when, and by which client."""
        route = (self.id, self.handler, self.pool, self.priority)
        options = {name: value for name, value in self.codec_options.items() if name != PYTHON}
        terms: tuple[object, ...] = (self.retry, self.timeout, self.codec, options, self.labels, self.keep_for)
        terms += (self.output,)
        terms += (self.calls,) if self.origin is None else (self.calls, self.origin)
        return hashlib.sha256(msgspec.json.encode((*route, *terms), order="deterministic")).hexdigest()


def _is_small(value: object, limit: int) -> bool:
    try:
        return isinstance(value, dict) and len(msgspec.json.encode(value)) <= limit
    except (TypeError, ValueError, RecursionError):
        return False


class SessionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far a session is; all counts are exact but ``running``, which is a gauge one heartbeat old."""

    #: The session as it was submitted.
    session: Session
    #: Whether it takes more tasks.
    state: SessionState
    #: Tasks accepted so far.
    total: int
    #: Tasks that ended with a value.
    succeeded: int
    #: Tasks that ended with an error.
    failed: int
    #: Tasks that a cancel ended.
    cancelled: int
    #: Tasks that agents hold.
    running: int

    def __repr__(self) -> str:
        """Return what people look for; whoever prints a status in a notebook does not want every option."""
        names = ("succeeded", "failed", "cancelled", "running", "pending")
        counts = ", ".join(f"{getattr(self, name)} {name}" for name in names)
        return f"<{self.state} session {plain(self.session.id)} of {self.total} tasks: {counts}>"

    def _repr_html_(self) -> str:
        names = ("total", "succeeded", "failed", "cancelled", "running", "pending")
        rows = {"state": self.state, "handler": self.session.handler} | {name: getattr(self, name) for name in names}
        return table(f"session {self.session.id}", rows)

    @property
    def ended(self) -> int:
        """Tasks that have an outcome."""
        return self.succeeded + self.failed + self.cancelled

    @property
    def pending(self) -> int:
        """Tasks that wait for an agent."""
        return max(0, self.total - self.ended - self.running)

    @property
    def finished(self) -> bool:
        """Whether every task has an outcome and no more will come."""
        return self.state is not SessionState.OPEN and self.ended == self.total


class CancelCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What a cancel found: how many tasks had ended before it, and how many it ended."""

    #: The session's id.
    session: SessionId
    #: Tasks that had ended with a value.
    succeeded: int
    #: Tasks that had ended with an error.
    failed: int
    #: Tasks that the cancel ended.
    cancelled: int


def utcnow() -> datetime:
    """Return the time of the wall clock, aware; for people to read, never for a decision."""
    return datetime.now(UTC)
