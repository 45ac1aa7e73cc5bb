"""What two cores and two workers are to reach."""

from typing import NamedTuple


class Target(NamedTuple):
    """A floor, or a ceiling."""

    limit: float
    more: bool

    def __str__(self) -> str:
        return f"{'≥' if self.more else '≤'} {self.limit:,g}"

    def holds(self, value: float) -> bool:
        """Return whether a value is as it was to be."""
        return value >= self.limit if self.more else value <= self.limit


def _least(limit: float) -> Target:
    return Target(limit, more=True)


def _most(limit: float) -> Target:
    return Target(limit, more=False)


_HISTORY = "10,000,000 finished tasks in 10,000 sessions"
_LARGEST = "1,000,000 tasks in one session"

#: By the names of grid and measure.
TARGETS = {
    ("local", name): target
    for name, target in {
        "10,000 tasks": _least(40_000),
        "submit 100,000 tasks": _least(150_000),
        "one task there and back, p50": _most(1.5),
        "one task there and back, p99": _most(5),
        _LARGEST + ": of the rate of 10,000": _least(90),
        _LARGEST + ": client": _most(250),
        _LARGEST + ": agent without workers": _most(150),
        _HISTORY + ": of the rate of an empty one": _least(90),
        _HISTORY + ": status, p50": _most(5),
        "sessions of one task, 8 clients, 16 in flight each": _least(2000),
        "sessions of one task, 8 clients, 1 in flight each": _least(1000),
        "workers at work, tasks of 1 ms": _least(90),
        "workers at work, tasks of 10 ms": _least(98),
        "workers at work, tasks of 100 ms": _least(99.5),
        "workers at work, tasks of 1000 ms": _least(99.5),
        "uneven tasks, log-normal, sigma 2: makespan": _most(1.1),
        "uneven tasks, 1 % a hundred times longer: makespan": _most(1.1),
        # 100 ms, and one task.
        "urgent task beside 1,000,000 of 0 ms, p50": _most(100),
        "urgent task beside 1,000,000 of 10 ms, p50": _most(110),
        "urgent task beside 1,000,000 of 100 ms, p50": _most(200),
        "stream of 100 ms tasks: first outcome after its task": _most(250),
        "idle agent, workers and waiting client": _most(1),
        "2,000 payloads of 1 MB: of plain files": _least(50),
        "import of htcgrid": _most(150),
        "htcgrid --help": _most(250),
        "Grid.open to the first result": _most(700),
        "close of an embedded grid": _most(200),
    }.items()
} | {("redis", "one task there and back, p50"): _most(3)}
