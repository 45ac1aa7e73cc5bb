"""Tasks that hold up the outcomes of those before them, each in its way."""

import ctypes
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Far longer than a test waits: seconds.
LONG = 600


def spin() -> None:
    while True:
        pass


def hold_lock_in_c() -> None:
    ctypes.PyDLL(None).sleep(LONG)


def match_for_ever() -> None:
    re.match(r"(a+)+$", "a" * 60 + "b")


def stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(LONG)


def catch_all() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
    time.sleep(LONG)


def deadlock() -> None:
    lock = threading.Lock()
    with lock:
        lock.acquire()


def hold_output() -> None:
    sys.stdout.write("printed, and not ended")
    time.sleep(LONG)


def wait_for_child() -> None:
    if (child := os.fork()) == 0:
        time.sleep(LONG)
        os._exit(0)
    os.waitpid(child, 0)


def crowd() -> None:
    for _ in range(3):
        threading.Thread(target=spin, daemon=True).start()
    spin()


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


#: What goes on until its worker is ended.
ENDLESS: dict[str, Callable[[], Any]] = {
    "sleeps": lambda: time.sleep(LONG),
    "spins": spin,
    "holds the lock in C": hold_lock_in_c,
    "matches a pattern": match_for_ever,
    "adds numbers": lambda: sum(range(10**13)),
    "makes a huge number": lambda: pow(7, 10**9),
    "stops itself": stop,
    "blocks signals": catch_all,
    "waits for itself": deadlock,
    "reads what nobody writes": lambda: os.read(os.pipe()[0], 1),
    "waits for a child": wait_for_child,
    "prints half a line": hold_output,
    "has many threads": crowd,
}
#: What ends its worker.
DEADLY: dict[str, Callable[[], Any]] = {
    "exits": lambda: os._exit(3),
    "crashes": crash,
    "is killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


def act(event: dict[str, Any]) -> Any:
    """Do what the event says, and note that it was run, and where."""
    with Path(event["ran"]).open("a", encoding="utf-8") as file:
        file.write(f"{event['index']} {os.getpid()}\n")
    match event["do"]:
        case "return":
            return event["index"]
        case "bytes":
            return bytes([event["index"]]) * event["size"]
        case "fail":
            raise ValueError(f"no {event['index']}")
        case "print":
            sys.stdout.write(f"said {event['index']}\n")
            return event["index"]
        case way:
            return {**ENDLESS, **DEADLY}[way]()


def wait_for(number: int, file: str) -> int:
    """Return a number; minus one only when a file is there."""
    while number < 0 and not Path(file).exists():
        time.sleep(0.01)
    return number


def line_up(number: int, places: str) -> None:
    """Write a number behind those of earlier calls, and take long enough that others come to wait."""
    with Path(places).open("a", encoding="utf-8") as written:
        written.write(f"{number}\n")
    time.sleep(0.02)


def line_up_as(event: list[Any]) -> None:
    line_up(*event)
