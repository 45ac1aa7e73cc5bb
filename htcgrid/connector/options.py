"""What a session is to be like, as its client says it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal, TypedDict

from htcgrid.connector.duration import duration
from htcgrid.connector.target import Target
from htcgrid.errors import ConfigError
from htcgrid.host import Host
from htcgrid.model import KeepOutput, PayloadLimits, RetryPolicy, Session, SessionId, defaults
from htcgrid.model.codec import LOSSY, TYPED, codec_of
from htcgrid.model.python_client import told
from htcgrid.model.spelled import spelled


class SessionOptions(TypedDict, total=False):
    """The options of :meth:`Grid.submit` that describe its session; each may be left out, as there."""

    #: 0 to 3, higher first.
    priority: int
    #: When a task that went wrong is tried again.
    retry: RetryPolicy | None
    #: The longest that one try of one task may take, in seconds; None for no limit.
    timeout: float | timedelta | None
    #: For payloads and results: ``typed``, ``json``, ``msgpack``, ``bytes`` or ``pickle``.
    codec: str
    #: With ``json`` or ``msgpack``, send what they do not have as what comes near it.
    lossy: bool
    #: Which agents run it.
    pool: str
    #: Words to find the session by.
    labels: Mapping[str, str] | None
    #: How long the session is kept after its last task has ended, in seconds.
    keep_for: float | timedelta | None
    #: Of which tasks what their handler printed is kept.
    output: Literal["failed", "all", "none"]


class MapOptions(SessionOptions, total=False):
    """The options of :meth:`Grid.map`."""

    ordered: bool
    ahead: int
    progress: bool | None


def session_of(
    target: Target,
    session_id: str | None,
    options: SessionOptions,
    *,
    host: Host,
    calls: bool = False,
) -> Session:
    """Return the session that a client describes; of ``calls``, or of events.

    Raises:
        ConfigError: an option is not right.
        TypeError: there is no such option.
    """
    if unknown := set(options) - SessionOptions.__optional_keys__:
        raise TypeError(
            f"unknown option {min(unknown)!r}; there are {', '.join(sorted(SessionOptions.__optional_keys__))}"
        )
    labels, keep_for = options.get("labels"), options.get("keep_for")
    lossy = _lossy(options.get("lossy", False))
    return Session(
        id=SessionId(f"s-{host.token()}" if session_id is None else session_id),
        handler=target.name,
        created=host.now(),
        pool=options.get("pool", defaults.POOL),
        priority=options.get("priority", defaults.PRIORITY),
        retry=options.get("retry") or RetryPolicy(),
        timeout=duration("timeout", options.get("timeout")),
        codec=codec_of(options.get("codec", TYPED), lossy=bool(lossy)).name,
        labels=dict(labels) if isinstance(labels, Mapping) else labels or {},
        keep_for=defaults.KEEP_FOR if keep_for is None else duration("keep_for", keep_for),
        output=_output(options.get("output", "failed")),
        codec_options=lossy | told(target.client),
        calls=calls,
    )


def check_kept(session: Session, payloads: PayloadLimits) -> None:
    """Refuse a session that is to be kept for longer than its payloads would be.

    Raises:
        ConfigError: it is so.
    """
    if payloads.keep is not None and session.keep_for > payloads.keep:
        asked, kept = session.keep_for.days, payloads.keep.days
        raise ConfigError(
            f"keep_for is {asked} days, and the payload store keeps what is put for {kept}: "
            "shorten it, or let [payloads] keep it for longer"
        )


def _lossy(value: object) -> dict[str, Any]:
    """Return the codec options that say it; none when it is not so, as in clients of other languages."""
    if not isinstance(value, bool):
        raise ConfigError(f"lossy must be True or False, not {spelled(value)}")
    return {LOSSY: True} if value else {}


def _output(value: object) -> KeepOutput:
    try:
        return KeepOutput(value)  # type: ignore[arg-type]
    except ValueError as error:
        raise ConfigError(
            f"output must be {', '.join(repr(str(one)) for one in KeepOutput)}, not {spelled(value)}"
        ) from error
