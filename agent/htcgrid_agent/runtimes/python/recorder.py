"""What a handler prints, kept by task."""

import faulthandler
import io
import os
import sys
from contextlib import suppress
from typing import Any, BinaryIO

from htcgrid.model.outcome import Printed
from htcgrid_agent.runtimes.python.descriptors import Descriptors
from htcgrid_agent.runtimes.python.streams import Marks, Stream, Tee

#: Most bytes that are kept of each stream of one try: the last ones, for they tell how it went wrong.
LIMIT = 8_000
#: Once the tries of one report have printed this much, less is kept of each.
_BUDGET = 1 << 20
_LESS = 500


class Recorder:
    """Keeps the end of what was printed since it was last asked, whatever tasks do to the streams.

    What goes through :data:`sys.stdout` and :data:`sys.stderr` is kept, which libraries in C do not use; they are
    still in the agent's log, as everything is. Streams that a module puts there at its import are the module's, and
    stay.
    """

    def __init__(self) -> None:
        #: What the streams note.
        self.marks = Marks()
        self._spent = 0

    def install(self) -> None:
        """Record from now on what this process prints; it still goes where it went."""
        self._here = vars(sys).get
        self._descriptors = Descriptors()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        # Through duplicates of its descriptors, which tasks may close or redirect.
        files = {number: os.dup(number) for number in (1, 2)}
        faulthandler.enable(file=files[2], all_threads=False)
        self._tees = [Tee(number, _file(file), self.marks, LIMIT) for number, file in files.items()]
        self._stdout, self._stderr = self._streams = [Stream(tee, self.marks) for tee in self._tees]
        # Handlers give back what they replaced by these names.
        vars(sys).update(__stdout__=self._stdout, __stderr__=self._stderr)
        self._put(self._stdout, self._stderr)
        os.register_at_fork(before=self._flush, after_in_child=self._be_as_any)

    def keep(self) -> None:
        """Take the streams that are there now for those that every task is to find."""
        ours = self._streams
        found = [_usable(self._here(name)) for name in ("stdout", "stderr")]
        for stream in ours:
            stream.keep()
        self.marks.changed = False
        self.marks.strangers.keep()
        self._put(*(own if stream is None else stream for stream, own in zip(found, ours, strict=True)))
        self._descriptors.keep()

    def begin(self, handler: str) -> None:
        """Take nothing from now on for tasks' output that threads print which other handlers' tasks have started."""
        self.marks.strangers.begin(handler)

    @property
    def watched(self) -> tuple[Any, Any]:
        """The streams of which the marks tell whether :meth:`printed` must be called; what is no stream, if it must."""
        return (self, self) if self.others else (self.out, self.err)

    def renew(self) -> None:
        """Forget what was printed, and let the first task of a run find its streams."""
        self.printed()
        self.drop()

    def printed(self) -> bool:
        """Let the next task find its streams whatever this one did to them; return whether this one printed.

        Needless as long as :data:`sys.stdout` and :data:`sys.stderr` are those that are :attr:`watched`, and
        :attr:`marks` says neither that they were used nor that they were changed.
        """
        marks = self.marks
        try:
            if sys.stdout is self.out and sys.stderr is self.err and not marks.changed and not self.others:
                return marks.used
        except AttributeError:
            # One has no name any more.
            marks.changed = True
        self._restore()
        if self.others:
            self._flush_others()
        return marks.used

    def restore(self) -> None:
        """Let all standard descriptors be what they were."""
        self._descriptors.restore()

    def report(self) -> None:
        """Begin another report; what tasks print counts towards the bound of one report."""
        self._spent = 0

    def take(self) -> Printed:
        """Return what was printed since the last call."""
        self.marks.used = False
        limit = LIMIT if self._spent < _BUDGET else _LESS
        stdout, stderr = (tee.take(limit) for tee in self._tees)
        self._spent += len(stdout) + len(stderr)
        self._flush()
        return Printed(stdout, stderr)

    def drop(self) -> None:
        """Forget what was printed."""
        self.marks.used = False
        for tee in self._tees:
            tee.take(0)
        self._flush()

    def _put(self, out: Any, err: Any) -> None:
        sys.stdout, sys.stderr = self.out, self.err = out, err
        #: Modules' own streams, which may hold back what was printed, and do not note it.
        self.others = [stream for stream in (out, err) if stream is not self._stdout and stream is not self._stderr]

    def _restore(self) -> None:
        for stream in (self._here("stdout"), self._here("stderr"), *self._streams):
            # What it holds back is this task's. Whatever it is, it may be broken in any way.
            with suppress(Exception):
                stream.flush()  # type: ignore[union-attr]
        for stream in self._streams:
            stream.restore()
        self.marks.changed = False
        self._put(self.out, self.err)

    def _flush_others(self) -> None:
        for stream in self.others:
            with suppress(Exception):
                stream.flush()
        out, err = _usable(self.out), _usable(self.err)
        if out is None or err is None:
            self._put(self._stdout if out is None else out, self._stderr if err is None else err)

    def _flush(self) -> None:
        for tee in self._tees:
            tee.flush()

    def _be_as_any(self) -> None:
        """Print as any process does: whoever forks may redirect the descriptors."""
        # They are not closed, for which they might wait for a thread that is not in this process.
        self._parent_s = [tee.file for tee in self._tees]
        for tee in self._tees:
            with suppress(OSError):
                tee.file = _file(tee.descriptor)


def _file(descriptor: int) -> BinaryIO:
    return io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))


def _usable(stream: Any) -> Any | None:
    """Return a stream, None when it takes nothing: it is closed, or detached."""
    try:
        return None if stream is None or getattr(stream, "closed", False) else stream
    except ValueError:
        return None
