"""Every promise, on 200 seeds; `make nightly` has 10,000."""

import logging
import os
import subprocess
import sys
from collections import Counter
from random import Random

import pytest

from htcgrid.model import TaskState
from tests.simulation.faults import Fault, Site
from tests.simulation.many import simulated
from tests.simulation.scheduler import Process, Scheduler
from tests.simulation.simulation import Report, simulate
from tests.simulation.sites import call_sites, unreached

SEEDS = 200
#: One more, which gets where few do: to a session that was deleted while its client added tasks to it.
RARE = 250


def test_every_promise_is_kept_on_every_seed_and_much_happens_on_them() -> None:
    # One test: the seeds take minutes, and processes that run tests share nothing.
    reports = list(simulated((*range(SEEDS), RARE)))
    every_promise_is_kept(reports)
    every_call_of_a_store_in_connector_reaper_and_agent_is_made(reports)
    faults_of_all_kinds_happen_and_many(reports)
    tasks_end_in_every_way_and_most_succeed(reports)


def every_promise_is_kept(reports: list[Report]) -> None:
    wrong = [report for report in reports if report.wrong]
    told = "\n".join(f"python -m tests.simulation --seed {report.seed}: {report.wrong}" for report in wrong)
    assert not wrong, "\n".join([told, *(wrong[0].trace if wrong else ())])


def every_call_of_a_store_in_connector_reaper_and_agent_is_made(reports: list[Report]) -> None:
    assert len(call_sites()) > 30
    assert unreached(set().union(*(report.calls for report in reports))) == []


def test_a_call_that_nobody_makes_is_missed() -> None:
    sites = call_sites()
    some = next(iter(sites))
    assert unreached(set(sites) - {some}) == [some]
    assert Site("htcgrid/connector/reader.py", 1) not in sites


def faults_of_all_kinds_happen_and_many(reports: list[Report]) -> None:
    faults = sum((Counter(report.faults) for report in reports), Counter[Fault]())
    assert set(Fault) == set(faults)
    assert faults.total() > 10_000


def tasks_end_in_every_way_and_most_succeed(reports: list[Report]) -> None:
    tasks = sum((Counter(report.tasks) for report in reports), Counter[TaskState]())
    assert tasks[TaskState.SUCCEEDED] > 10_000
    assert min(tasks[TaskState.FAILED], tasks[TaskState.CANCELLED]) > 100
    assert tasks[TaskState.FAILED] < tasks.total() / 4


@pytest.mark.parametrize("seed", [1, 14, 31])
def test_a_seed_does_the_same_each_time(seed: int) -> None:
    # In processes of their own, with sets in another order each.
    script = f"from tests.simulation.simulation import simulate; print(simulate({seed}).digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": order},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for order in ("1", "2", "3")
    }
    assert digests == {f"{simulate(seed).digest}\n"}


def test_two_seeds_do_not_do_the_same() -> None:
    assert simulate(1).digest != simulate(2).digest


def test_threads_that_are_unwound_at_the_end_log_nothing(caplog: pytest.LogCaptureFixture) -> None:
    scheduler, seen = Scheduler(Random(1)), list[BaseException]()

    def run() -> None:
        try:
            scheduler.current.wait()
        except BaseException as error:
            seen.append(error)
            logging.getLogger("thread").exception("it ended")
            raise

    scheduler.spawn(Process("client"), run, "watch")
    scheduler.run(until=1.0)
    scheduler.end()
    assert len(seen) == 1
    assert not caplog.records
    logging.getLogger("thread").error("what comes later is logged")
    assert len(caplog.records) == 1
