"""Each form of `url` that the docs name, and some more, opens a real server."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
import trustme

from htcgrid.testing.samples import bundles_of, session_of
from htcgrid_redis.settings import RedisSettings
from htcgrid_redis.state import RedisStateStore
from tests.emulators.patience import patiently
from tests.emulators.redis_server import QUICK, RedisClusterProcesses, RedisProcess, RedisSentinelProcess, free_port

PASSWORD = "a password: with / and @"
#: What stands in a `url` or a key for what is known once the server is there.
URLS = {
    "a host and a port": "redis://127.0.0.1:{port}",
    "with a slash": "redis://127.0.0.1:{port}/",
    "a database": "redis://127.0.0.1:{port}/3",
    "a name": "redis://localhost:{port}",
    "a name and a database": "redis://localhost:{port}/15",
    "IPv6": "redis://[::1]:{port}",
    "IPv6 and a database": "redis://[::1]:{port}/2",
    "IPv4 in IPv6's form": "redis://[::ffff:127.0.0.1]:{port}",
    "a user": "redis://desk@127.0.0.1:{port}",
    "TLS": "rediss://127.0.0.1:{tls}",
    "TLS and a name": "rediss://localhost:{tls}/1",
    "TLS and IPv6": "rediss://[::1]:{tls}/1",
    "a socket": "unix://{folder}/redis.sock",
    "a socket with an escaped letter": "unix://{folder}/%72edis.sock",
    "a socket and a user": "unix://desk@{folder}/redis.sock",
}


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


#: Where servers listen beside 127.0.0.1.
IPV6 = ("::1",) if has_ipv6() else ()


def check(settings: RedisSettings) -> None:
    """Use a store."""
    session = session_of()
    with closing(RedisStateStore(settings)) as store:
        store.agree()
        store.create(session, bundles_of(session, 2, 3), sealed=True)
        assert store.status([session.id])[0].total == 6


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server that listens in every way."""
    folder = tmp_path_factory.mktemp("urls")
    authority, tls = trustme.CA(), free_port()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued = authority.issue_cert("127.0.0.1", "::1", "localhost")
    issued.cert_chain_pems[0].write_to_path(folder / "server.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    options = {
        "tls-port": str(tls),
        "tls-cert-file": str(folder / "server.pem"),
        "tls-key-file": str(folder / "key.pem"),
        "tls-ca-cert-file": str(folder / "ca.pem"),
        "tls-auth-clients": "no",
        "unixsocket": str(folder / "redis.sock"),
    }
    server = RedisProcess(folder, {**QUICK, **options})
    server.start(also=IPV6)
    with redis.Redis(port=server.port) as client:
        client.acl_setuser("desk", enabled=True, passwords=[f"+{PASSWORD}"], categories=["+@all"], keys=["*"])
    yield {"port": str(server.port), "tls": str(tls), "folder": str(folder)}
    server.kill()


@pytest.mark.parametrize("name", URLS)
def test_each_form_of_url_opens_a_server(place: dict[str, str], name: str) -> None:
    if "::1" in URLS[name] and not IPV6:
        pytest.skip("this machine has no IPv6")
    url = URLS[name].format(**place)
    settings = RedisSettings(
        url=url,
        password=PASSWORD if "desk@" in url else None,
        tls_ca=f"{place['folder']}/ca.pem" if url.startswith("rediss") else None,
    )
    check(settings)


def test_a_user_and_a_password_of_their_own_keys_open_a_server(place: dict[str, str]) -> None:
    for url in ("redis://127.0.0.1:{port}", "unix://{folder}/redis.sock"):
        check(RedisSettings(url=url.format(**place), username="desk", password=PASSWORD))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_primary_is_found_by_each_form_of_a_sentinel_s_place(
    redis_process: RedisProcess, tmp_path: Path, host: str
) -> None:
    if host == "[::1]" and not IPV6:
        pytest.skip("this machine has no IPv6")
    redis_process.start()
    sentinel = RedisSentinelProcess(tmp_path / "sentinel", "grid", redis_process)
    sentinel.start(also=IPV6)
    nobody = f"redis://{host}:{free_port()}"
    try:
        for settings in (
            RedisSettings(url=f"redis://{host}:{sentinel.port}", sentinel="grid"),
            RedisSettings(url=f"redis://{host}:{sentinel.port}/4", sentinel="grid"),
            RedisSettings(url=nobody, sentinel="grid", sentinels=(f"{host}:{sentinel.port}",)),
        ):
            patiently(lambda settings=settings: check(settings))  # type: ignore[misc]
    finally:
        sentinel.kill()


def test_any_node_of_a_cluster_opens_it(redis_cluster: RedisClusterProcesses) -> None:
    for node in redis_cluster.nodes:
        for host in ("127.0.0.1", "localhost"):
            check(RedisSettings(url=f"redis://{host}:{node.port}", cluster=True))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://[::1]:6380/2", "[::1]:6380"),
        ("rediss://[fe80::1]", "[fe80::1]:6379"),
        ("redis://", "localhost:6379"),
        ("redis://example.com", "example.com:6379"),
        ("redis://desk@example.com:1", "example.com:1"),
        ("unix:///run/redis.sock", "/run/redis.sock"),
    ],
)
def test_a_place_is_named_as_people_write_it(url: str, shown: str) -> None:
    assert RedisSettings(url=url).place == shown


@pytest.mark.parametrize("more", ["", "host", ":1", "host:", "host:x", "::1:26379", "[::1]", "a@h:1", "h:0", "h:1/2"])
def test_a_sentinel_s_place_that_is_none_is_told(more: str) -> None:
    with pytest.raises(ValueError, match=r"is not of the form host:port, or \[address\]:port"):
        RedisSettings(url="redis://host:26379", sentinel="grid", sentinels=(more,))
