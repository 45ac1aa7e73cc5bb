"""The gate in front of the state file, and a holder of it that was stopped."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from htcgrid.errors import ProviderUnavailableError
from htcgrid.local.gate import Gate
from htcgrid.local.process import continue_holder

HOLDER = """
import sys, time
from datetime import timedelta
from pathlib import Path
from htcgrid.local.gate import Gate

gate = Gate(Path(sys.argv[1]), timedelta(seconds=1))
with gate:
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
print("let go", flush=True)
sys.stdin.read()
"""

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who holds a lock")


@contextmanager
def holder(file: Path, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that holds the gate for a time, and return once it does."""
    command = [sys.executable, "-c", HOLDER, str(file), str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def state(process: subprocess.Popen[bytes]) -> str:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGSTOP)
    while state(process) != "T":
        time.sleep(0.001)


@linux_only
def test_a_holder_that_was_stopped_is_made_to_go_on_by_who_waits_for_it(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    gate = Gate(file, timedelta(seconds=20))
    with holder(file, 0.5) as process:
        stop(process)
        with gate:
            assert process.stdout is not None
            assert process.stdout.readline() == b"let go\n"
    gate.close()


@linux_only
def test_only_a_process_that_holds_the_lock_is_made_to_go_on(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    gate = Gate(file, timedelta(seconds=1))
    with holder(file, 0.01) as process, gate:
        # It still has the file open, and waits for nothing.
        stop(process)
        assert not continue_holder(gate._descriptor)
        assert state(process) == "T"
    gate.close()


def test_a_holder_that_takes_its_time_is_left_alone_and_told_of(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    gate = Gate(file, timedelta(seconds=0.05))
    with (
        holder(file, 60) as process,
        pytest.raises(ProviderUnavailableError, match=r"another process holds the state file beside .*lock for more"),
        gate,
    ):
        pass
    assert process.returncode == -signal.SIGKILL
    gate.close()
