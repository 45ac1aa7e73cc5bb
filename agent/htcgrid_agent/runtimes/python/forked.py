"""Processes that handlers fork, and that come back to the worker's loop."""

import mmap
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from htcgrid.model.error_text import cause_of, is_a
from htcgrid_agent.runtimes.python.faults import users_frames
from htcgrid_agent.runtimes.python.loader import HandlerError, SetupError

#: madvise(2): of memory that is advised so, a child has zeros, however it was forked (since Linux 4.14).
_WIPE_ON_FORK = 18


class OwnProcess:
    """Tells the worker's process from its handlers' children."""

    def __init__(self) -> None:
        # Looked up once: handlers may leave these patched.
        self._getpid, self._exit, self._kill = os.getpid, os._exit, os.kill
        self._signal = signal.signal
        self._pid = os.getpid()
        #: Its first item is true in this process alone; to look at it takes a tenth of what asking for the pid does.
        self.mark: mmap.mmap | _Pid = _page() or _Pid()

    def leave_if_child(self, error: BaseException | None = None) -> None:
        """End this process if it is a child, as Python would have ended it: what it does is no task's outcome."""
        if self._getpid() != self._pid:
            self._leave(error)

    def _leave(self, error: BaseException | None) -> NoReturn:
        if error is not None and is_a(error, (HandlerError, SetupError)):
            # It was forked by a module's import or setup().
            cause = cause_of(error)
            error = error if cause is None else cause
        status = 1
        try:
            status = _show(error)
            if error is not None and is_a(error, KeyboardInterrupt):
                self._signal(signal.SIGINT, signal.SIG_DFL)
                self._kill(self._getpid(), signal.SIGINT)
        finally:
            self._exit(status)


class _Pid:
    """Stands for a page that children have empty, where there is none."""

    def __init__(self) -> None:
        self._getpid = os.getpid
        self._pid = os.getpid()

    def __getitem__(self, _index: int) -> int:
        return self._getpid() == self._pid


def _page() -> mmap.mmap | None:
    if sys.platform != "linux":
        return None
    page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    page[0] = 1
    try:
        page.madvise(_WIPE_ON_FORK)
    except OSError:
        return None
    return page


def _show(error: BaseException | None) -> int:
    """Print what Python prints at its end; return its status."""
    status = 0
    if isinstance(error, SystemExit):
        status = _status(error.code)
    elif error is not None:
        status = 1
        frames = users_frames(error)
        sys.excepthook(type(error), error.with_traceback(frames), frames)
    for stream in (sys.stdout, sys.stderr):
        # Whatever the handler has made of it.
        with suppress(Exception):
            stream.flush()
    return status


def _status(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1
