"""What an agent may be told by a worker: of the tasks that it was handed, and in the shape that reports have.

A handler has the worker's channel in its process, and can write whatever it likes there. What a value says is its
session's affair; but a report of other tasks, or one that does not fit together, is none, and its worker is ended.
"""

import re

from htcgrid.model import Block
from htcgrid.model.outcome import check_block
from htcgrid_agent.workers.messages import Report

#: Most letters of a file's name.
_FILE = 4096
_CODE = re.compile(r"([0-9a-f]{12})?")


class Expected:
    """Judges the reports of one worker."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._ready = False
        self._run = self._start = self._stop = 0

    def hand(self, run: int, start: int, stop: int) -> None:
        """Note that the worker is handed a run."""
        self._run, self._start, self._stop = run, start, stop

    def check(self, report: Report) -> None:
        """Refuse a report that is not to be expected of this worker now.

        Raises:
            ValueError: it is one.
        """
        if report.run == 0 and not self._ready:
            if report.block is not None:
                raise ValueError("it tells of tasks before it was handed any")
            self._ready = True
            return
        if report.run != self._run or not self._run:
            raise ValueError(f"it tells of run {report.run}, and was handed run {self._run}")
        if len(report.edited) > _FILE:
            raise ValueError(f"the name of a file has {len(report.edited):,} letters")
        if report.block is not None:
            self._check_block(report.block)

    def _check_block(self, block: Block) -> None:
        check_block(block)
        if block.start < self._start or block.stop > self._stop:
            tasks = f"{block.start} to {block.stop - 1}"
            raise ValueError(f"it tells of tasks {tasks}, and was handed {self._start} to {self._stop - 1}")
        if block.worker != self._worker or block.tries or _CODE.fullmatch(block.code) is None:
            raise ValueError("it tells of what is for its agent to say")
        if None in block.values:
            told = (index for index, value in enumerate(block.values, block.start) if value is None)
            if any(index not in block.failures for index in told):
                raise ValueError("a task has neither a value nor an error")
