"""The peers that are measured, their settings, and in what they differ from htcgrid."""

from typing import NamedTuple


class Peer(NamedTuple):
    """A grid or task queue that is measured."""

    name: str
    #: The folder with its lock and its measurement.
    folder: str
    #: How it is set for many short tasks, and where the client takes the results from.
    settings: str
    #: The pages that advise so.
    sources: tuple[str, ...]
    #: What it does that htcgrid does not.
    more: str
    #: What it does not that htcgrid does.
    less: str
    redis: bool = False
    #: Whether it is among the three fastest that install.
    fast: bool = False
    #: The module in its folder that measures it.
    module: str = "measure"
    #: At most as many tasks in one bulk, for 5 to 10 seconds of it.
    tasks: int = 10_000
    #: At most as many round trips.
    trips: int = 200


#: All peers, the fastest first.
PEERS = (
    Peer(
        name="dramatiq",
        folder="dramatiq",
        settings="Redis; one thread in each process, dramatiq_queue_prefetch=100, RedisBackend, results of a group",
        sources=(
            "https://dramatiq.io/reference.html#environment-variables",
            "https://dramatiq.io/cookbook.html#results",
        ),
        more="RabbitMQ as a broker; middleware; pipelines; rate limits; delayed messages",
        less="results expire after ten minutes; a task submitted again is another task; tasks live as long as Redis",
        redis=True,
        fast=True,
    ),
    Peer(
        name="Ray, actors",
        folder="ray",
        settings="an actor for each worker, called in turn; one ray.get for all results; no dashboard",
        sources=(
            "https://docs.ray.io/en/latest/ray-core/patterns/ray-get-loop.html",
            "https://docs.ray.io/en/latest/ray-core/fault_tolerance/actors.html",
        ),
        more="objects in shared memory, results that are arguments of other tasks, GPUs, libraries for learning",
        less="calls go to a named actor, idle or not, and are not repeated when it dies; all is lost with the client",
        fast=True,
        tasks=20_000,
    ),
    Peer(
        name="Parsl HTEX",
        folder="parsl",
        settings="HighThroughputExecutor, prefetch_capacity=100, strategy none, no log; apps, not the bare executor",
        sources=(
            "https://parsl.readthedocs.io/en/stable/stubs/parsl.executors.HighThroughputExecutor.html",
            "https://parsl.readthedocs.io/en/stable/userguide/configuration/executors/htex.html",
        ),
        more="futures as arguments of other tasks, files staged in and out, Slurm, PBS and other batch systems",
        less="tasks and results are in the client's memory, and lost with it; no retries unless set",
        fast=True,
    ),
    Peer(
        name="Ray, tasks",
        folder="ray",
        module="measure_tasks",
        settings="num_cpus=1 for each task, enable_task_events=False; one ray.get for all results; no dashboard",
        sources=(
            "https://docs.ray.io/en/latest/ray-core/patterns/ray-get-loop.html",
            "https://docs.ray.io/en/latest/ray-core/api/doc/ray.remote.html",
        ),
        more="objects in shared memory, results that are arguments of other tasks, GPUs, libraries for learning",
        less="tasks and results are lost with the client that submitted them",
        tasks=5_000,
    ),
    Peer(
        name="taskiq",
        folder="taskiq",
        settings="RedisStreamBroker, uvloop, max-prefetch 100, one task at a time; the client asks for 100 at once",
        sources=(
            "https://taskiq-python.github.io/guide/cli.html",
            "https://github.com/taskiq-python/taskiq-redis",
        ),
        more="asyncio throughout; NATS, RabbitMQ and Kafka as brokers; dependency injection; schedules",
        less="the client asks for results again and again; a dead worker's tasks wait ten minutes for another",
        redis=True,
        tasks=5_000,
    ),
    Peer(
        name="Dask distributed",
        folder="dask",
        settings="LocalCluster, threads_per_worker=1, worker-saturation inf, no dashboard; map(pure=False) and gather",
        sources=(
            "https://distributed.dask.org/en/stable/efficiency.html",
            "https://distributed.dask.org/en/stable/scheduling-policies.html",
        ),
        more="graphs of tasks, data that stays with workers, collections like NumPy's and pandas', a dashboard",
        less="tasks and results are in the scheduler's and the workers' memory, and lost with them",
        tasks=4_000,
    ),
    Peer(
        name="HyperQueue",
        folder="hyperqueue",
        settings="a program (/bin/cat) for each task, as it is made for; its output, a file, is the result",
        sources=("https://it4innovations.github.io/hyperqueue/stable/python/submit/",),
        more="programs in any language, dependencies, resources of many kinds, workers that Slurm and PBS start",
        less="a process for each task; its Python client looks once a second whether a job has ended",
        tasks=4_000,
        trips=10,
    ),
    Peer(
        name="Celery",
        folder="celery",
        settings="Redis; prefork, prefetch multiplier 128, no gossip, mingle, heartbeat or events; a group's results",
        sources=(
            "https://docs.celeryq.dev/en/stable/userguide/optimizing.html",
            "https://docs.celeryq.dev/en/stable/userguide/configuration.html",
        ),
        more="RabbitMQ and SQS as brokers, chains and chords, schedules, rate limits, a large ecosystem",
        less="a task is acknowledged before it runs, so it is lost with its worker; results expire after a day",
        redis=True,
        tasks=3_000,
    ),
    Peer(
        name="RQ",
        folder="rq",
        settings="enqueue_many, a pool of SimpleWorkers (no fork for each job), logging WARNING; latest_result waits",
        sources=(
            "https://github.com/rq/rq/blob/master/docs/benchmark.md",
            "https://python-rq.org/docs/#bulk-job-enqueueing",
        ),
        more="jobs that depend on others, schedules, a registry of what failed, callbacks",
        less="one call of Redis after the other for each job; results expire",
        redis=True,
        tasks=2_000,
    ),
    Peer(
        name="OpenGRIS Scaler",
        folder="scaler",
        settings="SchedulerClusterCombo, logging WARNING, client.map",
        sources=("https://finos.github.io/opengris-scaler/", "https://github.com/finos/opengris-scaler"),
        more="graphs of tasks, balancing between workers by itself, workers on several clouds",
        less="tasks and results are in the memory of its processes, and lost with them",
        tasks=1_500,
    ),
)
