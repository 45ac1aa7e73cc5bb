"""Waiting for a service that a test has disturbed."""

import time
from collections.abc import Callable
from typing import TypeVar

from htcgrid.errors import ProviderUnavailableError

_Answer = TypeVar("_Answer")


def patiently(call: Callable[[], _Answer], seconds: float = 180.0) -> _Answer:
    """Return what a call returns once it can be made."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return call()
        except ProviderUnavailableError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
