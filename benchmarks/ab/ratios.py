"""The ratios of the pairs, their spread, the table, and the verdict whether the change is slower."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class Measurement(NamedTuple):
    """What one process found out about one side."""

    #: Of each turn, from submit to the last result.
    seconds: tuple[float, ...]
    #: Processors' seconds of client, agent and workers, for each task.
    processor: float


class Pair(NamedTuple):
    """Both sides, measured in turns."""

    base: Measurement
    change: Measurement

    @property
    def speed(self) -> float:
        """How many times as fast the change is: the median of the ratios turn by turn."""
        turns = zip(self.base.seconds, self.change.seconds, strict=True)
        return statistics.median(base / change for base, change in turns)

    @property
    def thrift(self) -> float:
        """How many times as much processor time the base takes: like ``speed``, more than 1 is better."""
        return self.base.processor / self.change.processor


class Spread(NamedTuple):
    """The median of ratios, the quartiles beside it, and the extremes."""

    least: float
    lower: float
    median: float
    upper: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:.3f}  {self.lower:.3f}–{self.upper:.3f}  {self.least:.3f}–{self.most:.3f}"


class Found(NamedTuple):
    """All pairs of one measure."""

    title: str
    tasks: int
    pairs: Sequence[Pair]

    @property
    def speed(self) -> Spread:
        """The spread of how many times as fast the change is."""
        return spread(pair.speed for pair in self.pairs)

    @property
    def thrift(self) -> Spread:
        """The spread of how many times as much processor time the base takes."""
        return spread(pair.thrift for pair in self.pairs)

    @property
    def seconds(self) -> tuple[float, float]:
        """The median of all turns of the base, and of the change."""
        base = statistics.median(seconds for pair in self.pairs for seconds in pair.base.seconds)
        return base, statistics.median(seconds for pair in self.pairs for seconds in pair.change.seconds)

    @property
    def processor(self) -> tuple[float, float]:
        """The median of the processors' seconds for a task of the base, and of the change."""
        base = statistics.median(pair.base.processor for pair in self.pairs)
        return base, statistics.median(pair.change.processor for pair in self.pairs)


def spread(ratios: Iterable[float]) -> Spread:
    """Return the median of ratios, their quartiles, the least and the most of them."""
    found = sorted(ratios)
    # Of one there are no quartiles.
    lower, median, upper = statistics.quantiles(found * 2 if len(found) == 1 else found, n=4, method="inclusive")
    return Spread(found[0], lower, median, upper, found[-1])


def slower(all_found: Iterable[Found], least: float) -> list[Found]:
    """Return the measures whose median ratio of speed is less than the least that will do."""
    return [found for found in all_found if found.speed.median < least]


def unsure(all_found: Iterable[Found], least: float) -> list[Found]:
    """Return the measures whose median ratio is so close to the least that as many other pairs may say otherwise.

    That is within two standard errors of a median, which are 1.25 / 1.35 times the distance of the quartiles, by the
    root of the number of pairs, if the ratios are near to normal. A single pair is never sure.
    """
    return [
        found
        for found in all_found
        if len(found.pairs) == 1
        or abs(found.speed.median - least)
        < 2 * 1.25 / 1.35 * (found.speed.upper - found.speed.lower) / math.sqrt(len(found.pairs))
    ]


def table(all_found: Iterable[Found], least: float) -> list[str]:
    """Return the lines of a table: for each measure a row of its speed, and one of its processor time."""
    titles = ("", "base", "change", "ratio", "quartiles", "extremes")
    lines = ["{:<22} {:>16} {:>16}  {:<5}  {:<11}  {}".format(*titles)]
    for found in all_found:
        ending = "SLOWER" if slower([found], least) else "ok"
        lines.append(f"{_row(found.title, *_speeds(found), found.speed)}  {ending}")
        lines.append(_row("  processors, a task", *_processors(found), found.thrift))
    return lines


def verdict(all_found: Sequence[Found], least: float) -> list[str]:
    """Return the lines that say whether the change is slower, in what, and of which measures that is not sure."""
    if worse := slower(all_found, least):
        told = ", ".join(f"{found.title} ({found.speed.median:.3f})" for found in worse)
        lines = [f"The change is slower than {least:g} times the base: {told}."]
    else:
        lines = [f"The change is no slower: each median ratio of speed is at least {least:g}."]
    if doubtful := unsure(all_found, least):
        told = ", ".join(found.title for found in doubtful)
        lines.append(f"Not sure: {told}. Other pairs may say otherwise: ask for more, or leave the machine alone.")
    return lines


def facts(found: Found) -> Mapping[str, object]:
    """Return what there is to write down of a measure."""
    pairs = [{side: one._asdict() for side, one in pair._asdict().items()} for pair in found.pairs]
    return {
        "measure": found.title,
        "tasks": found.tasks,
        "speed": found.speed._asdict(),
        "thrift": found.thrift._asdict(),
        "pairs": pairs,
    }


def _speeds(found: Found) -> tuple[str, str]:
    base, change = found.seconds
    if found.tasks == 1:
        return f"{1000 * base:.2f} ms", f"{1000 * change:.2f} ms"
    return f"{found.tasks / base:,.0f} tasks/s", f"{found.tasks / change:,.0f} tasks/s"


def _processors(found: Found) -> tuple[str, str]:
    base, change = found.processor
    return f"{1e6 * base:,.1f} µs", f"{1e6 * change:,.1f} µs"


def _row(title: str, base: str, change: str, ratios: Spread) -> str:
    return f"{title:<22} {base:>16} {change:>16}  {ratios}"
