"""One way to call a server, whether it stands alone, behind Sentinels, or in a cluster."""

import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.retry import Retry
from redis.sentinel import Sentinel

from htcgrid.errors import ConfigError, HtcGridError, ProviderUnavailableError
from htcgrid_redis.faults import as_ours, translated
from htcgrid_redis.scripts import Script, script
from htcgrid_redis.settings import RedisSettings, host_and_port

#: The longest that one command blocks, in seconds; and how much of the time that an answer may take.
_BLOCK, _SHARE = 5.0, 0.5

_Argument = str | bytes | int | float
Command = tuple[_Argument, ...]


class Call(NamedTuple):
    """One call of a script."""

    name: str
    keys: Sequence[str]
    arguments: Sequence[_Argument] = ()


class Server:
    """Calls of scripts and commands, from any thread; connections are pooled, and a fork makes its own."""

    def __init__(self, settings: RedisSettings) -> None:
        """Connect to nothing yet, but find the nodes of a cluster.

        Raises:
            ConfigError: a certificate cannot be read.
            ProviderError: the nodes of a cluster cannot be found.
        """
        self._settings = settings
        self._closed = False
        self._lock = threading.Lock()
        self._requests = 0
        self.place = settings.place
        #: The longest that one command blocks, in seconds: its connection would else be taken for dead.
        self.block = min(_BLOCK, _SHARE * settings.timeout)
        self._sentinels: list[redis.Redis] = []
        with self._translated():
            self._client = self._connected(settings)

    @property
    def client(self) -> Any:
        """The SDK's own client."""
        return self._client

    def _connected(self, settings: RedisSettings) -> Any:
        """Return the SDK's client for these settings.

        It repeats nothing by itself: whoever calls a verb knows what repeating it does, and how long to go on.
        """
        options: dict[str, Any] = {
            "socket_connect_timeout": settings.connect_timeout,
            "socket_timeout": settings.timeout,
            "retry": Retry(NoBackoff(), 0),
        }
        if not settings.url.startswith("unix://"):
            # A socket of this machine needs none, and the SDK takes none for it.
            options["socket_keepalive"] = True
        if settings.url.startswith("rediss://"):
            options |= _tls(settings)
        user = {"username": settings.username, "password": settings.password}
        if settings.cluster:
            return RedisCluster.from_url(settings.url, **options, **user)
        if settings.sentinel is None:
            return redis.Redis.from_url(settings.url, **options, **user)
        parts = urlsplit(settings.url)
        if parts.scheme == "rediss":
            options["ssl"] = True
        more = (host_and_port(place) for place in settings.sentinels)
        sentinel = Sentinel(  # type: ignore[no-untyped-call]
            [(parts.hostname or "localhost", parts.port or 26379), *more],
            sentinel_kwargs={
                **options,
                "username": settings.sentinel_username,
                "password": settings.sentinel_password,
            },
            **options,
            **user,
        )
        self._sentinels = list(sentinel.sentinels)
        database = parts.path.strip("/")
        return sentinel.master_for(  # type: ignore[no-untyped-call]
            settings.sentinel, db=int(database) if database else 0
        )

    def usage(self) -> dict[str, float]:
        """Return how many requests were sent: a pipeline is one, but on a cluster each command is."""
        return {"requests": float(self._requests)}

    def _count(self, requests: int) -> None:
        with self._lock:
            self._requests += requests

    def close(self) -> None:
        """Close all connections, also those on which somebody waits."""
        self._closed = True
        for sentinel in self._sentinels:
            sentinel.close()
        self._disconnect()

    def _disconnect(self) -> None:
        clients = [self._client]
        if isinstance(self._client, RedisCluster):
            nodes = self._client.get_nodes()  # type: ignore[no-untyped-call]
            clients = [node.redis_connection for node in nodes if node.redis_connection]
        for client in clients:
            client.connection_pool.disconnect(inuse_connections=True)

    def call(self, name: str, keys: Sequence[str], *arguments: _Argument, lasting: bool = False) -> Any:
        """Return what a script answers; ``lasting``: only once enough replicas have what it wrote."""
        return self.calls([Call(name, keys, arguments)], lasting=lasting)[0]

    def calls(self, calls: Sequence[Call], *, lasting: bool = False) -> list[Any]:
        """Return what scripts answer, in order. Costs 1 request, on a cluster 1 for each call."""
        wait = self._wait if lasting else ()
        found = [script(call.name) for call in calls]
        commands = [_evalsha(one, call) for one, call in zip(found, calls, strict=True)]
        answers = self._answers([*commands, *wait])
        for place, (one, call) in enumerate(zip(found, calls, strict=True)):
            if isinstance(answers[place], NoScriptError):
                # It was restarted, or another one took its place: from now on it has the script.
                answers[place], *answers[len(calls) :] = self._answers([_eval(one, call), *wait])
        self._check(answers, waited=bool(wait))
        return answers[: len(calls)]

    def commands(self, commands: Sequence[Command], *, lasting: bool = False) -> list[Any]:
        """Return what commands answer, in order. Costs 1 request, on a cluster 1 for each."""
        wait = self._wait if lasting else ()
        answers = self._answers([*commands, *wait])
        self._check(answers, waited=bool(wait))
        return answers[: len(commands)]

    def each(self, commands: Sequence[Command]) -> list[Any]:
        """Return what commands answer, and for keys that hold something of another kind the error. Costs the same."""
        answers = self._answers(commands)
        self._check([answer for answer in answers if not _is_of_another_kind(answer)], waited=False)
        return answers

    def command(self, *command: _Argument) -> Any:
        """Return what one command answers; also one that blocks, for at most :attr:`block` seconds."""
        self._count(1)
        with self._translated():
            answer = self._client.execute_command(*command)
        if answer is None and self._closed:
            raise self._gone()
        return answer

    def nodes(self) -> dict[str, Any]:
        """Return, by place, clients of the servers that hold keys: one, or the primaries of a cluster."""
        if not isinstance(self._client, RedisCluster):
            return {self.place: self._client}
        with self._translated():
            primaries = self._client.get_primaries()  # type: ignore[no-untyped-call]
            return {f"{node.host}:{node.port}": self._client.get_redis_connection(node) for node in primaries}

    def info(self, node: Any, section: str) -> Any:
        """Return what a node says of itself."""
        with self._translated():
            return node.info(section)

    def settings(self, node: Any, *names: str) -> dict[str, str]:
        """Return settings of a node."""
        found: dict[Any, Any] = {}
        with self._translated():
            for name in names:
                found.update(node.config_get(name))
        return {_text(name): _text(value) for name, value in found.items()}

    def _answers(self, commands: Sequence[Command]) -> list[Any]:
        """Return answers, errors of single commands among them."""
        together = not isinstance(self._client, RedisCluster)
        self._count(1 if together else len(commands))
        with self._translated():
            if len(commands) > 1 and together:
                pipeline = self._client.pipeline(transaction=False)
                for command in commands:
                    pipeline.execute_command(*command)
                return list(pipeline.execute(raise_on_error=False))
            answers: list[Any] = []
            for command in commands:
                try:
                    answers.append(self._client.execute_command(*command))
                except ResponseError as error:
                    answers.append(error)
            return answers

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise errors as the grid's own, also those of an SDK whose connections were closed while it waited."""
        self._check_open()
        try:
            with translated(self.place):
                yield
        except HtcGridError:
            raise
        except Exception as error:
            if self._closed:
                raise self._gone() from error
            raise
        finally:
            if self._closed:
                # A cluster's client connects again by itself when its connections are closed while it waits.
                with suppress(Exception):
                    self._disconnect()

    def _check_open(self) -> None:
        if self._closed:
            raise self._gone()

    def _gone(self) -> ProviderUnavailableError:
        return ProviderUnavailableError(f"Redis at {self.place} cannot be reached: it was closed")

    def _check(self, answers: Sequence[Any], *, waited: bool) -> None:
        for answer in answers:
            if isinstance(answer, RedisError):
                raise as_ours(answer, self.place) from answer
        if waited and answers[-1] < self._settings.replicas:
            raise ProviderUnavailableError(
                f"Redis at {self.place}: {answers[-1]} of {self._settings.replicas} replicas have what was written: "
                "look whether they follow it"
            )

    @property
    def _wait(self) -> tuple[Command, ...]:
        """What waits until replicas have what was written on the same connection."""
        replicas = self._settings.replicas
        return (("WAIT", replicas, int(self._settings.timeout * 500)),) if replicas else ()


def _is_of_another_kind(answer: object) -> bool:
    return isinstance(answer, ResponseError) and str(answer).startswith("WRONGTYPE")


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _evalsha(found: Script, call: Call) -> Command:
    return ("EVALSHA", found.digest, len(call.keys), *call.keys, *call.arguments)


def _eval(found: Script, call: Call) -> Command:
    return ("EVAL", found.source, len(call.keys), *call.keys, *call.arguments)


def _tls(settings: RedisSettings) -> dict[str, Any]:
    options = {
        "ssl_ca_certs": settings.tls_ca,
        "ssl_certfile": settings.tls_certificate,
        "ssl_keyfile": settings.tls_key,
    }
    for name, file in options.items():
        if file is not None:
            try:
                with open(file, "rb"):  # noqa: PTH123
                    pass
            except OSError as error:
                raise ConfigError(f"`{name.replace('ssl_', 'tls_')}`: {file}: {error.strerror or error}") from error
    return {**options, "ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
