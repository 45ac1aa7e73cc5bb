"""Handlers for tests of agents and grids."""

import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from htcgrid import TaskError


def echo(event: Any) -> Any:
    return event


def oops(event: Any) -> Any:
    if event == "oops":
        raise ValueError("oops, says the handler")
    return event


def refuse_odd(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


def needs_file(path: str) -> str:
    return Path(path).read_text()


def fail_long(text: str) -> str:
    if len(text) > 10:
        raise ValueError(f"{len(text)} letters")
    return text


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def too_large(event: Any) -> str:
    return "x" * (65 << 20)


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


def talk(event: Any) -> Any:
    """Print to both streams, and through the bytes below; then end as the payload says."""
    sys.stdout.write(f"out {event}\n")
    sys.stderr.write(f"err {event}\n")
    sys.stdout.buffer.write(b"bytes\n")
    if event == "oops":
        raise ValueError("oops")
    return segfault(event)


def talk_much(size: int) -> None:
    """Print much, with an end by which it can be known, and fail."""
    sys.stdout.write("x" * size + "the end\n")
    raise ValueError("oops")


def describe(_event: Any, context: Any) -> Any:
    return {
        "session": context.session_id,
        "index": context.index,
        "try": context.try_number,
        "labels": context.labels,
        "remaining": context.remaining(),
        "worker": context.worker,
    }


def do_with_logger(code: str, context: Any) -> int:
    exec(code, {"log": context.logger, "logging": logging})
    return os.getpid()


def log(event: Any, context: Any) -> int:
    context.logger.debug("not this")
    context.logger.warning("%s", event)
    return os.getpid()


def refuse(event: str) -> None:
    try:
        os.environ[f"no such variable {event}"]
    except KeyError as error:
        raise TaskError.no_retry(event) from error


def refuse_connection(event: Any) -> None:
    raise ConnectionRefusedError(f"no {event}")


def shared(ref: str, context: Any) -> Any:
    return context.get(ref)


def length_of_shared(ref: str, context: Any) -> int:
    return len(context.get(ref))
