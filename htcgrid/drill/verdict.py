"""Whether the promises were kept, by the evidence."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable

import msgspec

from htcgrid.drill.evidence import Evidence
from htcgrid.drill.notes import Run
from htcgrid.drill.plan import AGENT_STRIKES, WORKER_STRIKES, Strike
from htcgrid.drill.striker import Struck

#: What a lost agent or worker has run in its last moments may run again: outcomes are reported within 10 ms, wait
#: for company for the store's ``flush``, and are committed. Seconds, beside ``flush``.
_COMMIT = 1.0
#: A paused agent needs so long to learn that its leases are gone: seconds.
_LEARN = 2.0
#: A run that was cut short while it began a task overlaps the next run of that one by this much at most: seconds.
_OVERLAP = 1.0
#: So many tasks, or one in a hundred, may overlap so in a drill.
_FEW = 3
#: How many tasks are named at most.
_NAMED = 5


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a drill."""

    tasks: int
    strikes: dict[Strike, int]
    #: Tasks that were accepted and have no outcome, of which the log has several, and whose result was not theirs.
    lost: list[int]
    twice: list[int]
    wrong: list[int]
    #: Runs beyond the first of each task, None when no agent noted its runs; and how many there may be, None when it
    #: is not known what was struck.
    again: int | None
    bound: int | None
    #: By kind of strike: the seconds from it until each interrupted task ran again, each bundle elsewhere, and there
    #: were hints again.
    recovery: dict[Strike, list[float]]
    #: Every promise that was broken: which task, and why.
    broken: list[str]

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return not self.broken


class Judge:
    """Looks at the evidence of one drill."""

    def __init__(self, evidence: Evidence, tasks: int, *, flush: float, observed: bool = False) -> None:
        self._evidence = evidence
        #: Whether it was others who struck.
        self._observed = observed
        self._tasks = tasks
        self._window = flush + _COMMIT
        self._broken: list[str] = []
        self._by_task: defaultdict[int, list[Run]] = defaultdict(list)
        #: By the number of its process, and of which agent they are.
        self._by_worker: defaultdict[int, list[Run]] = defaultdict(list)
        self._workers: defaultdict[str, set[int]] = defaultdict(set)
        for run in evidence.runs:
            self._by_task[run.task].append(run)
            self._by_worker[run.pid].append(run)
            self._workers[run.agent].add(run.pid)
        strikes = (struck for struck in evidence.struck if struck.strike in AGENT_STRIKES | WORKER_STRIKES)
        self._cut = {run for struck in strikes for run in self._cut_by(struck)}

    def verdict(self) -> Verdict:
        """Return what is so."""
        evidence = self._evidence
        lost, twice, wrong = self._lost(), self._twice(), self._wrong()
        self._look_at_counts()
        self._look_at_readers()
        for name, log in evidence.fallen.items():
            self._broken.append(f"{name} ended by itself: {log}")
        again = len(evidence.runs) - len(self._by_task) if evidence.runs else None
        bound = None if self._observed else self._bound()
        if bound is not None:
            self._look_at_reruns(again, bound)
        return Verdict(
            tasks=evidence.status.total,
            strikes=Counter(struck.strike for struck in evidence.struck),
            lost=lost,
            twice=twice,
            wrong=wrong,
            again=again,
            bound=bound,
            recovery=self._recovery(),
            broken=self._broken,
        )

    def _complain(self, tasks: Iterable[int], why: str) -> list[int]:
        found = sorted(tasks)
        self._broken += [f"task {index} {why}" for index in found[:_NAMED]]
        if len(found) > _NAMED:
            self._broken.append(f"and {len(found) - _NAMED:,} tasks more: {why}")
        return found

    def _lost(self) -> list[int]:
        total = max([self._evidence.status.total, *(reading.accepted for reading in self._evidence.readings)])
        missing = set(range(total)) - self._evidence.recorded.keys()
        return self._complain(missing, "was accepted and has no outcome")

    def _twice(self) -> list[int]:
        counts = self._evidence.recorded
        return self._complain((index for index in counts if counts[index] > 1), "stands in the log more than once")

    def _wrong(self) -> list[int]:
        wrong: dict[int, str] = {}
        for reading in self._evidence.readings:
            wrong |= reading.wrong
        values = [index for index, word in wrong.items() if word == "wrong"]
        for index in sorted(wrong.keys() - set(values))[:_NAMED]:
            self._broken.append(f"task {index} failed, though it can be run: {wrong[index]}")
        return self._complain(values, "has another result than the one that its handler returns")

    def _look_at_counts(self) -> None:
        status, recorded = self._evidence.status, self._evidence.recorded
        if (status.ended, status.total) != (len(recorded), self._tasks):
            self._broken.append(
                f"the status counts {status.ended} of {status.total} tasks as ended; the log has {len(recorded)}, and "
                f"{self._tasks} were submitted"
            )

    def _look_at_readers(self) -> None:
        for number, reading in enumerate(self._evidence.readings, start=1):
            again = (index for index, count in reading.told.items() if count > 1)
            self._complain(again, f"was told to client {number} more than once")
        *_, last = self._evidence.readings
        missing = self._evidence.outcomes.keys() - last.told.keys()
        self._complain(missing, "has an outcome, and the last client was not told of it")

    def _look_at_reruns(self, again: int | None, bound: int) -> None:
        """Look whether each run whose outcome is not the recorded one was cut off by a strike, and how many ran."""
        causeless = {
            run.task: f"ran again although nothing had struck {run.worker}"
            for task, runs in self._by_task.items()
            if len(runs) > 1 and self._cut.isdisjoint(runs)
            for run in self._unrecorded(task, runs)
            if not self._overlapped(run, runs)
        }
        for task, why in sorted(causeless.items())[:_NAMED]:
            self._broken.append(f"task {task} {why}")
        if again is not None and again > bound:
            self._broken.append(f"tasks were run again {again:,} times, and what was struck accounts for {bound:,}")

    def _unrecorded(self, task: int, runs: list[Run]) -> list[Run]:
        outcome = self._evidence.outcomes.get(task)
        if outcome is None:
            return []
        theirs = [run for run in runs if run.worker == outcome.worker]
        recorded = min(theirs, key=lambda run: abs(run.at - outcome.began), default=None)
        return [run for run in runs if run is not recorded]

    def _overlapped(self, run: Run, runs: list[Run]) -> bool:
        """Return whether it began just as its agent gave the task to another of its workers, which may happen."""
        others = (other for other in runs if other is not run and other.agent == run.agent)
        return any(abs(other.at - run.at) < _OVERLAP for other in others)

    def _bound(self) -> int:
        """Return how often tasks may have run again: what victims had begun and not committed, and a few overlaps."""
        overlaps = sum(
            any(self._overlapped(run, runs) for run in runs)
            for runs in self._by_task.values()
            if len(runs) > 1 and self._cut.isdisjoint(runs)
        )
        return len(self._cut) + min(overlaps, max(_FEW, self._tasks // 100))

    def _victims(self, struck: Struck) -> Iterable[list[Run]]:
        """Return what each worker that a strike befell has run, in order."""
        pids = [struck.pid] if struck.pid else self._workers[struck.agent]
        return [self._by_worker[pid] for pid in pids]

    def _cut_by(self, struck: Struck) -> Iterable[Run]:
        """Yield the runs that a strike may have cut off."""
        for runs in self._victims(struck):
            begun = [run.at for run in runs]
            first, last = bisect_left(begun, struck.at - self._window), bisect_left(begun, struck.until + _LEARN)
            # And the one that it was at, however long.
            yield from runs[max(0, first - 1) : last]

    def _recovery(self) -> dict[Strike, list[float]]:
        found: defaultdict[Strike, list[float]] = defaultdict(list)
        for struck in self._evidence.struck:
            if struck.strike is Strike.AGENT_TOLD_TO_STOP:
                found[struck.strike] += self._given_back(struck)
            elif struck.strike is Strike.QUEUE_EMPTIED and struck.until > struck.at:
                found[struck.strike].append(struck.until - struck.at)
            elif struck.strike in AGENT_STRIKES | WORKER_STRIKES:
                found[struck.strike] += self._interrupted(struck)
        return dict(found)

    def _interrupted(self, struck: Struck) -> Iterable[float]:
        """Yield how long after a strike each task ran again that the victim had begun, and had not recorded."""
        for runs in self._victims(struck):
            before = [run for run in runs if run.at <= struck.at]
            for run in before[-1:]:
                later = (other.at for other in self._by_task[run.task] if other.at > struck.at and other != run)
                again = min(later, default=None)
                outcome = self._evidence.outcomes.get(run.task)
                if again is not None and outcome is not None and outcome.began > struck.at:
                    yield again - struck.at

    def _given_back(self, struck: Struck) -> Iterable[float]:
        """Yield how long after an agent was told to stop a task of each bundle that it held ran elsewhere."""
        for bundle in struck.held:
            began = (
                run.at
                for index in bundle.open
                for run in self._by_task[index]
                if run.at > struck.at and run.agent != struck.agent
            )
            first = min(began, default=None)
            if first is not None:
                yield first - struck.at
