"""Doorbells: how one process wakes others at once when it made work or outcomes.

A listener binds a datagram socket in its topic's folder, and a ringer sends a byte to each socket there. A ring that is
lost costs time only: whoever listens also looks now and then.
"""

import hashlib
import os
import secrets
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import ceil
from pathlib import Path

#: The length of a socket's address is limited: 108 bytes on Linux, 104 elsewhere (unix(7)).
_ADDRESS = 100
#: Sockets that are kept bound between calls, since binding costs more than ringing.
_IDLE = 16


def pool_topic(pool: str) -> str:
    """Return the topic of a pool: it has work."""
    return "p" + hashlib.blake2s(pool.encode(), digest_size=6).hexdigest()


def session_topic(session: str) -> str:
    """Return the topic of a session, which it shares with some others, so that there are few folders: its log grew."""
    return "s" + hashlib.blake2s(session.encode(), digest_size=1).hexdigest()


class Listener:
    """One socket that is rung; without a socket, it can only wait."""

    def __init__(self, topic: str, bell: socket.socket | None, file: Path | None) -> None:
        self.topic = topic
        self._bell = bell
        self._file = file
        self._poll = select.poll()
        if bell is not None:
            self._poll.register(bell, select.POLLIN)

    def drain(self) -> None:
        """Forget earlier rings; look at what they were for after this, not before."""
        if self._bell is not None:
            with suppress(OSError):
                while True:
                    self._bell.recv(16)

    def wait(self, seconds: float) -> bool:
        """Wait for a ring, and return whether there was one."""
        if self._bell is None:
            time.sleep(max(0.0, seconds))
            return False
        return bool(self._poll.poll(max(0, ceil(seconds * 1000))))

    def close(self) -> None:
        """Take the socket away."""
        if self._bell is not None:
            self._bell.close()
        if self._file is not None:
            self._file.unlink(missing_ok=True)


class Doorbell:
    """The doorbells of one grid. ``folder`` holds one folder for each topic."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._idle: list[Listener] = []
        self._closed = False
        self._ringer = _datagrams()

    def ring(self, topic: str) -> None:
        """Wake all who listen to ``topic``, in any process."""
        folder = self._folder / topic
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
            self._ringer.sendto(b"!", f"{place}/{name}")
        except ConnectionRefusedError:
            # Its process died without taking it away.
            with suppress(OSError):
                (folder / name).unlink()
        except OSError:
            pass

    @contextmanager
    def listening(self, topic: str) -> Iterator[Listener]:
        """Listen to ``topic``; rings from before, since the last time, may still be there."""
        listener = self._take(topic) or _bind(self._folder / topic, topic)
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
        self._ringer.close()

    def _take(self, topic: str) -> Listener | None:
        with self._lock:
            for position, listener in enumerate(self._idle):
                if listener.topic == topic:
                    return self._idle.pop(position)
        return None

    def _give(self, listener: Listener) -> None:
        with self._lock:
            if self._closed:
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


def _bind(folder: Path, topic: str) -> Listener:
    name = secrets.token_hex(6)
    bell = _datagrams()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _addressed(folder, longest=name) as place:
            if place is not None:
                bell.bind(f"{place}/{name}")
                return Listener(topic, bell, folder / name)
    except OSError:
        # A file system without sockets, or a folder of another user's: looking now and then must do.
        pass
    bell.close()
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
