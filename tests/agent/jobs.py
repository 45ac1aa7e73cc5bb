"""Handlers for tests of agents and grids."""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any


def echo(event: Any) -> Any:
    return event


def describe(event: Any, context: Any) -> list[Any]:
    return [event, context.session_id, context.index, context.try_number, context.remaining() is not None]


def oops(event: Any) -> Any:
    if event == "oops":
        raise ValueError("oops, says the handler")
    return event


def until_third_try(event: Any, context: Any) -> Any:
    if context.try_number < 3:
        raise RuntimeError(f"try {context.try_number}")
    return event


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def nap(event: Any) -> Any:
    time.sleep(0.05)
    return event


def nan(event: Any) -> float:
    return float("nan")


def unencodable(event: Any) -> Any:
    return threading.Lock()


def too_large(event: Any) -> str:
    return "x" * (65 << 20)


def large(event: Any) -> str:
    return "x" * (1 << 20)


def segfault(event: Any) -> Any:
    if event == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    return event


def exit_hard(event: Any) -> Any:
    if event == "die":
        os._exit(3)
    return event


def exit_soft(event: Any) -> Any:
    if event == "die":
        sys.exit(3)
    return event


def print_megabytes(event: Any) -> Any:
    for _ in range(8):
        sys.stdout.write("x" * (1 << 20) + "\n")
    sys.stdout.flush()
    return event


def close_output(event: Any) -> Any:
    for descriptor in (1, 2):
        try:
            os.close(descriptor)
        except OSError:
            continue
    return event


def close_everything(event: Any) -> Any:
    if event == "die":
        os.closerange(3, 256)
        time.sleep(30)
    return event


def ignore_sigterm(seconds: float) -> float:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(seconds)
    return seconds


def leave_a_child_behind(event: Any) -> Any:
    """Die, while a forked child keeps every descriptor open."""
    if event == "die":
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        os._exit(4)
    return event


def kill_the_agent_once(marker: str) -> str:
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(30)
    return marker


class Pricer:
    @staticmethod
    def price(event: Any) -> Any:
        return event
