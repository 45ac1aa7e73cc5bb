"""The settings of a whole process: how each is looked at, and how it is set again.

To look at all of it must cost little, so C modules are asked in place of their wrappers, and what is looked at is
compared by identity as far as it can be.
"""

import _locale
import _signal  # type: ignore[import-not-found]
import _tracemalloc
import builtins
import faulthandler
import gc
import io
import os
import resource
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any, NamedTuple

from htcgrid_agent.runtimes.python import library_settings, patches

#: Stands for an attribute that a module lacks.
_NONE = object()
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_LIMITS = [getattr(resource, f"RLIMIT_{name}") for name in ("AS", "CPU", "DATA", "FSIZE", "NOFILE", "NPROC", "STACK")]
_SYS = (
    "path", "argv", "stdin", "__stdin__", "__stdout__", "__stderr__", "excepthook", "unraisablehook", "displayhook",
    "breakpointhook", "tracebacklimit", "dont_write_bytecode", "ps1", "meta_path", "path_hooks",
)  # fmt: skip
#: What tests put their own in place of; to look at all that the module has would take as long as all else.
_OS = (
    "environ", "path", "getcwd", "getpid", "getenv", "listdir", "scandir", "stat", "open", "remove", "makedirs",
    "system", "urandom", "cpu_count",
)  # fmt: skip


class Setting(NamedTuple):
    """One thing that is set for the whole process."""

    #: Returns a value that equals the one before while nothing has changed; a list or a dict is the one that is used.
    look: Callable[[], Any]
    #: Sets it to a value that it had; raises when it cannot.
    put: Callable[[Any], object]


def process_settings() -> list[Setting]:
    """Return all of them, in the order in which they are to be set again.

    They hold the functions that they call, for tasks may leave those of modules patched.
    """
    return [
        # A timer may go off while the others are set.
        *_signals(),
        Setting(lambda: builtins.__dict__, _refill(builtins.__dict__)),
        _attributes(os, *_OS),
        *(Setting(look, put) for look, put in library_settings.ALL),
        _attributes(sys, *_SYS),
        _attributes(threading, "excepthook"),
        _attributes(warnings, "filters", "showwarning", "formatwarning"),
        _list(sys, "path"),
        _list(sys, "argv"),
        _list(sys, "meta_path"),
        _list(sys, "path_hooks"),
        Setting(lambda: _is_open(sys.stdin), _open_stdin),
        Setting(lambda: warnings.filters, _put_filters),
        *_environment(),
        *_of_the_interpreter(),
        *_of_the_system(),
        # What was put back by then is not missed.
        *(Setting(look, put) for look, put in patches.settings()),
    ]


def _refill(variables: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    def put(was: dict[str, Any]) -> None:
        for name in variables.keys() - was.keys():
            del variables[name]
        variables.update(was)

    return put


def _attributes(module: ModuleType, *names: str) -> Setting:
    """Return what a module's attributes are, though not what they hold."""
    variables = vars(module)
    get = variables.get

    def put(was: list[Any]) -> None:
        for name, value in zip(names, was, strict=True):
            if value is not _NONE:
                variables[name] = value
            else:
                variables.pop(name, None)

    return Setting(lambda: [get(name, _NONE) for name in names], put)


def _list(module: ModuleType, name: str) -> Setting:
    """Return what a module's list holds; the list itself is an attribute."""
    variables = vars(module)

    def put(was: list[Any]) -> None:
        variables[name][:] = was

    return Setting(lambda: variables.get(name), put)


def _is_open(stream: Any) -> bool:
    try:
        return not stream.closed
    except (AttributeError, ValueError):
        # It is None, or detached.
        return False


def _open_stdin(was: bool) -> None:
    if was:
        io.TextIOWrapper.__init__(sys.stdin, io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8")  # type: ignore[arg-type]


def _put_filters(was: list[Any]) -> None:
    warnings.filters[:] = was  # type: ignore[index]
    # Python keeps which warnings were shown until it is told that filters have changed, which this does, too.
    with warnings.catch_warnings():
        pass


def _environment() -> Iterator[Setting]:
    environment = os.environb
    variables: dict[bytes, bytes] = vars(os.environ)["_data"]
    set_zone = time.tzset

    def put(was: dict[bytes, bytes]) -> None:
        for name in variables.keys() - was.keys():
            del environment[name]
        for name, value in was.items():
            environment[name] = value
        set_zone()

    yield Setting(lambda: variables, put)
    # Who sets TZ calls time.tzset(), or does not.
    yield Setting(lambda: (time.tzname, time.timezone, time.altzone), lambda _was: set_zone())


def _signals() -> Iterator[Setting]:
    numbers = sorted(map(int, signal.valid_signals()))
    get, put, mask, wake = _signal.getsignal, _signal.signal, _signal.pthread_sigmask, _signal.set_wakeup_fd
    get_timer, put_timer = _signal.getitimer, _signal.setitimer

    def put_handlers(was: list[Any]) -> None:
        for number, handler in zip(numbers, was, strict=True):
            if get(number) is not handler:
                # TypeError for None, which stands for one that Python has not set.
                put(number, handler)

    def wakeup() -> int:
        number: int = wake(-1)
        if number != -1:
            with suppress(OSError, ValueError):
                wake(number, warn_on_full_buffer=False)
        return number

    def timers() -> list[tuple[bool, float]]:
        return [(left > 0, interval) for left, interval in map(get_timer, _TIMERS)]

    def put_timers(was: list[tuple[bool, float]]) -> None:
        for timer, (_, interval) in zip(_TIMERS, was, strict=True):
            put_timer(timer, interval, interval)

    yield Setting(timers, put_timers)
    yield Setting(lambda: list(map(get, numbers)), put_handlers)
    yield Setting(lambda: mask(signal.SIG_BLOCK, ()), lambda was: mask(signal.SIG_SETMASK, was))
    yield Setting(wakeup, wake)


def _of_the_interpreter() -> Iterator[Setting]:
    yield Setting(sys.getrecursionlimit, sys.setrecursionlimit)
    yield Setting(sys.gettrace, sys.settrace)
    yield Setting(sys.getprofile, sys.setprofile)
    yield Setting(threading.gettrace, threading.settrace)
    yield Setting(threading.getprofile, threading.setprofile)
    yield Setting(threading.stack_size, threading.stack_size)
    yield Setting(sys.getswitchinterval, sys.setswitchinterval)
    yield Setting(sys.get_int_max_str_digits, sys.set_int_max_str_digits)
    yield Setting(sys.getdlopenflags, sys.setdlopenflags)
    yield Setting(sys.get_asyncgen_hooks, lambda was: sys.set_asyncgen_hooks(*was))
    yield Setting(sys.get_coroutine_origin_tracking_depth, sys.set_coroutine_origin_tracking_depth)
    yield Setting(_tracemalloc.is_tracing, lambda was: _tracemalloc.start() if was else _tracemalloc.stop())
    thread = threading.main_thread()
    yield Setting(lambda: thread.name, lambda was: setattr(thread, "name", was))
    yield Setting(gc.isenabled, lambda was: gc.enable() if was else gc.disable())
    yield Setting(gc.get_threshold, lambda was: gc.set_threshold(*was))
    yield Setting(gc.get_debug, gc.set_debug)
    yield Setting(lambda: gc.callbacks, lambda was: gc.callbacks.__setitem__(slice(None), was))
    yield Setting(socket.getdefaulttimeout, socket.setdefaulttimeout)
    yield Setting(
        faulthandler.is_enabled,
        lambda was: faulthandler.enable(all_threads=False) if was else faulthandler.disable(),
    )
    locale, every = _locale.setlocale, _locale.LC_ALL
    yield Setting(lambda: locale(every, None), lambda was: locale(every, was))


def _of_the_system() -> Iterator[Setting]:
    change_folder, folder, umask = os.chdir, os.getcwd, os.umask

    def look_folder() -> str | None:
        try:
            return folder()
        except OSError:
            # It was deleted.
            return None

    def look_umask() -> int:
        was = umask(0o077)
        umask(was)
        return was

    limit, put_limit = resource.getrlimit, resource.setrlimit

    def put_limits(was: list[tuple[int, int]]) -> None:
        for number, limits in zip(_LIMITS, was, strict=True):
            put_limit(number, limits)

    yield Setting(look_folder, lambda was: None if was is None else change_folder(was))
    yield Setting(look_umask, umask)
    yield Setting(lambda: list(map(limit, _LIMITS)), put_limits)
    priority, put_priority = os.getpriority, os.setpriority
    yield Setting(lambda: priority(os.PRIO_PROCESS, 0), lambda was: put_priority(os.PRIO_PROCESS, 0, was))
    if hasattr(os, "sched_getaffinity"):
        affinity, put_affinity = os.sched_getaffinity, os.sched_setaffinity
        yield Setting(lambda: affinity(0), lambda was: put_affinity(0, was))
