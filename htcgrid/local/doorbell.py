"""Doorbells: how one process wakes others at once when it made work or outcomes.

A listener binds a datagram socket in its topic's folder, and a ringer sends a byte to each socket there. One that waits
for a session has a name without a file where it can: to make and remove files takes long while others write to disk.
A ring that is lost costs time only: whoever listens also looks now and then.
"""

import hashlib
import os
import secrets
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from math import ceil
from pathlib import Path
from typing import NamedTuple

from htcgrid.local.network import Network
from htcgrid.model import Hint
from htcgrid.pause import pause

#: The length of a socket's address is limited: 108 bytes on Linux, 104 elsewhere (unix(7)).
_ADDRESS = 100
#: Sockets that are kept bound between calls, since binding costs more than ringing.
_IDLE = 16
#: How many can listen to one topic without a file.
_PLACES = 2


class Topic(NamedTuple):
    """What rings are about."""

    #: The folder of its sockets, which it may share with others: then some wake in vain.
    folder: str
    #: Its name where there are few listeners, so that they need no file.
    name: str | None = None


def pool_topic(pool: str, above: int | None = None) -> Topic:
    """Return the topic of a pool: it has work, or work with a priority above that."""
    folder = "p" + hashlib.blake2s(pool.encode(), digest_size=6).hexdigest()
    return Topic(folder if above is None else f"{folder}-{above}")


def pool_topics(pool: str, priority: int) -> set[Topic]:
    """Return the topics that work of this priority is about."""
    return {pool_topic(pool), *(pool_topic(pool, above) for above in range(priority))}


def topics_of(hints: Iterable[Hint]) -> set[Topic]:
    """Return what hints are about."""
    return {topic for hint in hints for topic in pool_topics(hint.pool, hint.priority)}


def session_topic(session: str) -> Topic:
    """Return the topic of a session: its log grew. It shares its folder with some others, so that there are few."""
    name = hashlib.blake2s(session.encode(), digest_size=8).hexdigest()
    return Topic(f"s{name[:2]}", name)


class Listener:
    """One socket that is rung; without a socket, it can only wait."""

    def __init__(self, topic: Topic, bell: socket.socket | None, file: Path | None, ring: bytes | None = None) -> None:
        self.topic = topic
        self._bell = bell
        self._file = file
        #: What a ring is, where anybody may send something; None where only those who may ring can.
        self._ring = ring
        self._poll = select.poll()
        if bell is not None:
            self._poll.register(bell, select.POLLIN)

    def drain(self) -> None:
        """Forget earlier rings; look at what they were for after this, not before."""
        if self._bell is not None:
            with suppress(OSError):
                while True:
                    self._bell.recv(16)

    @property
    def is_kept(self) -> bool:
        """Whether its socket is worth keeping between calls: it has a file."""
        return self._file is not None

    def wait(self, seconds: float) -> bool:
        """Wait for a ring, and return whether there was one."""
        if self._bell is None:
            pause(seconds)
            return False
        deadline = time.monotonic() + seconds
        while self._poll.poll(max(0, ceil(seconds * 1000))):
            # Where only those who may ring can, what was sent stays: the next look drains it.
            if self._ring is None or self._is_rung():
                return True
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                break
        return False

    def _is_rung(self) -> bool:
        """Take out what was sent up to the first ring; return whether there was one."""
        if self._bell is not None:
            with suppress(OSError):
                while True:
                    if self._bell.recv(64) == self._ring:
                        return True
        return False

    def close(self) -> None:
        """Take the socket away."""
        if self._bell is not None:
            self._bell.close()
        if self._file is not None:
            self._file.unlink(missing_ok=True)


class Doorbell:
    """The doorbells of one grid. ``folder`` holds one folder for each topic; ``now`` is the time that its files get."""

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._network = Network(folder / "networks", now)
        self._lock = threading.Lock()
        self._idle: list[Listener] = []
        self._closed = False
        self._ringing = threading.Lock()
        self._ringer = _datagrams()

    def ring(self, topic: Topic) -> None:
        """Wake all who listen to ``topic``, in any process."""
        if topic.name is not None:
            for number in range(_PLACES):
                with suppress(OSError):
                    self._send(self._network.address(f"{topic.name}-{number}"), self._network.ring)
        folder = self._folder / topic.folder
        try:
            names = os.listdir(folder)  # noqa: PTH208 - names are what is needed, and fast
        except OSError:
            return
        if names:
            with _addressed(folder, longest=max(names, key=len)) as place:
                for name in names:
                    self._ring(folder, place, name)

    def _ring(self, folder: Path, place: str | None, name: str) -> None:
        if place is None:
            return
        try:
            self._send(f"{place}/{name}")
        except ConnectionRefusedError:
            # Its process died without taking it away.
            with suppress(OSError):
                (folder / name).unlink()
        except OSError:
            pass

    def _send(self, address: str, ring: bytes = b"!") -> None:
        with self._ringing:
            with suppress(BlockingIOError):
                self._ringer.sendto(ring, address)
                return
            # Either whoever listens there has not looked at earlier rings, and is rung by them. Or this socket has as
            # much in the queues of all its listeners together as it may (SO_SNDBUF, unix(7)), some of whom do not look:
            # a new one has nothing there yet.
            fresh = _datagrams()
            self._ringer.close()
            self._ringer = fresh
            with suppress(BlockingIOError):
                fresh.sendto(ring, address)

    @contextmanager
    def listening(self, topic: Topic) -> Iterator[Listener]:
        """Listen to ``topic``; rings from before, since the last time, may still be there."""
        listener = self._without_file(topic) or self._take(topic) or _bind(self._folder / topic.folder, topic)
        try:
            yield listener
        finally:
            self._give(listener)

    def close(self) -> None:
        """Take all sockets away that nobody listens to; the others go after their use."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for listener in idle:
            listener.close()
        with self._ringing:
            self._ringer.close()

    def _without_file(self, topic: Topic) -> Listener | None:
        """Return a listener whose socket has no file; None when some would not find it, or all names are taken."""
        if topic.name is None or not self._network.is_only:
            return None
        # Where no socket is to be had, one with a file is not, either.
        with ExitStack() as stack, suppress(OSError):
            bell = stack.enter_context(_datagrams())
            for number in range(_PLACES):
                with suppress(OSError):
                    bell.bind(self._network.address(f"{topic.name}-{number}"))
                    stack.pop_all()
                    return Listener(topic, bell, None, self._network.ring)
        return None

    def _take(self, topic: Topic) -> Listener | None:
        with self._lock:
            for position, listener in enumerate(self._idle):
                if listener.topic.folder == topic.folder:
                    return self._idle.pop(position)
        return None

    def _give(self, listener: Listener) -> None:
        with self._lock:
            if self._closed or not listener.is_kept:
                surplus: Listener | None = listener
            else:
                self._idle.append(listener)
                surplus = self._idle.pop(0) if len(self._idle) > _IDLE else None
        if surplus is not None:
            surplus.close()


def _datagrams() -> socket.socket:
    bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bell.setblocking(False)
    return bell


def _bind(folder: Path, topic: Topic) -> Listener:
    name = secrets.token_hex(6)
    # A file system without sockets, a folder of another user's, no descriptor left: looking now and then must do.
    with ExitStack() as stack, suppress(OSError):
        bell = stack.enter_context(_datagrams())
        folder.mkdir(parents=True, exist_ok=True)
        with _addressed(folder, longest=name) as place:
            if place is not None:
                bell.bind(f"{place}/{name}")
                stack.pop_all()
                return Listener(topic, bell, folder / name)
    return Listener(topic, None, None)


@contextmanager
def _addressed(folder: Path, *, longest: str) -> Iterator[str | None]:
    """A name of ``folder`` that is short enough for addresses in it; None where there is no such name."""
    if len(os.fsencode(folder)) + 1 + len(longest) <= _ADDRESS:
        yield str(folder)
    elif sys.platform == "linux":
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        yield None
