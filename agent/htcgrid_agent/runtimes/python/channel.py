"""The worker's end of the connection to its agent."""

import os
import socket
import threading

import msgspec

from htcgrid_agent.workers.messages import Found, Frames, Need, Report, RunTasks, Setup, frame

#: What a thread is told that asks when no handler runs.
LATE = "context.get() serves the handler that runs: call it before the handler returns"


class Channel:
    """Sends whole messages, from any thread; the main thread reads what comes between runs."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        # Looked up once: handlers may leave these patched.
        self._getpid, self._exit = os.getpid, os._exit
        self._process = os.getpid()
        self._frames = Frames()
        self._bodies: list[bytearray] = []
        self._encoder = msgspec.msgpack.Encoder()
        self._runs = msgspec.msgpack.Decoder(RunTasks)
        self._sending = threading.Lock()
        self._asking = threading.Lock()
        #: Whether a handler is running, so that it may ask.
        self.is_open = False

    def setup(self) -> Setup | None:
        """Return the first message; None when the agent is gone."""
        body = self._next()
        return None if body is None else msgspec.msgpack.decode(body, type=Setup)

    def run(self) -> RunTasks | None:
        """Return the next run, once there is one; None when the agent has closed the connection."""
        body = self._next()
        return None if body is None else self._runs.decode(body)

    def open(self) -> None:
        """Let what runs from now on ask."""
        self.is_open = True

    def close(self) -> None:
        """Let nobody ask any more; a thread that waits for an answer has it by then, for what comes next is a run."""
        with self._asking:
            self.is_open = False

    def report(self, report: Report) -> None:
        """Send a report; a process that a handler forked has none to send, and ends."""
        if self._getpid() != self._process:
            self._exit(1)
        self._send(report)

    def ask(self, need: Need) -> Found:
        """Ask for a shared input, and wait; only during a run, when the agent sends nothing but answers.

        Raises:
            RuntimeError: no handler runs, or this is another process, which the handler started.
        """
        if self._getpid() != self._process:
            raise RuntimeError("context.get() serves the worker's own process: call it before starting another one")
        with self._asking:
            if not self.is_open:
                raise RuntimeError(LATE)
            self._send(need)
            body = self._next()
        if body is None:
            # The agent is gone, and its work is another's: nothing that this process does counts any more.
            self._exit(1)
        return msgspec.msgpack.decode(body, type=Found)

    def _send(self, message: Report | Need) -> None:
        data = frame(message, self._encoder)
        with self._sending:
            self._connection.sendall(data)

    def _next(self) -> bytearray | None:
        while not self._bodies:
            bodies = self._frames.read(self._connection)
            if bodies is None:
                return None
            self._bodies.extend(bodies)
        return self._bodies.pop(0)
