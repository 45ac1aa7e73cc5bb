"""Fixtures of real services, for all tests; how each is had is said in the header of a run.

In this order: one that the environment names, a container when a Docker engine answers, a process of this machine.
Where there is none, tests that need it are skipped with the reason; in CI they fail.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.emulators import redis_server
from tests.emulators.engine import engine_answers
from tests.emulators.redis_server import MissingServiceError, RedisClusterProcesses, RedisProcess


def pytest_report_header() -> list[str]:
    """Say how services are had."""
    return [f"services: Redis {_way_to_redis()}"]


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis that tests share; each has keys of its own."""
    with _redis(tmp_path_factory) as url:
        yield url


@pytest.fixture
def redis_process(tmp_path: Path) -> Iterator[RedisProcess]:
    """A Redis of the test's own that may be killed; it is started by the test."""
    process = RedisProcess(tmp_path / "redis")
    yield process
    process.kill()


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisClusterProcesses]:
    """A cluster of three servers, which are processes."""
    cluster = RedisClusterProcesses(tmp_path_factory.mktemp("redis-cluster"))
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def redis_cluster_url(redis_cluster: RedisClusterProcesses) -> str:
    """Where a node of that cluster is."""
    return redis_cluster.url


@contextmanager
def _redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if named := redis_server.named():
        yield named
    elif engine_answers():
        from testcontainers.redis import RedisContainer

        with RedisContainer(redis_server.IMAGE) as container:
            yield f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}"
    else:
        process = RedisProcess(tmp_path_factory.mktemp("redis"))
        process.start()
        yield process.url
        process.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    """Skip a test whose fixtures need a service that is missing; in CI, fail it."""
    with _needed():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Skip a test that needs a service that is missing; in CI, fail it."""
    with _needed():
        return (yield)


@contextmanager
def _needed() -> Iterator[None]:
    try:
        yield
    except MissingServiceError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


def _way_to_redis() -> str:
    if named := redis_server.named():
        return f"at {named}"
    if engine_answers():
        return f"in a container of {redis_server.IMAGE}"
    try:
        return f"as {redis_server.server()}"
    except MissingServiceError as error:
        return f"missing ({error})"
