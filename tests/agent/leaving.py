"""Handlers that do, and look at, what the tests write down as Python."""

import asyncio
import builtins
import codecs
import contextlib
import contextvars
import datetime as dt
import decimal
import faulthandler
import fractions
import gc
import io
import json
import locale
import logging
import math
import multiprocessing
import os
import pathlib
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest.mock
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import freezegun
import numpy as np
import pandas as pd

from htcgrid import Grid, Outcome, RetryPolicy

VARIABLE = contextvars.ContextVar("VARIABLE", default="as it was")
NAMES = globals()
PID = os.getpid()
#: As modules have them that log to stderr.
HANDLER = logging.StreamHandler()
#: Which warnings were shown.
SHOWN: dict[Any, Any] = {}
LIBRARIES = (
    asyncio, builtins, codecs, contextlib, decimal, dt, faulthandler, fractions, freezegun, gc, io, json, locale, math,
    multiprocessing, np, os, pathlib, pd, random, resource, signal, socket, subprocess, sys, tempfile, threading, time,
    unittest, warnings,
)  # fmt: skip


def leave(event: list[str]) -> list[Any]:
    """Do something; return what is seen then, and which process this is."""
    code, look = event
    exec(code, NAMES)
    return [str(eval(look, NAMES)), PID]


def see(look: str) -> list[Any]:
    print("seen")  # noqa: T201 - what is printed is what is tested
    return [str(eval(look, NAMES)), PID]


def in_thread(look: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(look).result()


def do(code: str) -> Any:
    """Do something, and return what it calls the result."""
    names = dict(NAMES)
    exec(code, names)
    return names.get("result")


def do_with_context(code: str, context: Any) -> Any:
    NAMES["CONTEXT"] = context
    return do(code)


def say(event: str) -> str:
    """Say it in all ways, and return the worker's process."""
    print("out", event)  # noqa: T201 - as above
    sys.stderr.write(f"err {event}\n")
    HANDLER.emit(logging.makeLogRecord({"msg": f"logged {event}"}))
    return str(os.getpid())


def outcomes(grid: Grid, handler: Any, *tasks: Any) -> list[Outcome]:
    """Return the outcomes of a session of its own."""
    session = grid.submit(handler, list(tasks), retry=RetryPolicy(tries=1), output="all")
    return sorted(session.outcomes(timeout=60), key=lambda outcome: outcome.index)
