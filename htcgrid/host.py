"""What a program has of the machine that it runs on: time, threads and chance.

Whatever waits, starts a thread or makes up a name is given a host. So connector, reaper and the agent's calls also run
on a virtual clock, in one process, where a seed decides what happens when (tests/simulation).
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from queue import SimpleQueue
from secrets import token_hex
from types import TracebackType
from typing import Protocol, TypeVar

from htcgrid.pause import pause

_Item = TypeVar("_Item")


class Lock(Protocol):
    """A lock as :class:`threading.Lock`."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Return whether the caller has the lock now."""
        ...

    def release(self) -> None:
        """Let another have it."""

    def __enter__(self) -> bool: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Condition(Protocol):
    """A condition as :class:`threading.Condition`, whose lock may be taken again by the thread that has it."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until notified; return whether that was so."""
        ...

    def wait_for(self, predicate: Callable[[], object], timeout: float | None = None) -> object:
        """Wait until ``predicate()`` is true; return its last value."""
        ...

    def notify_all(self) -> None:
        """Wake all that wait."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Flag(Protocol):
    """A flag as :class:`threading.Event`."""

    def is_set(self) -> bool:
        """Return whether it is set."""
        ...

    def set(self) -> None:
        """Set it, and wake all that wait for that."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set; return whether it is."""
        ...


class Queue(Protocol[_Item]):
    """A queue as :class:`queue.SimpleQueue`; put is safe in a signal handler."""

    def put(self, item: _Item) -> None:
        """Append an item."""

    def get(self, block: bool = True, timeout: float | None = None) -> _Item:
        """Return the first item; wait for it for up to ``timeout`` seconds.

        Raises:
            Empty: there was none (:class:`queue.Empty`).
        """
        ...


class Thread(Protocol):
    """A thread that does not keep its process alive."""

    @property
    def current(self) -> bool:
        """Whether it is the one that asks."""
        ...

    def start(self) -> None:
        """Begin."""

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""


class Host(Protocol):
    """Time, threads and chance."""

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back; only differences mean something."""
        ...

    def now(self) -> datetime:
        """Return the time of day, which may be wrong: for people to read."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after so long."""

    def token(self) -> str:
        """Return 16 hexadecimal digits that nobody else gets."""
        ...

    def lock(self) -> Lock:
        """Return a new lock."""
        ...

    def condition(self) -> Condition:
        """Return a new condition with a lock of its own."""
        ...

    def flag(self) -> Flag:
        """Return a new flag that is not set."""
        ...

    def queue(self) -> Queue[_Item]:
        """Return a new, empty queue."""
        ...

    def thread(self, run: Callable[[], object], *, name: str) -> Thread:
        """Return a new thread that calls ``run`` once it is started."""
        ...

    def at_exit(self, callback: Callable[[], object]) -> None:
        """Have ``callback`` called when the program is about to end, while its threads still run.

        Raises:
            RuntimeError: it is ending.
        """


#: A wait without an end is one of many that have one, so long: Python learns of a signal that came just before a wait
#: only after it, and Ctrl-C is to be heard. Seconds.
_GLANCE = 1.0


class RealHost:
    """The machine itself."""

    def monotonic(self) -> float:
        """See :meth:`Host.monotonic`."""
        return time.monotonic()

    def now(self) -> datetime:
        """See :meth:`Host.now`."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """See :meth:`Host.sleep`."""
        pause(seconds)

    def token(self) -> str:
        """See :meth:`Host.token`."""
        return token_hex(8)

    def lock(self) -> Lock:
        """See :meth:`Host.lock`."""
        return threading.Lock()

    def condition(self) -> Condition:
        """See :meth:`Host.condition`."""
        return _Condition()

    def flag(self) -> Flag:
        """See :meth:`Host.flag`."""
        return _Flag()

    def queue(self) -> Queue[_Item]:
        """See :meth:`Host.queue`."""
        return SimpleQueue()

    def thread(self, run: Callable[[], object], *, name: str) -> Thread:
        """See :meth:`Host.thread`."""
        return _DaemonThread(target=run, name=name, daemon=True)

    def at_exit(self, callback: Callable[[], object]) -> None:
        """See :meth:`Host.at_exit`; daemon threads, and :mod:`atexit`, come too late for that."""
        # As concurrent.futures does itself, for want of a public way.
        threading._register_atexit(callback)  # type: ignore[attr-defined] # noqa: SLF001


class _Condition(threading.Condition):
    def wait(self, timeout: float | None = None) -> bool:
        if timeout is not None:
            return super().wait(timeout)
        while not super().wait(_GLANCE):
            pass
        return True


class _Flag(threading.Event):
    def wait(self, timeout: float | None = None) -> bool:
        if timeout is not None:
            return super().wait(timeout)
        while not super().wait(_GLANCE):
            pass
        return True


class _DaemonThread(threading.Thread):
    @property
    def current(self) -> bool:
        return self is threading.current_thread()
