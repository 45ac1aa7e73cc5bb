"""Few threads for what many have to do, a part at a time."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from htcgrid.host import Host


class Crew:
    """Runs parts of work, each in the order in which they came, in so many threads at most.

    Threads are there while there is something to do. A part that goes on for long is to look now and then whether
    others wait, and to come again behind them.
    """

    #: Threads that are at work at once. A store writes together what so many bring at once.
    MOST = 16

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lock = host.lock()
        self._waiting: deque[Callable[[], object]] = deque()
        self._running = 0

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for a thread."""
        return bool(self._waiting)

    def begin(self, run: Callable[[], object]) -> None:
        """Have a part run, which raises nothing, as soon as there is a thread for it.

        Raises:
            RuntimeError: the system has no thread for the first of them.
        """
        with self._lock:
            if self._running >= self.MOST:
                self._waiting.append(run)
                return
            self._running += 1
        self._start(run)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let another part run while this thread waits for what may never come."""
        with self._lock:
            other = self._waiting.popleft() if self._waiting else None
            self._running -= other is None
        if other is not None:
            self._start(other)
        try:
            yield
        finally:
            with self._lock:
                # That may be one more than there are to be, until a part ends.
                self._running += 1

    def _start(self, run: Callable[[], object]) -> None:
        try:
            self._host.thread(lambda: self._work(run), name="submit sessions").start()
        except BaseException:
            with self._lock:
                self._running -= 1
            raise

    def _work(self, run: Callable[[], object] | None) -> None:
        while run is not None:
            run()
            run = self._next()

    def _next(self) -> Callable[[], object] | None:
        with self._lock:
            if self._waiting and self._running <= self.MOST:
                return self._waiting.popleft()
            self._running -= 1
            return None
