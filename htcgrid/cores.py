"""Cores that a process may use, and how they are shared out among workers and the threads of their libraries."""

import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from htcgrid.cgroup import Quota, least_quota

#: OpenMP's variable. OpenBLAS, MKL, BLIS and numexpr follow it, too, where their own is not set.
_OPENMP = "OMP_NUM_THREADS"
#: The variables by which libraries are told how many threads to start: joblib's list (MAX_NUM_THREADS_VARS of its
#: _parallel_backends.py, 1.6), which its workers get with the same number; dask's (distributed.yaml) are among them.
_THREADS = (
    _OPENMP,
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
#: By which a user tells Python how many cores there are: since 3.13 os.cpu_count() heeds them.
_VARIABLE, _OPTION = "PYTHON_CPU_COUNT", "cpu_count"


class Cores(msgspec.Struct, frozen=True, kw_only=True):
    """How many cores a process may use."""

    count: int
    #: Which they are and why, as "2 of the machine's 8 cores, by this process's affinity".
    reason: str


class Allotment(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent makes of its cores."""

    workers: int
    #: Of each worker's libraries; None when the user's own variable says no number.
    threads: int | None
    #: Why, in words.
    reason: str
    #: What workers have to have beside their other variables, for so many threads.
    variables: dict[str, str]


def usable_cores() -> Cores:
    """Return how many cores this process may use now; its children may use the same, unless they are told otherwise."""
    affinity = None
    # Only some systems have it; macOS does not.
    if hasattr(os, "sched_getaffinity"):
        affinity = len(os.sched_getaffinity(0))
    options = getattr(sys, "_xoptions", {})
    return cores_of(os.cpu_count(), affinity, least_quota(Path("/")), options=options, environment=os.environ)


def cores_of(
    machine: int | None,
    affinity: int | None,
    quota: Quota | None,
    *,
    options: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Cores:
    """Return the least of what is known; but what the user told Python holds, be it more or less.

    A part of a core is none, unless there is no whole one. A quota stops every process of its group for the rest of a
    period once it is used up, so that a second worker on 1.5 cores would hold up the first, and the agent's renewals of
    its leases as well; what is left over serves the agent itself. Uber's automaxprocs for Go and Rust's
    available_parallelism round down, too; loky and dask round up.
    """
    if (told := _told(options or {}, environment or {})) is not None:
        return told
    most = max(1, machine or 1)
    if affinity and affinity < most:
        found = Cores(count=affinity, reason=f"{_part(affinity, most)}, by this process's affinity")
    else:
        found = Cores(count=most, reason=f"the machine's {most} cores" if most > 1 else "the machine's only core")
    if quota is None or quota.cores >= found.count:
        return found
    count = max(1, math.floor(quota.cores))
    exact = count == quota.cores
    rounded = "" if exact else ", rounded down" if count < quota.cores else ", and no fewer than 1"
    return Cores(count=count, reason=f"{_part(count, most)}, by the quota of {quota.cores:g} in {quota.file}{rounded}")


def allotted(cores: Cores, workers: int | None, environment: Mapping[str, str]) -> Allotment:
    """Share out cores among workers, as many as there are cores when left out, and the threads of their libraries.

    Workers × threads are no more than the cores, if the workers alone are not. ``environment`` is what workers have
    anyway: a variable in it stays, and with OpenMP's none is added, as those of single libraries would outdo it.
    """
    number = workers or cores.count
    reason = f"one worker per usable core: {cores.reason}"
    if workers:
        reason = f"workers as set, on {cores.reason}"
    own = [name for name in _THREADS if name in environment]
    if _OPENMP in own:
        reason += f"; {_OPENMP} is set, and stays"
        return Allotment(workers=number, threads=_number(environment[_OPENMP]), reason=reason, variables={})
    threads = max(1, cores.count // number)
    reason += "".join(f"; {name} is set, and stays" for name in own)
    variables = {name: str(threads) for name in _THREADS if name not in environment}
    return Allotment(workers=number, threads=threads, reason=reason, variables=variables)


def _told(options: Mapping[str, object], environment: Mapping[str, str]) -> Cores | None:
    """Return what the user told Python; None when that is nothing, or nothing that Python would take."""
    by, text = (f"-X {_OPTION}", options[_OPTION]) if _OPTION in options else (_VARIABLE, environment.get(_VARIABLE))
    count = _number(text) if isinstance(text, str) else None
    return (
        None
        if count is None
        else Cores(count=count, reason=f"{count} {'core' if count == 1 else 'cores'}, as {by} says")
    )


def _part(count: int, most: int) -> str:
    return f"{count} of the machine's {most} cores" if most > 1 else "the machine's only core"


def _number(text: str) -> int | None:
    """Return the number that a variable begins with: OpenMP's may list one for each level of loops in loops."""
    first = text.partition(",")[0].strip()
    return int(first) if first.isascii() and first.isdigit() and len(first) < 6 and int(first) else None
