"""The progress bar of one wait, which comes when it takes long and somebody sees it."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from htcgrid.connector.notebook import in_notebook
from htcgrid.connector.notices import Notices

if TYPE_CHECKING:
    from rich.console import Console

    from htcgrid.connector.progress import Progress

#: How long somebody waits before a bar comes by itself, and the shortest time between two pictures of it: seconds.
_LATE = 2.0
_PAUSE = 0.1


class Bar:
    """Shows how far one wait is: at once when ``wanted``, never when not, and by itself when that is None.

    By itself it comes after two seconds, in a terminal or a notebook, and leaves the terminal as it was. It is moved by
    whoever waits, so it has no thread; and nothing that goes wrong with it ends a wait.
    """

    def __init__(
        self, notices: Notices, description: str, wanted: bool | None, console: "Console | None" = None
    ) -> None:
        self._notices = notices
        self._description = description
        self._wanted = wanted
        self._console = console
        self._lock = notices.host.lock()
        #: When it comes, by the host's clock; None once it will not.
        self._due: float | None = None
        self._began = 0.0
        self._moved = 0.0
        self._shown: Progress | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._began = self._notices.host.monotonic()
        if self._wanted:
            self._due = self._began
        elif self._wanted is None and not self._notices.quiet and _is_seen():
            self._due = self._began + _LATE
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock, self._unharmed():
            self._due = None
            if self._shown is not None:
                self._shown.refresh()
        self._drop()

    def show(self, *, ended: int, total: int | None, failed: int = 0) -> None:
        """Bring it up to date."""
        if self._due is None:
            return
        now = self._notices.host.monotonic()
        if now < self._due:
            return
        with self._lock, self._unharmed():
            if self._shown is None:
                self._begin(now)
            if self._shown is not None:
                self._shown.show(ended=ended, total=total, failed=failed)
                if now - self._moved >= _PAUSE:
                    self._moved = now
                    self._shown.refresh()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Make room for a line that somebody prints."""
        with self._lock, self._shown.aside() if self._shown is not None else ExitStack():
            yield

    def _begin(self, now: float) -> None:
        if not self._notices.take_screen(self):
            self._due = None
            return
        self._stack.callback(self._notices.leave_screen, self)
        # Rich is slow to import, and most sessions are waited for without it.
        from htcgrid.connector.progress import is_taken, progress_bar  # noqa: PLC0415

        if self._wanted is None and is_taken():
            self._due = None
            return
        self._shown = self._stack.enter_context(
            progress_bar(
                self._description,
                self._console,
                moving=False,
                stays=self._wanted is not None,
                elapsed=now - self._began,
            )
        )

    @contextmanager
    def _unharmed(self) -> Iterator[None]:
        """Go without a bar when it cannot be shown, as in a terminal that is gone."""
        try:
            yield
        except Exception:
            logging.getLogger(__name__).debug("no bar can be shown", exc_info=True)
            self._due = None
            self._drop()

    def _drop(self) -> None:
        self._shown = None
        with suppress(Exception):
            self._stack.close()


def _is_seen() -> bool:
    """Whether somebody sees what is drawn on stderr: a terminal that can move its cursor, or a notebook."""
    if in_notebook():
        return True
    try:
        return sys.stderr.isatty() and os.environ.get("TERM") not in {"dumb", "unknown"}
    except (AttributeError, ValueError):
        # There is none, or it is closed.
        return False
