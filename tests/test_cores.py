"""Which cores a process may use, and what an agent makes of them."""

import os
import subprocess
import sys

import pytest

from htcgrid.cgroup import Quota
from htcgrid.cores import Cores, allotted, cores_of, usable_cores

FILE = "/sys/fs/cgroup/cpu.max"
LIBRARIES = {
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
}


@pytest.mark.parametrize(
    ("machine", "affinity", "quota", "count", "reason"),
    [
        (8, 8, None, 8, "the machine's 8 cores"),
        (8, None, None, 8, "the machine's 8 cores"),
        (1, 1, None, 1, "the machine's only core"),
        (None, None, None, 1, "the machine's only core"),
        (8, 2, None, 2, "2 of the machine's 8 cores, by this process's affinity"),
        (4, 8, None, 4, "the machine's 4 cores"),
        (8, 8, 3.0, 3, f"3 of the machine's 8 cores, by the quota of 3 in {FILE}"),
        (8, 8, 3.9, 3, f"3 of the machine's 8 cores, by the quota of 3.9 in {FILE}, rounded down"),
        (8, 8, 1.5, 1, f"1 of the machine's 8 cores, by the quota of 1.5 in {FILE}, rounded down"),
        (8, 8, 0.2, 1, f"1 of the machine's 8 cores, by the quota of 0.2 in {FILE}, and no fewer than 1"),
        (1, 1, 0.5, 1, f"the machine's only core, by the quota of 0.5 in {FILE}, and no fewer than 1"),
        (8, 4, 2.0, 2, f"2 of the machine's 8 cores, by the quota of 2 in {FILE}"),
        (8, 2, 4.0, 2, "2 of the machine's 8 cores, by this process's affinity"),
        (8, 2, 2.0, 2, "2 of the machine's 8 cores, by this process's affinity"),
        (8, 8, 8.0, 8, "the machine's 8 cores"),
        (8, 8, 16.0, 8, "the machine's 8 cores"),
    ],
)
def test_the_least_of_affinity_quota_and_machine_holds(
    machine: int | None, affinity: int | None, quota: float | None, count: int, reason: str
) -> None:
    limit = None if quota is None else Quota(cores=quota, file=FILE)
    assert cores_of(machine, affinity, limit) == Cores(count=count, reason=reason)


@pytest.mark.parametrize(
    ("options", "environment", "reason"),
    [
        ({}, {"PYTHON_CPU_COUNT": "3"}, "3 cores, as PYTHON_CPU_COUNT says"),
        ({}, {"PYTHON_CPU_COUNT": "16"}, "16 cores, as PYTHON_CPU_COUNT says"),
        ({"cpu_count": "1"}, {"PYTHON_CPU_COUNT": "3"}, "1 core, as -X cpu_count says"),
        ({"cpu_count": "default"}, {"PYTHON_CPU_COUNT": "3"}, "the machine's 8 cores"),
        ({"cpu_count": True}, {}, "the machine's 8 cores"),
        ({}, {"PYTHON_CPU_COUNT": "default"}, "the machine's 8 cores"),
        ({}, {"PYTHON_CPU_COUNT": "0"}, "the machine's 8 cores"),
        ({}, {"PYTHON_CPU_COUNT": ""}, "the machine's 8 cores"),
    ],
)
def test_what_the_user_tells_python_holds(options: dict[str, object], environment: dict[str, str], reason: str) -> None:
    assert cores_of(8, 8, None, options=options, environment=environment).reason == reason


@pytest.mark.parametrize(
    ("cores", "asked", "workers", "threads"),
    [(8, None, 8, 1), (8, 1, 1, 8), (8, 2, 2, 4), (8, 3, 3, 2), (8, 8, 8, 1), (8, 20, 20, 1), (1, None, 1, 1)],
)
def test_workers_times_threads_are_no_more_than_the_cores(
    cores: int, asked: int | None, workers: int, threads: int
) -> None:
    found = allotted(Cores(count=cores, reason="those"), asked, {"PATH": "/bin"})
    assert (found.workers, found.threads) == (workers, threads)
    assert found.variables == dict.fromkeys(LIBRARIES, str(threads))
    assert found.reason == ("workers as set, on those" if asked else "one worker per usable core: those")


@pytest.mark.parametrize(
    ("own", "threads", "set_too"),
    [
        ({"MKL_NUM_THREADS": "4"}, 1, LIBRARIES - {"MKL_NUM_THREADS"}),
        (
            {"OPENBLAS_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"},
            1,
            LIBRARIES - {"OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"},
        ),
        (dict.fromkeys(LIBRARIES - {"OMP_NUM_THREADS"}, "3"), 1, {"OMP_NUM_THREADS"}),
        # The libraries' own variables would outdo it.
        ({"OMP_NUM_THREADS": "4"}, 4, set()),
        ({"OMP_NUM_THREADS": "4,2"}, 4, set()),
        ({"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "1"}, 2, set()),
        ({"OMP_NUM_THREADS": ""}, None, set()),
        ({"OMP_NUM_THREADS": "many"}, None, set()),
    ],
)
def test_what_the_user_set_stays(own: dict[str, str], threads: int | None, set_too: set[str]) -> None:
    found = allotted(Cores(count=4, reason="the machine's 4 cores"), None, own)
    assert found.threads == threads
    assert set(found.variables) == set_too
    decides = "OMP_NUM_THREADS" in own
    assert all(
        f"; {name} is set, and stays" in found.reason for name in own if not decides or name == "OMP_NUM_THREADS"
    )


def test_a_process_and_its_children_may_use_the_cores_that_it_was_left() -> None:
    before = os.sched_getaffinity(0)
    count = "from htcgrid.cores import usable_cores; print(usable_cores().count)"
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cores().count == 1
        assert subprocess.check_output([sys.executable, "-c", count], text=True) == "1\n"
    finally:
        os.sched_setaffinity(0, before)
