"""What a session is to be like, as its client says it."""

import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypedDict

from htcgrid.connector.duration import duration
from htcgrid.connector.handler_name import handler_name
from htcgrid.errors import ConfigError
from htcgrid.host import Host
from htcgrid.model import KeepOutput, PayloadLimits, PythonClient, RetryPolicy, Session, SessionId, defaults
from htcgrid.model.codec import LOSSY, TYPED, codec_of
from htcgrid.model.python_client import told
from htcgrid.model.script import script_home

#: Most folders, and letters of each, that a session tells of where its client imports from.
_FOLDERS = 4
_FOLDER = 200


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


def session_of(
    handler: str | Callable[..., Any],
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
        handler=_name_of(handler),
        created=host.now(),
        pool=options.get("pool", defaults.POOL),
        priority=options.get("priority", defaults.PRIORITY),
        retry=options.get("retry") or RetryPolicy(),
        timeout=duration("timeout", options.get("timeout")),
        codec=codec_of(options.get("codec", TYPED), lossy=bool(lossy)).name,
        labels=dict(labels) if isinstance(labels, Mapping) else labels or {},
        keep_for=defaults.KEEP_FOR if keep_for is None else duration("keep_for", keep_for),
        output=_output(options.get("output", "failed")),
        codec_options=lossy | _client(tuple(sys.version_info), script_home(), tuple(map(str, sys.path))),
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


def _name_of(handler: str | Callable[..., Any]) -> str:
    try:
        return handler_name(handler)
    except ConfigError as error:
        # Of a name that is wrong, there is nothing that could be taken along.
        if isinstance(handler, str) or not callable(handler):
            raise
        raise ConfigError(f"{error}; or call it through grid.map with codec 'pickle', which takes it along") from error


@lru_cache(maxsize=4)
def _client(version: tuple[Any, ...], script: str | None, path: tuple[str, ...]) -> dict[str, Any]:
    """Return the codec options that tell what this process runs, and from where it imports.

    Kept, since each session tells them, and they seldom change.
    """
    shown = script if script is not None and script.isprintable() else ""
    return told(PythonClient(version="{}.{}".format(*version), script=shown, folders=_folders(path)))


def _folders(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first folders of a path without those of the interpreter and of what is installed."""
    installed = tuple({str(Path(prefix, "lib")) for prefix in (sys.prefix, sys.base_prefix)})
    own = (one or "." for one in path if not one.startswith(installed) and one.isprintable() and len(one) <= _FOLDER)
    return tuple(islice(own, _FOLDERS))


def _lossy(value: object) -> dict[str, Any]:
    """Return the codec options that say it; none when it is not so, as in clients of other languages."""
    if not isinstance(value, bool):
        raise ConfigError(f"lossy must be True or False, not {value!r}")
    return {LOSSY: True} if value else {}


def _output(value: object) -> KeepOutput:
    try:
        return KeepOutput(value)  # type: ignore[arg-type]
    except ValueError as error:
        raise ConfigError(f"output must be {', '.join(repr(str(one)) for one in KeepOutput)}, not {value!r}") from error
