"""One way to call a server, whether it stands alone, behind Sentinels, or in a cluster."""

import ssl
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.retry import Retry
from redis.sentinel import Sentinel

from htcgrid.errors import ConfigError, ProviderUnavailableError
from htcgrid_redis.faults import as_ours, translated
from htcgrid_redis.scripts import Script, script
from htcgrid_redis.settings import RedisSettings

#: The longest that one command blocks: its connection would else be taken for dead.
BLOCK = 5.0

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
        """Connect to nothing yet.

        Raises:
            ConfigError: a certificate cannot be read.
        """
        self._settings = settings
        self.place = settings.place
        with translated(self.place):
            self._client = _client(settings)

    @property
    def client(self) -> Any:
        """The SDK's own client."""
        return self._client

    def close(self) -> None:
        """Close all connections, also those on which somebody waits."""
        if isinstance(self._client, RedisCluster):
            self._client.close()
        else:
            self._client.connection_pool.disconnect(inuse_connections=True)

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

    def command(self, *command: _Argument) -> Any:
        """Return what one command answers; also one that blocks, for at most :data:`BLOCK` seconds."""
        with translated(self.place):
            return self._client.execute_command(*command)

    def info(self, section: str) -> Any:
        """Return what the server, or a node of its cluster, says of itself."""
        with translated(self.place):
            if isinstance(self._client, RedisCluster):
                return self._client.info(section, target_nodes=RedisCluster.RANDOM)
            return self._client.info(section)

    def settings(self, *names: str) -> dict[str, str]:
        """Return settings of the server, or of a node of its cluster."""
        found: dict[Any, Any] = {}
        with translated(self.place):
            for name in names:
                if isinstance(self._client, RedisCluster):
                    found.update(self._client.config_get(name, target_nodes=RedisCluster.RANDOM))
                else:
                    found.update(self._client.config_get(name))
        return {_text(name): _text(value) for name, value in found.items()}

    def _answers(self, commands: Sequence[Command]) -> list[Any]:
        """Return answers, errors of single commands among them."""
        with translated(self.place):
            if len(commands) > 1 and not isinstance(self._client, RedisCluster):
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


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _evalsha(found: Script, call: Call) -> Command:
    return ("EVALSHA", found.digest, len(call.keys), *call.keys, *call.arguments)


def _eval(found: Script, call: Call) -> Command:
    return ("EVAL", found.source, len(call.keys), *call.keys, *call.arguments)


def _client(settings: RedisSettings) -> Any:
    """Return the SDK's client for these settings.

    It repeats nothing by itself: whoever calls a verb knows what repeating it does, and how long to go on.
    """
    options: dict[str, Any] = {
        "username": settings.username,
        "password": settings.password,
        "socket_connect_timeout": settings.connect_timeout,
        "socket_timeout": max(settings.timeout, 2 * BLOCK),
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
    }
    if settings.url.startswith("rediss://"):
        options |= _tls(settings)
    if settings.cluster:
        return RedisCluster.from_url(settings.url, **options)
    if settings.sentinel is None:
        return redis.Redis.from_url(settings.url, **options)
    parts = urlsplit(settings.url)
    secret = {"password": settings.sentinel_password} if settings.sentinel_password else {}
    tls = {"ssl": True} if settings.url.startswith("rediss://") else {}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        [(parts.hostname or "localhost", parts.port or 26379)],
        sentinel_kwargs={"socket_timeout": settings.timeout, **secret, **tls},
        **options,
        **tls,
    )
    database = parts.path.strip("/")
    return sentinel.master_for(  # type: ignore[no-untyped-call]
        settings.sentinel, db=int(database) if database else 0
    )


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
