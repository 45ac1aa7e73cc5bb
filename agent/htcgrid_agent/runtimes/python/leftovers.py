"""What tasks leave behind in their process, undone before another session's tasks begin."""

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

from htcgrid_agent.runtimes.python.clocks import Clocks
from htcgrid_agent.runtimes.python.import_watch import ImportWatch
from htcgrid_agent.runtimes.python.process_settings import Setting, process_settings
from htcgrid_agent.runtimes.python.randomness import Randomness
from htcgrid_agent.runtimes.python.recorder import Recorder

P = ParamSpec("P")
R = TypeVar("R")


class Leftovers:
    """Holds the process against what it was when the last handler had been loaded.

    What modules set at their import, or in their ``setup()``, is theirs and stays. What tasks set stays until another
    session's run begins: handlers may set something up with their first task, and rely on it with the next ones. Then
    all is set again; when something cannot be, the worker is to be replaced. Patched clocks are not set again, for
    nobody knows which modules have taken them over; a worker with such is replaced at the end of its run.

    What a module sets that a task imports is the module's, too, for it is not imported again.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._settings = process_settings()
        self._looks = [setting.look for setting in self._settings]
        self._clocks = Clocks()
        self._randomness = Randomness()
        # What warnings.catch_warnings() calls, which takes thirty times as long.
        self._show_again = getattr(warnings, "_filters_mutated", bool)
        self._session: str | None = None
        #: In which the session's tasks run: what they set in context variables is seen by no other session's.
        self._context = copy_context()
        self._kept = self._look()
        #: Whether a module has changed what a task had changed before: nobody can tell that apart.
        self._mixed = False
        #: Whether nothing was left when it was last looked, and how many threads modules have started.
        self._clean = False
        self._threads = threading.active_count()
        self._imports = ImportWatch(self._look, self._imported)

    def install(self) -> None:
        """Take the process as it is for what it is to be, and watch from now on what tasks import."""
        self._imports.install()
        self.keep()

    def look(self) -> None:
        """Look at what :meth:`keep` tells apart from what a handler sets that is loaded now."""
        self._randomness.look()
        # An import that fails half-way may leave anything, and no run follows it.
        self._clean = False

    def keep(self) -> None:
        """Take the process as it is for what it is to be: a handler was loaded."""
        self._recorder.keep()
        self._kept = self._look()
        self._threads = threading.active_count()
        self._clocks.keep()
        self._randomness.keep()
        self._context = copy_context()

    def begin(self, session: str, handler: str) -> bool:
        """Undo what another session's tasks have left; return False if something cannot be undone."""
        if session == self._session:
            return True
        self._session = session
        self._context = copy_context()
        self._recorder.begin(handler)
        self._randomness.renew()
        # Python forgets by this which warnings it has shown, and so shows each once to this session, too.
        self._show_again()
        if self._clean and threading.active_count() == self._threads:
            # Nobody has run since it was looked.
            return True
        self._recorder.restore()
        # All of them, whatever becomes of one.
        again = [_is_again(self._settings[number], self._kept[number]) for number in self._changed()]
        return all(again) and not self._mixed

    @property
    def spoilt(self) -> bool:
        """Whether this process is no good for another run."""
        return self._clocks.changed

    def settle(self) -> None:
        """Let the standard descriptors be what they were, and look, while nobody waits, what tasks have left."""
        self._recorder.restore()
        self._clean = not self._changed() and not self._mixed

    def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function in the session's context, as its tasks run."""
        self._imports.watching = True
        self._clean = False
        try:
            return self._context.run(function, *args, **kwargs)
        finally:
            self._imports.watching = False

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Leave what is set in this block to the module that is imported there, in the middle of a task."""
        watching, self._imports.watching = self._imports.watching, False
        before = self._look()
        try:
            yield
        finally:
            self._imported(before, self._look())
            self._imports.watching = watching

    def _changed(self) -> Sequence[int]:
        """Return the numbers of the settings that are not what they were."""
        try:
            looks = enumerate(zip(self._looks, self._kept, strict=True))
            return [number for number, (look, kept) in looks if look() != kept]
        except Exception:  # noqa: BLE001 - what tasks have put there may do anything
            return range(len(self._settings))

    def _look(self) -> list[Any]:
        return [_seen(setting) for setting in self._settings]

    def _imported(self, before: list[Any], after: list[Any]) -> None:
        """Leave to a module what its import has set."""
        for number, (was, now) in enumerate(zip(before, after, strict=True)):
            # The later one first, for some compare what was there before.
            if now != was:
                self._mixed |= bool(was != self._kept[number])
                self._kept[number] = now


def _seen(setting: Setting) -> Any:
    """Return a setting's value, which nobody changes; one that equals no other when it cannot be had."""
    try:
        value = setting.look()
    except Exception:  # noqa: BLE001 - what tasks have put there may do anything
        return object()
    return value.copy() if isinstance(value, list | dict) else value


def _is_again(setting: Setting, kept: Any) -> bool:
    """Return whether a setting is what it was, by now."""
    try:
        if setting.look() == kept:
            return True
        setting.put(kept)
        return bool(setting.look() == kept)
    except Exception:  # noqa: BLE001 - what tasks have put there may do anything
        return False
