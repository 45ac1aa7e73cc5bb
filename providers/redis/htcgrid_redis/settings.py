"""The keys of grid.toml with which a grid's tables name a server."""

from urllib.parse import SplitResult, urlsplit

import msgspec

from htcgrid.secrets import without_texts

_SCHEMES = ("redis", "rediss", "unix")


class RedisSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One set of keys for the three tables, since a table that is left out takes those of ``[state]``."""

    #: ``redis://host:port/database``, ``rediss://…`` with TLS, or ``unix:///path``; of a cluster or of Sentinels, any.
    url: str
    #: The user of an ACL, and its password: ``{ env = "REDIS_PASSWORD" }`` keeps it out of the file.
    username: str | None = None
    password: str | None = None
    #: What all keys begin with: grids of different names share a server.
    name: str = "htcgrid"
    #: Whether ``url`` is a node of a Redis Cluster.
    cluster: bool = False
    #: Over how many parts of a cluster sessions are spread; the same for all who use the grid. 1 elsewhere.
    shards: int | None = None
    #: The name under which the Sentinel at ``url`` knows the primary, and the Sentinel's own password, if it has one.
    sentinel: str | None = None
    sentinel_username: str | None = None
    sentinel_password: str | None = None
    #: More Sentinels, as ``host:port``: they are asked when the one at ``url`` is away.
    sentinels: tuple[str, ...] = ()
    #: A file with the certificates of authorities that are trusted with ``rediss://``; the system's when left out.
    tls_ca: str | None = None
    #: A client certificate and its key, where the server asks for one.
    tls_certificate: str | None = None
    tls_key: str | None = None
    #: How long a connection, and an answer, may take: seconds.
    connect_timeout: float = 5.0
    timeout: float = 10.0
    #: How many replicas must have a write before it counts as done.
    replicas: int = 0
    #: Sessions and objects that nobody has touched for so many days go; finished sessions by their own ``keep_for``.
    forget: float = 30.0

    __repr__ = without_texts

    def __post_init__(self) -> None:
        self._check_url()
        if not self.name or set(self.name) & set("{}*?[]\\ \n"):
            raise ValueError(f"`name` must be a word without braces, spaces and patterns, not {self.name!r}")
        if self.cluster and (urlsplit(self.url).scheme == "unix" or self._database):
            raise ValueError("`url` of a node of a cluster has a host and no database: a cluster has only database 0")
        if self.cluster and (self.sentinel or self.replicas):
            raise ValueError("`cluster` goes with neither `sentinel` nor `replicas`")
        self._check_sentinels()
        self._check_files()
        if self.shards is not None and not 1 <= self.shards <= 1024:
            raise ValueError(f"`shards` must be from 1 to 1024, not {self.shards}")
        if not 0 < self.connect_timeout <= 60 or not 1 <= self.timeout <= 600:
            raise ValueError("`connect_timeout` must be more than 0 and at most 60, `timeout` from 1 to 600 seconds")
        if not 0 <= self.replicas <= 16:
            raise ValueError(f"`replicas` must be from 0 to 16, not {self.replicas}")
        if not 1 <= self.forget <= 3650:
            raise ValueError(f"`forget` must be from 1 to 3650 days, not {self.forget}")

    def _check_url(self) -> None:
        parts = _split(self.url)
        if parts.scheme not in _SCHEMES:
            raise ValueError(f"`url` must begin with one of {', '.join(f'{one}://' for one in _SCHEMES)}")
        if parts.password is not None:
            raise ValueError('`url` must not hold a password: set `password`, best as { env = "REDIS_PASSWORD" }')
        if parts.query or parts.fragment:
            raise ValueError("`url` ends with the database: what would stand after ? or # has keys of its own")
        if "\0" in self.url:
            raise ValueError("`url` has a NUL, which neither hosts nor files have")
        if parts.scheme == "unix":
            if not parts.path.strip("/"):
                raise ValueError("`url` lacks the path of the socket, as in unix:///run/redis/redis.sock")
            return
        _check_place(parts)
        if self._database is None:
            raise ValueError(f"`url`: the database is a number, as in redis://host:6379/0, not {parts.path[:100]!r}")

    def _check_sentinels(self) -> None:
        if (self.sentinels or self.sentinel_username or self.sentinel_password) and not self.sentinel:
            raise ValueError("`sentinel` is missing: the name by which the Sentinels know the primary")
        if self.sentinel and urlsplit(self.url).scheme == "unix":
            raise ValueError("`url` of a Sentinel has a host, as in redis://host:26379")
        for more in self.sentinels:
            host_and_port(more)

    def _check_files(self) -> None:
        for name in ("tls_ca", "tls_certificate", "tls_key"):
            if "\0" in (getattr(self, name) or ""):
                raise ValueError(f"`{name}` must name a file, and no name has a NUL")
        if self.tls_key and not self.tls_certificate:
            raise ValueError("`tls_key` goes with `tls_certificate`: name that file, too")

    @property
    def _database(self) -> int | None:
        """The database that ``url`` names; None when it is none."""
        database = urlsplit(self.url).path.strip("/") if urlsplit(self.url).scheme != "unix" else ""
        if not database:
            return 0
        # The server counts by 32 bits, and Python refuses thousands of digits.
        return int(database) if database.isascii() and database.isdecimal() and len(database) < 10 else None

    @property
    def parts(self) -> int:
        """Over how many parts sessions are spread."""
        return self.shards or (16 if self.cluster else 1)

    @property
    def place(self) -> str:
        """The server without anything secret, for messages."""
        parts = urlsplit(self.url)
        port = parts.port or (26379 if self.sentinel else 6379)
        host = parts.hostname or "localhost"
        return parts.path if parts.scheme == "unix" else f"{f'[{host}]' if ':' in host else host}:{port}"


def host_and_port(place: str) -> tuple[str, int]:
    """Return host and port of ``host:port``, or of ``[address]:port`` where the address is one of IPv6.

    Raises:
        ValueError: it is neither.
    """
    try:
        parts = urlsplit(f"//{place}")
        if parts.netloc == place and parts.hostname and parts.port and not parts.username and is_host(parts.hostname):
            return parts.hostname, parts.port
    except ValueError:
        pass
    raise ValueError(f"`sentinels`: {place[:100]!r} is not of the form host:port, or [address]:port")


def is_host(name: str) -> bool:
    """Return whether a name can be looked up: the system writes it as DNS does before it asks anybody."""
    try:
        return "\0" not in name and bool(name.encode("idna"))
    except UnicodeError:
        return False


def _split(url: str) -> SplitResult:
    """Return the parts of a URL.

    Raises:
        ValueError: it has none.
    """
    try:
        return urlsplit(url)
    except ValueError as error:
        raise ValueError("`url`: an address in brackets is none of IPv6, or has no end") from error


def _check_place(parts: SplitResult) -> None:
    try:
        _ = parts.port
    except ValueError as error:
        raise ValueError("`url`: the port is not a number from 1 to 65535") from error
    if not is_host(parts.hostname or "localhost"):
        raise ValueError("`url`: its host is no name, which is of parts of 1 to 63 letters")
