"""grid.toml: one file for connector, agent and command line.

Every table names a provider and holds that provider's settings. A table that is left out takes ``[state]``'s, if that
provider offers the interface. A value ``{ env = "NAME" }`` is read from the environment, for secrets.
"""

import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from htcgrid.document import check_bounds, printable, read_document, shown_path
from htcgrid.errors import ConfigError, ProviderError, ProviderNotFoundError
from htcgrid.interfaces import ComputeBackend, PayloadStore, Provided, Source, StateStore, TaskQueue
from htcgrid.model import check_name, defaults
from htcgrid.nearest import did_you_mean
from htcgrid.plugins import load_provider
from htcgrid.secrets import Secrets, is_reference, variable, without_texts

#: The variable that names the grid.toml of a process.
VARIABLE = "HTCGRID_CONFIG"
_FILE = "grid.toml"
#: The tables that name a provider, and what it is to be.
INTERFACES: Mapping[str, type[Provided]] = {
    "state": StateStore,  # type: ignore[type-abstract]
    "queue": TaskQueue,  # type: ignore[type-abstract]
    "payloads": PayloadStore,  # type: ignore[type-abstract]
    "compute": ComputeBackend,  # type: ignore[type-abstract]
}
_TABLES = (*INTERFACES, "agent")

_Interface = TypeVar("_Interface", bound=Provided)


#: The least and the most that some keys of ``[agent]`` may be, and in which unit.
_BOUNDS = {
    "workers": (1, 1024, ""),
    "grace": (0, 86_400, " seconds"),
    "flush": (0, 86_400, " seconds"),
    "nice": (0, 19, ""),
    "recycle_tasks": (1, 10**12, ""),
    "recycle_megabytes": (1, 10**9, ""),
    "memory_megabytes": (64, 10**9, ""),
    "shared_megabytes": (1, 10**9, ""),
}


class AgentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table ``[agent]``; times are in seconds."""

    #: Patterns of the handlers that agents may run, as ``pricing:*``.
    handlers: list[str] = []
    #: Whether workers may unpickle what clients send, which can run any code.
    pickle: bool = False
    #: Folders from which handlers are imported, before the environment's own.
    path: list[str] = []
    #: Environment variables of the workers, beside those of the agent.
    environment: dict[str, str] = {}
    #: Workers of each agent; when left out, one for each core that it may use.
    workers: int | None = None
    pool: str = defaults.POOL
    lease: float = defaults.LEASE.total_seconds()
    heartbeat: float = defaults.HEARTBEAT.total_seconds()
    grace: float = defaults.GRACE.total_seconds()
    target: float = defaults.TARGET.total_seconds()
    #: How long outcomes may wait for company; the state store's own default when left out.
    flush: float | None = None
    #: How often an agent tells the state store that it is there.
    report: float = defaults.REPORT.total_seconds()
    #: What the workers' priority is lowered by, so that commits do not wait for the scheduler (0 to 19).
    nice: int = 5
    #: A worker is replaced after this many tasks, and once it holds this many megabytes (10**6 bytes) of memory.
    recycle_tasks: int | None = None
    recycle_megabytes: int | None = None
    #: Most megabytes of data that a worker may reserve: a task that asks for more gets a MemoryError.
    memory_megabytes: int | None = None
    #: Most megabytes of shared inputs that an agent keeps on its disk.
    shared_megabytes: int = defaults.SHARED_MEGABYTES
    #: Whether agents also run the reaper.
    reaper: bool = True
    #: Whether workers are replaced when code that they have imported was edited.
    reload: bool = False

    __repr__ = without_texts

    def __post_init__(self) -> None:
        check_name("`pool`", self.pool)
        for name in ("lease", "heartbeat", "target", "report"):
            if not 0 < getattr(self, name) <= 86_400:
                raise ValueError(f"`{name}` must be more than 0 and at most 86400 seconds")
        if self.heartbeat * 2 > self.lease:
            raise ValueError(f"`heartbeat` ({self.heartbeat} s) must be at most half of `lease` ({self.lease} s)")
        for name, (least, most, unit) in _BOUNDS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ValueError(f"`{name}` must be from {least} to {most}{unit}, not {value}")
        for pattern in self.handlers:
            if not set(pattern) & set(":*?["):
                raise ValueError(f"`handlers`: {pattern!r} matches no handler: they are named as 'pricing:price'")
        for name, text in self.environment.items():
            if not name or "=" in name or "\0" in name + text:
                raise ValueError(f"`environment`: no process can have a variable {name!r} of this name and value")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """A grid.toml that was read and understood; opening what it names is the caller's."""

    #: The file, or None when it was made in memory.
    file: Path | None
    #: Where relative paths start.
    folder: Path
    tables: Mapping[str, Mapping[str, Any]]
    #: As all who read the file see it: ``environment`` is without what comes from an agent's own environment.
    agent: AgentSettings

    def agent_settings(self) -> AgentSettings:
        """Return the table ``[agent]`` as an agent needs it, with all of ``environment``.

        Raises:
            ConfigError: a variable that ``environment`` refers to is not set.
        """
        return to_settings(self.tables.get("agent", {}), AgentSettings, self._where("agent"))

    @property
    def secrets(self) -> Secrets:
        """The values that the file takes from the environment as it is now."""
        return Secrets(self.tables)

    def open_state(self) -> StateStore:
        """Open the state store; the caller closes it."""
        return self._open("state", StateStore)  # type: ignore[type-abstract]

    def open_queue(self) -> TaskQueue:
        """Open the task queue; the caller closes it."""
        return self._open("queue", TaskQueue)  # type: ignore[type-abstract]

    def open_payloads(self) -> PayloadStore:
        """Open the payload store; the caller closes it."""
        return self._open("payloads", PayloadStore)  # type: ignore[type-abstract]

    def open_compute(self) -> ComputeBackend:
        """Open the compute backend; the caller closes it."""
        return self._open("compute", ComputeBackend)  # type: ignore[type-abstract]

    def _open(self, table: str, interface: type[_Interface]) -> _Interface:
        values = dict(self.tables.get(table) or self.tables["state"])
        where = self._where(table)
        name = values.pop("provider")
        source = Source(file=self.file, folder=self.folder, table=f"[{table}]")
        secrets = Secrets(values)
        if not secrets:
            return _opened(name, values, interface, source, where)
        return secrets.guard(secrets.behind(_opened, name, values, interface, source, where), interface)

    def _where(self, table: str) -> str:
        return f"{shown_path(self.file or 'configuration')}: [{table}]"


def _opened(
    name: str, values: Mapping[str, Any], interface: type[_Interface], source: Source, where: str
) -> _Interface:
    offer = offer_of(name, source.table.strip("[]"), interface, where)
    settings = to_settings(values, offer.Settings, where)
    opened = offer.open(settings, source)
    # A stranger's class, so mypy's word is not enough.
    if not isinstance(opened, interface):
        raise ProviderError(
            f"{where}: provider {name!r}: {offer.__name__}.open returned {type(opened).__name__}, "
            f"not an open {interface.__name__}; tell its authors"
        )
    return opened


def offer_of(provider: str, table: str, interface: type[_Interface], where: str) -> type[_Interface]:
    """Return what a provider offers for a table.

    Raises:
        ConfigError: it offers nothing for it; the message begins with ``where``, file and table.
        ProviderNotFoundError: there is no such provider.
    """
    try:
        loaded = load_provider(provider)
    except ProviderNotFoundError as error:
        raise ProviderNotFoundError(f"{where}: {error}") from error
    offer = loaded.offer(interface)
    if offer is None:
        raise ConfigError(
            f"{where}: provider {provider!r} offers no {interface.__name__}, only {', '.join(loaded.interfaces)}: "
            f"name another provider in [{table}]"
        )
    return offer


def find_config() -> Path | None:
    """Return the file that ``$HTCGRID_CONFIG`` names, else ``./grid.toml`` if there is one, else None."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    return Path(_FILE) if Path(_FILE).is_file() else None


def read_config(file: Path) -> Config:
    """Read a grid.toml.

    Raises:
        ConfigError: it is missing, unreadable or not right; the message names file, table and key.
    """
    return parse_config(read_document(file), file=file.absolute())


def parse_config(document: Mapping[str, Any], *, file: Path | None = None, folder: Path | None = None) -> Config:
    """Check a document that was read from a grid.toml, or made in memory.

    Raises:
        ConfigError: it is not right; the message names file, table and key.
    """
    shown = shown_path(file or "configuration")
    check_bounds(document, shown)
    for table, values in document.items():
        check_table(table, values, shown)
    if "state" not in document:
        raise no_state(shown)
    where = f"{shown}: [agent]"
    agent = to_settings(for_clients(document.get("agent", {})), AgentSettings, where)
    base = folder or (file.parent if file else Path.cwd())
    return Config(file=file, folder=base, tables=dict(document), agent=agent)


def for_clients(agent: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a table ``[agent]`` without the variables of workers that come from their agent's own environment."""
    environment = agent.get("environment")
    if not isinstance(environment, dict) or is_reference(environment):
        return agent
    return {**agent, "environment": {name: value for name, value in environment.items() if not is_reference(value)}}


def check_table(table: str, values: object, shown: str) -> None:
    """Refuse a table that there is not, or that names no provider.

    Raises:
        ConfigError: it is so; the message begins with ``shown``, the file.
    """
    if table not in _TABLES:
        there = ", ".join(f"[{name}]" for name in _TABLES)
        raise ConfigError(
            f"{shown}: unknown table [{printable(table)}]; there are {there}{did_you_mean(table, _TABLES, '[{}]')}"
        )
    if not isinstance(values, dict):
        raise ConfigError(f"{shown}: {table!r} must be a table, [{table}]")
    if table in INTERFACES and not isinstance(values.get("provider"), str):
        raise ConfigError(f"{shown}: [{table}]: the key 'provider' is missing or no string")


def no_state(shown: str) -> ConfigError:
    """Return the error of a file without a state store."""
    return ConfigError(f'{shown}: the table [state] is missing; the smallest grid is [state] with provider = "local"')


def seconds(value: float) -> timedelta:
    """Return a setting's seconds as a timedelta."""
    return timedelta(seconds=value)


def from_environment(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a table's values, those from the environment in their places.

    Raises:
        ConfigError: a variable is not set; the message begins with ``where``, file and table.
    """
    return {key: _from_environment(value, f"{where}: {key!r}") for key, value in values.items()}


def _from_environment(value: Any, where: str) -> Any:
    if isinstance(value, list):
        return [_from_environment(item, where) for item in value]
    if not isinstance(value, dict):
        return value
    if not is_reference(value):
        return from_environment(value, where)
    name = value["env"]
    if not isinstance(name, str):
        raise ConfigError(f"{where}: env must be the name of an environment variable, not {name!r:.80}")
    found = variable(name)
    if found is None:
        raise ConfigError(f"{where}: the environment variable {name!r} is not set")
    return found


_Settings = TypeVar("_Settings", bound=msgspec.Struct)


def to_settings(values: Mapping[str, Any], settings: type[_Settings], where: str) -> _Settings:
    """Return a table's values, those from the environment in their places, as its settings.

    Raises:
        ConfigError: a key is unknown, missing or of another type, or a variable is not set; the message begins with
            ``where``, file and table, and shows no value from the environment, nor do errors and frames behind it.
    """
    known = {field.encode_name for field in msgspec.structs.fields(settings)}
    if unknown := sorted(set(values) - known):
        raise ConfigError(unknown_key(unknown[0], known, where))
    found = _converted(values, settings, where)
    # Here, where no frame has a value from the environment.
    if isinstance(found, ConfigError):
        raise found
    return found


def _converted(values: Mapping[str, Any], settings: type[_Settings], where: str) -> _Settings | ConfigError:
    try:
        return msgspec.convert(from_environment(values, where), settings, strict=True)
    except ConfigError as error:
        message = str(error)
        message = message if message.startswith(where) else f"{where}: {message}"
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        # One of msgspec's is a ValueError; the others are what a provider's own check did not think of.
        message = str(error).replace("Object missing required field", "missing key").replace(" - at `$.", " - key `")
        message = f"{where}: {message}"
    return ConfigError(Secrets(values).hidden(message, where))


def unknown_key(key: str, known: Iterable[str], where: str) -> str:
    """Return what is said of a key that there is not."""
    names = sorted(known)
    meant = did_you_mean(key, names)
    return f"{where}: unknown key {printable(key)!r}; it may have {', '.join(names) or 'no keys'}{meant}"
