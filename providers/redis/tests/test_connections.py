"""Ways to a server: with TLS, through Sentinels, in a process that was forked."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
import trustme

from htcgrid.errors import ConfigError, ProviderUnavailableError
from htcgrid.model import SessionId
from htcgrid.testing.samples import bundles_of, new_id, session_of
from htcgrid_redis.settings import RedisSettings
from htcgrid_redis.state import RedisStateStore
from tests.emulators.patience import patiently
from tests.emulators.redis_server import QUICK, RedisProcess, RedisSentinelProcess, free_port


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secured(tmp_path: Path, authority: trustme.CA) -> Iterator[RedisSettings]:
    """The settings of a grid on a server that speaks TLS, and asks its clients who they are."""
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "server", "key", "client", "client-key")}
    authority.cert_pem.write_to_path(files["ca"])
    for names, certificate, key in (("127.0.0.1", "server", "key"), ("client.example.com", "client", "client-key")):
        issued = authority.issue_cert(names)
        issued.cert_chain_pems[0].write_to_path(files[certificate])
        issued.private_key_pem.write_to_path(files[key])
    port = free_port()
    options = {"tls-port": str(port), "tls-cert-file": str(files["server"]), "tls-key-file": str(files["key"])}
    server = RedisProcess(tmp_path / "redis", {**QUICK, **options, "tls-ca-cert-file": str(files["ca"])})
    server.start()
    yield RedisSettings(
        url=f"rediss://127.0.0.1:{port}",
        tls_ca=str(files["ca"]),
        tls_certificate=str(files["client"]),
        tls_key=str(files["client-key"]),
    )
    server.kill()


def check(settings: RedisSettings) -> None:
    """Use a store."""
    session = session_of()
    with closing(RedisStateStore(settings)) as store:
        store.agree()
        store.create(session, bundles_of(session, 2, 3), sealed=True)
        assert store.status([session.id])[0].total == 6


def test_a_server_with_tls_is_used_when_its_certificate_is_trusted(secured: RedisSettings) -> None:
    check(secured)


def test_a_certificate_that_is_not_trusted_is_refused(secured: RedisSettings, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    for settings in (
        RedisSettings(
            url=secured.url, tls_ca=str(other), tls_certificate=secured.tls_certificate, tls_key=secured.tls_key
        ),
        RedisSettings(url=secured.url.replace("127.0.0.1", "localhost"), tls_ca=secured.tls_ca),
        RedisSettings(url=secured.url, tls_ca=secured.tls_ca),
    ):
        with pytest.raises(ProviderUnavailableError):
            check(settings)


def test_a_certificate_that_cannot_be_read_is_named(secured: RedisSettings) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.pem: No such file"):
        RedisStateStore(RedisSettings(url=secured.url, tls_ca="/nowhere.pem"))


def test_another_primary_is_found_through_sentinels(tmp_path: Path) -> None:
    primary, replica = (RedisProcess(tmp_path / name) for name in ("primary", "replica"))
    for server in (primary, replica):
        server.start()
    with redis.Redis(port=replica.port) as client:
        client.execute_command("REPLICAOF", "127.0.0.1", primary.port)
    sentinel = RedisSentinelProcess(tmp_path / "sentinel", "grid", primary)
    sentinel.start()
    session = session_of()
    try:
        settings = RedisSettings(url=sentinel.url, sentinel="grid", replicas=1)
        with closing(RedisStateStore(settings)) as store:
            patiently(lambda: store.create(session, bundles_of(session, 2, 3), sealed=True))
            primary.kill()
            assert patiently(lambda: store.status([session.id]))[0].total == 6
        with closing(RedisStateStore(RedisSettings(url=sentinel.url, sentinel="grid"))) as store:
            patiently(lambda: store.create(session_of()))
    finally:
        for process in (sentinel, primary, replica):
            process.kill()


def test_another_sentinel_is_asked_and_none_is_left_with_a_connection(
    redis_process: RedisProcess, tmp_path: Path
) -> None:
    redis_process.start()
    sentinel = RedisSentinelProcess(tmp_path / "sentinel", "grid", redis_process)
    sentinel.start()
    nobody = f"redis://127.0.0.1:{free_port()}"
    settings = RedisSettings(url=nobody, sentinel="grid", sentinels=(f"127.0.0.1:{sentinel.port}",))
    try:
        with redis.Redis(port=sentinel.port) as client:

            def connections() -> int:
                return len(client.client_list(_type="normal"))

            patiently(lambda: check(settings))
            before = connections()
            for _ in range(5):
                check(settings)
            deadline = time.monotonic() + 10
            while connections() > before:
                assert time.monotonic() < deadline
                time.sleep(0.01)
    finally:
        sentinel.kill()


def test_a_fork_has_connections_of_its_own(redis_url: str) -> None:
    settings = RedisSettings(url=redis_url, name=new_id())
    ids = [SessionId(new_id()) for _ in range(40)]
    with closing(RedisStateStore(settings)) as store:
        store.create(session_of(id=ids[0]))
        child = os.fork()
        for number, one in enumerate(ids[1:]):
            if number % 2 == (child == 0):
                store.create(session_of(id=one))
        if child == 0:
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert status == 0
        assert {found.session.id for found in store.sessions().sessions} == set(ids)


def test_a_store_that_is_closed_leaves_no_connection(redis_url: str) -> None:
    name = f"grid-{new_id()}"
    with redis.Redis.from_url(redis_url) as client:
        before = len(client.client_list())
        with closing(RedisStateStore(RedisSettings(url=redis_url, name=name))) as store:
            store.create(session_of())
            assert len(client.client_list()) == before + 1
            store.close()
        deadline = time.monotonic() + 10
        while len(client.client_list()) > before:
            assert time.monotonic() < deadline
            time.sleep(0.01)
