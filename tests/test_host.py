"""The machine, as the connector uses it."""

import signal
import subprocess
import sys

import pytest

#: The signal goes to another thread, which is how one looks that came just before the wait: the wait goes on.
_PROGRAM = """
import os, signal, threading, time
from htcgrid.host import RealHost

def press():
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=press, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
flag, condition = RealHost().flag(), RealHost().condition()
with condition:
    {wait}
"""


@pytest.mark.parametrize("wait", ["flag.wait()", "condition.wait()", "condition.wait_for(lambda: False)"])
def test_a_wait_without_end_hears_an_interrupt_that_came_just_before_it(wait: str) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(wait=wait)], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.stderr.endswith("KeyboardInterrupt\n")
