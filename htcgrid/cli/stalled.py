"""Sessions that are watched and do not go on: whoever watches them is told why."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from htcgrid.cli.watched import Glance
from htcgrid.connector.notices import Notices
from htcgrid.connector.silence import Silence
from htcgrid.findings.standstill import Standstill, look_for_standstill
from htcgrid.host import RealHost
from htcgrid.interfaces import StateStore
from htcgrid.model import SessionId, SessionStatus


class Stalled:
    """Tells of each session that is watched why nothing of it goes on, as whoever waits for its results is told."""

    def __init__(self, state: StateStore, *, lease: timedelta) -> None:
        self._state = state
        self._host = RealHost()
        self._notices = Notices(host=self._host, patience=state.limits.notice, lease=lease)
        self._silences: dict[SessionId, Silence] = {}
        self._statuses: dict[SessionId, SessionStatus] = {}

    def look(self, glances: Sequence[Glance], seconds: float) -> None:
        """Take in what was seen ``seconds`` after the look before."""
        for status in (glance.status for glance in glances):
            name = status.session.id
            before = self._statuses.get(name)
            self._statuses[name] = status
            if before is None:
                self._silences[name] = Silence(self._notices, partial(self._standstill, name), name)
            elif not status.finished:
                self._silences[name].looked(seconds, news=status.ended > before.ended)

    def why(self, timeout: float) -> str:
        """Return the end of an error's message after ``timeout`` seconds: why the first that stands still does so."""
        waiting = (name for name, status in self._statuses.items() if not status.finished)
        found = next((text for name in waiting if (text := self._silences[name].why(timeout))), "")
        return f", but none runs now: {found}" if found else ""

    def _standstill(self, name: SessionId) -> Standstill | None:
        return look_for_standstill(self._state, self._statuses[name], now=self._host.now(), lease=self._notices.lease)
