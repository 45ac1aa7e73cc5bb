"""What the measured tasks do."""

import time
from typing import Any

#: The handlers of this module, as agents have to allow them.
HANDLERS = "htcgrid.bench.work:*"
ECHO = "htcgrid.bench.work:echo"
NAP = "htcgrid.bench.work:nap"


def echo(event: Any) -> Any:
    """Return what came."""
    return event


def nap(event: float) -> float:
    """Sleep for so many seconds; return how many that were, which is a little more."""
    began = time.perf_counter()
    time.sleep(event)
    return time.perf_counter() - began
