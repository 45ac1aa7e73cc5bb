"""A service that is missing is told in the header; tests that need it are skipped, and in CI they fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.emulators.engine import engine_answers
from tests.emulators.redis_server import ADDRESS

_TESTS = """
from tests.emulators.redis_server import RedisProcess

def test_with_a_fixture(redis_url):
    assert redis_url

def test_with_a_server_of_its_own(tmp_path):
    RedisProcess(tmp_path).start()

def test_without():
    assert True
"""


@pytest.fixture
def without_redis(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine that has no Redis."""
    if engine_answers():
        pytest.skip("a Docker engine answers, by which there is a Redis")
    for program in ("redis-server", "valkey-server"):
        if found := shutil.which(program):
            assert Path(found).parent != Path(sys.executable).parent
    return {"PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}


def ran(folder: Path, environment: dict[str, str]) -> str:
    (folder / "test_it.py").write_text(_TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "tests.emulators.plugin", "-rsf", "--rootdir", str(folder), "-c"]
    found = subprocess.run(
        [*command, os.devnull, str(folder / "test_it.py")],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    return found.stdout + found.stderr


def test_a_service_that_is_missing_is_told_and_its_tests_are_skipped(
    tmp_path: Path, without_redis: dict[str, str]
) -> None:
    told = ran(tmp_path, without_redis)
    assert "services: Redis missing (no Redis: apt-get install redis-server" in told
    assert "1 passed, 2 skipped" in told


def test_in_ci_they_fail(tmp_path: Path, without_redis: dict[str, str]) -> None:
    told = ran(tmp_path, without_redis | {"CI": "1"})
    assert "no Redis: apt-get install redis-server" in told
    assert "1 passed" in told
    assert "skipped" not in told


def test_an_address_in_the_environment_goes_first(tmp_path: Path, without_redis: dict[str, str]) -> None:
    told = ran(tmp_path, without_redis | {ADDRESS: "redis://127.0.0.1:1"})
    assert "services: Redis at redis://127.0.0.1:1" in told
    assert "2 passed, 1 skipped" in told
