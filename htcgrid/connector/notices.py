"""What people who wait on a grid are told: one line when nothing goes on, and a bar when it takes long."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from htcgrid.host import Host
from htcgrid.model import defaults
from htcgrid.plain_text import plain

if TYPE_CHECKING:
    from htcgrid.connector.bar import Bar

#: Sessions that wait for the same reason are told once in this time: seconds.
_TOGETHER = 60.0
#: Most sessions whose last reason is remembered.
_SESSIONS = 1000
#: The logger of all lines that are for people: with no logging configured, Python prints them to stderr as they are.
_LOGGER = "htcgrid"


class Notices:
    """Tells people who wait on one grid.

    Lines are warnings of the logger ``htcgrid``, so that whoever configures logging decides what becomes of them; a
    grid that is ``quiet`` has none, and no bars by themselves.
    """

    def __init__(
        self,
        *,
        host: Host,
        quiet: bool = False,
        patience: timedelta = defaults.NOTICE,
        lease: timedelta = defaults.LEASE,
        embedded: str = "",
    ) -> None:
        self.host = host
        self.quiet = quiet
        #: How long nothing goes on before people are told why: seconds.
        self.patience = patience.total_seconds()
        #: What a look at a standstill is to know of the grid.
        self.lease = lease
        self.embedded = embedded
        self._lock = host.lock()
        #: The reason that was told last, by session, and when and which of all.
        self._reasons: dict[str, str] = {}
        self._last: tuple[str, float] | None = None
        #: The bar that is on the screen: there is one at a time.
        self._bar: Bar | None = None

    def tell(self, session: str, text: str, reason: str) -> None:
        """Say why a session waits, unless just that was said before."""
        now = self.host.monotonic()
        with self._lock:
            if self._reasons.get(session) == reason:
                return
            self._reasons.pop(session, None)
            self._reasons[session] = reason
            if len(self._reasons) > _SESSIONS:
                # The one that was told of first; should it still wait, it is told of again.
                del self._reasons[next(iter(self._reasons))]
            if self._last is not None and self._last[0] == reason and now - self._last[1] < _TOGETHER:
                return
            self._last = (reason, now)
            bar = self._bar
        try:
            with bar.aside() if bar is not None else _nothing():
                logging.getLogger(_LOGGER).warning("htcgrid: session %s waits: %s", plain(session), plain(text))
        except Exception:
            logging.getLogger(__name__).debug("cannot tell why session %s waits", session, exc_info=True)

    def take_screen(self, bar: "Bar") -> bool:
        """Return whether a bar may be shown: another may be."""
        with self._lock:
            if self._bar is None:
                self._bar = bar
            return self._bar is bar

    def leave_screen(self, bar: "Bar") -> None:
        """Let another bar be shown."""
        with self._lock:
            if self._bar is bar:
                self._bar = None


@contextmanager
def _nothing() -> Iterator[None]:
    yield
