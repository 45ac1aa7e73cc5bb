"""A way to a service that fails as networks and services do."""

import socket
import struct
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from random import Random

#: Bytes that are passed on at a time.
_CHUNK = 1 << 16
#: Closing it so is a reset, not an end (socket(7), SO_LINGER).
_RESET = struct.pack("ii", 1, 0)


class Fault(StrEnum):
    """What befalls a connection."""

    #: What was asked is not passed on, or only a part of it.
    REQUEST_LOST = "request lost"
    REQUEST_CUT = "request cut"
    #: What was asked is done, and the answer never comes, or only a part of it.
    ANSWER_LOST = "answer lost"
    ANSWER_CUT = "answer cut"
    #: An error comes in the place of the answer, and what was asked is not passed on.
    REFUSED = "refused"


class FaultyProxy:
    """Passes bytes on between clients and a service; now and then a connection meets a fault, and is reset."""

    def __init__(self, port: int, *, seed: int, errors: Sequence[bytes] = ()) -> None:
        self._target = port
        self._random = Random(seed)
        self._errors = errors
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        #: Which share of what is passed on meets a fault; whether the way is closed altogether.
        self.share = 0.0
        self.closed = False
        self.faults: Counter[Fault] = Counter()
        #: How often something was asked, pipelined commands as one.
        self.asked = 0
        self._connections: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End all connections, and take no more."""
        self.closed = True
        # Who waits to accept would not see that it is closed.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Reset all connections."""
        for connection in list(self._connections):
            _reset(connection)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.closed:
                    _reset(client)
                    continue
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self._target)) as service:
            self._connections |= {client, service}
            for connection in (client, service):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            #: Set while an answer is awaited or on its way: an error in the middle of it is what no service sends.
            busy = threading.Event()
            answers = threading.Thread(target=self._answer, args=(service, client, busy), daemon=True)
            answers.start()
            self._ask(client, service, busy)
            answers.join()
        self._connections.discard(client)

    def _ask(self, client: socket.socket, service: socket.socket, busy: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(_CHUNK):
                self.asked += 1
                match self._fault(Fault.REQUEST_LOST, Fault.REQUEST_CUT, Fault.REFUSED):
                    case None:
                        busy.set()
                        service.sendall(data)
                        continue
                    case Fault.REQUEST_CUT:
                        service.sendall(data[: self._random.randrange(len(data))])
                    case Fault.REFUSED if not busy.is_set():
                        client.sendall(self._random.choice(self._errors) if self._errors else b"")
                _reset(client)
                break
        # What was sent before is done.
        with suppress(OSError):
            service.shutdown(socket.SHUT_WR)

    def _answer(self, service: socket.socket, client: socket.socket, busy: threading.Event) -> None:
        with suppress(OSError):
            while data := service.recv(_CHUNK):
                match self._fault(Fault.ANSWER_LOST, Fault.ANSWER_CUT):
                    case None:
                        client.sendall(data)
                        if data.endswith(b"\r\n"):
                            busy.clear()
                        continue
                    case Fault.ANSWER_CUT:
                        client.sendall(data[: self._random.randrange(len(data))])
                _reset(client)
                break
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _fault(self, *faults: Fault) -> Fault | None:
        if self._random.random() >= self.share:
            return None
        fault = self._random.choice(faults)
        self.faults[fault] += 1
        return fault


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()
