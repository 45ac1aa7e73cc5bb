"""The door for providers: one hook, found by entry point and loaded by name, for ours and for strangers'.

A provider is a module, or object, with one function behind an entry point of the group ``htcgrid``::

    @hookimpl
    def htcgrid_provider() -> Provider:
        return Provider(name="acme", state_store=AcmeStateStore)
"""

from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import NamedTuple, TypeVar, cast

import msgspec
import pluggy

from htcgrid.errors import ProviderNotFoundError
from htcgrid.interfaces import ComputeBackend, PayloadStore, Provided, StateStore, TaskQueue

GROUP = "htcgrid"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)

_Interface = TypeVar("_Interface", bound=Provided)


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's name and its implementation of the interfaces that it offers."""

    name: str
    state_store: type[StateStore] | None = None
    task_queue: type[TaskQueue] | None = None
    payload_store: type[PayloadStore] | None = None
    compute_backend: type[ComputeBackend] | None = None

    def offer(self, interface: type[_Interface]) -> type[_Interface] | None:
        """Return the class that implements ``interface``, or None when the provider does not offer it."""
        offers = (self.state_store, self.task_queue, self.payload_store, self.compute_backend)
        return next(
            (cast("type[_Interface]", offer) for offer in offers if offer and issubclass(offer, interface)), None
        )

    @property
    def interfaces(self) -> tuple[str, ...]:
        """The tables of grid.toml in which this provider may stand."""
        offers = {
            "state": self.state_store,
            "queue": self.task_queue,
            "payloads": self.payload_store,
            "compute": self.compute_backend,
        }
        return tuple(table for table, offer in offers.items() if offer is not None)


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
    found = [installed for installed in installed_providers() if installed.name == name]
    if not found:
        raise ProviderNotFoundError(_unknown(name))
    if len(found) > 1:
        owners = ", ".join(installed.distribution for installed in found)
        raise ProviderNotFoundError(f"provider {name!r} is offered by {owners}: uninstall all but one of them")
    return _call(found[0])


def _unknown(name: str) -> str:
    known = ", ".join(repr(installed.name) for installed in installed_providers()) or "none"
    return f"there is no provider {name!r}; installed: {known}; 'pip install' the distribution that has it"


def _advice(installed: InstalledProvider) -> str:
    """Return the command that installs a provider's SDK, when its distribution has an extra of the same name."""
    distribution = installed.entry_point.dist
    extras = distribution.metadata.get_all("Provides-Extra", []) if distribution else []
    return f"; pip install '{installed.distribution}[{installed.name}]' installs it" if installed.name in extras else ""


def _call(installed: InstalledProvider) -> Provider:
    where = f"provider {installed.name!r} of {installed.distribution}"
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(ProviderHook)
    try:
        manager.register(installed.entry_point.load(), installed.name)
        provider = manager.hook.htcgrid_provider()
    except ImportError as error:
        raise ProviderNotFoundError(f"{where} cannot be imported: {error}{_advice(installed)}") from error
    except Exception as error:
        raise ProviderNotFoundError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(provider, Provider) or provider.name != installed.name:
        found = f"Provider(name={provider.name!r}, …)" if isinstance(provider, Provider) else type(provider).__name__
        raise ProviderNotFoundError(
            f"{where}: the entry point {installed.entry_point.value!r} must have a hook htcgrid_provider that returns "
            f"Provider(name={installed.name!r}, …), not {found}"
        )
    return provider
