"""Measure Ray's tasks: ``python -m benchmarks.peers.ray.measure_tasks``, by its own Python."""

import ray

from benchmarks.handlers import echo
from benchmarks.peers.ray.calling import Call, measured


def tasks(_workers: int) -> Call:
    """Return what starts a task."""
    task = ray.remote(num_cpus=1, enable_task_events=False)(echo)
    return lambda _number, payload: task.remote(payload)


if __name__ == "__main__":
    measured(tasks)
