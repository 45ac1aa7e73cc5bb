"""The worker's end of the connection to its agent."""

import socket
import threading

import msgspec
import pytest

from htcgrid_agent.runtimes.python.channel import Channel
from htcgrid_agent.workers.messages import Found, Need, frame


def test_a_run_is_over_once_a_thread_that_asked_has_its_answer() -> None:
    # Else that thread and the worker's main one read from the connection at once, and each may get what is the other's.
    agents, workers = socket.socketpair()
    with agents, workers:
        channel = Channel(workers)
        channel.open()
        answers: list[Found] = []
        asking = threading.Thread(target=lambda: answers.append(channel.ask(Need("ref"))))
        asking.start()
        agents.recv(1 << 16)
        closing = threading.Thread(target=channel.close)
        closing.start()
        closing.join(0.1)
        assert closing.is_alive()
        agents.sendall(frame(Found(b"file"), msgspec.msgpack.Encoder()))
        asking.join(10)
        closing.join(10)
        assert answers == [Found(b"file")]
        with pytest.raises(RuntimeError, match="before the handler returns"):
            channel.ask(Need("ref"))
