"""How much memory a worker may have, and what is said when a task asks for more."""

import resource
import sys
from contextlib import suppress
from pathlib import Path

#: When the machine runs out of memory, Linux ends a worker rather than its agent (proc(5), oom_score_adj).
_RATHER = 500


def limit_memory(limit: int | None) -> None:
    """Let this process reserve at most so many bytes of data, and end before its agent when the machine has none left.

    ``RLIMIT_DATA`` counts private writable memory when it is reserved (getrlimit(2), since Linux 4.7), so a task fails
    before its neighbours do; other systems may not count all of it.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            score = Path("/proc/self/oom_score_adj")
            score.write_text(str(max(_RATHER, int(score.read_text(encoding="ascii")))), encoding="ascii")
    if limit is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def lift_memory_limit() -> int | None:
    """Let this process, which is to end, reserve what it needs to say why; return its limit, None if it had none."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    return None if soft == resource.RLIM_INFINITY else soft
