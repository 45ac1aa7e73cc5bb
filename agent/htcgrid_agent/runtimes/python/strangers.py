"""Threads that tasks have left running, and whose output is no other task's."""

import threading
import weakref


class Strangers:
    """Tells which threads were started by the tasks of other handlers than those that run now.

    One that a handler's tasks have started may serve all sessions of this handler, as that of a pool that it keeps; and
    one that was started while a module was imported is the module's.
    """

    def __init__(self) -> None:
        self._main = threading.main_thread()
        #: By thread, the handler whose tasks have started it; none for a module's.
        self._owners: weakref.WeakKeyDictionary[threading.Thread, str] = weakref.WeakKeyDictionary()
        self._handler = ""
        #: By number.
        self.found: dict[int, threading.Thread] = {}
        # Looked up once: handlers may leave these patched.
        self._alive, self._current = threading.enumerate, threading.get_ident

    def keep(self) -> None:
        """Take all that are new for a module's."""
        for thread in self._alive():
            self._owners.setdefault(thread, "")

    def begin(self, handler: str) -> None:
        """Look which threads are strangers to this handler's tasks."""
        threads = self._alive()
        if len(threads) > 1 or self.found:
            for thread in threads:
                self._owners.setdefault(thread, self._handler)
            self.found = {
                thread.ident: thread
                for thread in threads
                if thread.ident is not None and self._owners[thread] not in {"", handler} and thread is not self._main
            }
        self._handler = handler

    def is_here(self) -> bool:
        """Return whether the thread that asks is one; a new one may have the number of one that has ended."""
        thread = self.found.get(self._current())
        return thread is not None and thread.is_alive()
