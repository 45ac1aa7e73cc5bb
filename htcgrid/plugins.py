"""The door for providers: one hook, found by entry point and loaded by name, for ours and for strangers'.

A provider is a module, or object, with one function behind an entry point of the group ``htcgrid``::

    @hookimpl
    def htcgrid_provider() -> Provider:
        return Provider(name="acme", state_store=AcmeStateStore)
"""

from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import NamedTuple, TypeVar, cast

import msgspec
import pluggy

from htcgrid.errors import ConfigError, ProviderNotFoundError
from htcgrid.interfaces import ComputeBackend, PayloadStore, Provided, StateStore, TaskQueue
from htcgrid.model import check_name
from htcgrid.nearest import did_you_mean

GROUP = "htcgrid"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)
#: The distribution whose names are taken for good.
_OURS = "htcgrid"

_Interface = TypeVar("_Interface", bound=Provided)


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's name and its implementation of the interfaces that it offers."""

    name: str
    state_store: type[StateStore] | None = None
    task_queue: type[TaskQueue] | None = None
    payload_store: type[PayloadStore] | None = None
    compute_backend: type[ComputeBackend] | None = None
    #: A grid.toml to begin with, with a word on each key; ``htcgrid init`` prints it.
    example: str = ""

    def offer(self, interface: type[_Interface]) -> type[_Interface] | None:
        """Return the class that implements ``interface``, or None when the provider does not offer it."""
        for _, field, asked in _OFFERS:
            if asked is interface:
                return cast("type[_Interface] | None", getattr(self, field))
        return None

    @property
    def interfaces(self) -> tuple[str, ...]:
        """The tables of grid.toml in which this provider may stand."""
        return tuple(table for table, field, _ in _OFFERS if getattr(self, field) is not None)


#: A table of grid.toml, the field of a provider that may stand there, and what that one must implement.
_OFFERS: tuple[tuple[str, str, type[Provided]], ...] = (
    ("state", "state_store", StateStore),
    ("queue", "task_queue", TaskQueue),
    ("payloads", "payload_store", PayloadStore),
    ("compute", "compute_backend", ComputeBackend),
)


class ProviderHook:
    """The one hook."""

    @hookspec(firstresult=True)
    def htcgrid_provider(self) -> Provider:  # type: ignore[empty-body]
        """Return the provider. Called once, when a grid asks for it by name."""


class InstalledProvider(NamedTuple):
    """A provider that some installed distribution offers, loaded or not."""

    name: str
    distribution: str
    entry_point: EntryPoint

    def __str__(self) -> str:
        return f"provider {self.name!r} of {self.distribution}"

    @property
    def where(self) -> str:
        """Its entry point, as its authors wrote it."""
        return f"entry point `{self.name} = {self.entry_point.value}`"


def installed_providers() -> Iterator[InstalledProvider]:
    """Yield what is installed, sorted by name, without loading any of it."""
    for entry_point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        distribution = entry_point.dist.name if entry_point.dist else "?"
        yield InstalledProvider(entry_point.name, distribution, entry_point)


def load_provider(name: str) -> Provider:
    """Load the provider of this name, and no other.

    Raises:
        ProviderNotFoundError: none of this name is installed, its SDK is missing, or it is not a provider.
    """
    found = _named(name)
    if not found:
        raise ProviderNotFoundError(_unknown(name))
    ours = (installed for installed in found if installed.distribution == _OURS)
    return _load(next(ours, found[0]), found)


def load_installed(installed: InstalledProvider) -> Provider:
    """Load one of the providers that are installed, and no other.

    Raises:
        ProviderNotFoundError: another one has its name, its SDK is missing, or it is not a provider.
    """
    return _load(installed, _named(installed.name))


def _named(name: str) -> list[InstalledProvider]:
    return [installed for installed in installed_providers() if installed.name == name]


def _load(installed: InstalledProvider, namesakes: Sequence[InstalledProvider]) -> Provider:
    _check_name(installed, [namesake.distribution for namesake in namesakes])
    provider = _call(installed)
    if not isinstance(provider, Provider) or provider.name != installed.name:
        found = f"Provider(name={provider.name!r}, …)" if isinstance(provider, Provider) else type(provider).__name__
        hint = ": is the function decorated with @hookimpl?" if provider is None else ""
        raise ProviderNotFoundError(
            f"{installed}: the {installed.where} must have a hook htcgrid_provider that returns "
            f"Provider(name={installed.name!r}, …), not {found}{hint}"
        )
    if fault := _fault(provider):
        raise ProviderNotFoundError(f"{installed} ({installed.where}): {fault}")
    return provider


def _unknown(name: str) -> str:
    names = [installed.name for installed in installed_providers()]
    known = ", ".join(map(repr, names)) or "none"
    meant = did_you_mean(name, names) or "; 'pip install' the distribution that has it"
    return f"there is no provider {name!r}; installed: {known}{meant}"


def _check_name(installed: InstalledProvider, owners: Sequence[str]) -> None:
    """Refuse a name that no table of grid.toml should have, or that more than one provider has.

    Nobody takes a name of htcgrid's own: to install something must cost nobody the grid that is there.
    """
    try:
        check_name("the name", installed.name)
    except ConfigError as error:
        raise ProviderNotFoundError(f"{installed} ({installed.where}): {error}") from error
    if len(owners) == 1 or installed.distribution == _OURS:
        return
    if _OURS in owners:
        raise ProviderNotFoundError(f"{installed} ({installed.where}): the name is htcgrid's own; uninstall it")
    if len(set(owners)) == 1:
        raise ProviderNotFoundError(f"{installed} is there {len(owners)} times: a name has one entry point")
    raise ProviderNotFoundError(
        f"provider {installed.name!r} is offered by {', '.join(owners)}: uninstall all but one of them"
    )


def _call(installed: InstalledProvider) -> object:
    """Import what the entry point names, and return what its hook does."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(ProviderHook)
    try:
        manager.register(installed.entry_point.load(), installed.name)
        provider: object = manager.hook.htcgrid_provider()
        if provider is None:
            # Maybe its name is misspelt.
            manager.check_pending()
        return provider
    except ImportError as error:
        raise ProviderNotFoundError(
            f"{installed} cannot be imported: {_text(error)} ({installed.where}){_advice(installed)}"
        ) from error
    # Whatever a stranger's module does, also to leave, must not end those who only list it.
    except (Exception, SystemExit) as error:
        raise ProviderNotFoundError(
            f"{installed} cannot be loaded: {type(error).__name__}: {_text(error)} ({installed.where})"
        ) from error


def _advice(installed: InstalledProvider) -> str:
    """Return the command that installs a provider's SDK, when its distribution has an extra of the same name."""
    distribution = installed.entry_point.dist
    extras = distribution.metadata.get_all("Provides-Extra", []) if distribution else []
    return f"; pip install '{installed.distribution}[{installed.name}]' installs it" if installed.name in extras else ""


def _fault(provider: Provider) -> str | None:
    """Return what keeps a provider from being used; None when nothing does."""
    if not provider.interfaces:
        return f"it offers none of {', '.join(field for _, field, _ in _OFFERS)}"
    for _, field, interface in _OFFERS:
        offer = getattr(provider, field)
        if offer is not None and (fault := _fault_of(offer, interface)):
            return f"its {field} {fault}"
    return None


def _fault_of(offer: object, interface: type[Provided]) -> str | None:
    if not isinstance(offer, type):
        return f"must be a subclass of {interface.__name__}, not {_text(repr(offer))}"
    if not issubclass(offer, interface):
        return f"{offer.__name__} must be a subclass of {interface.__name__}"
    if missing := sorted(getattr(offer, "__abstractmethods__", ())):
        return f"{offer.__name__} has no {', '.join(missing)}"
    settings = getattr(offer, "Settings", None)
    if not isinstance(settings, type) or not issubclass(settings, msgspec.Struct):
        return f"{offer.__name__} has no Settings: a msgspec.Struct of the keys that its table may have"
    return None


def _text(error: object) -> str:
    """Return a message on one line, since it becomes part of another one."""
    return " ".join(str(error).split()) or "without a message"
