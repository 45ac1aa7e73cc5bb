"""A contract: clauses that every provider of an interface keeps, as test methods whose names are sentences.

A stranger subclasses a contract and gives it one fixture. A clause that cannot hold for a service is dropped in sight::

    class TestAcmeState(StateStoreContract):
        dropped = {"test_a_pending_bundle_is_hinted_late": "Acme's queue never loses a hint"}

A clause of that name in the same class then stands in its place; without one it is reported as skipped.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest


class Contract:
    """What all contracts have in common: clauses are dropped or replaced for a reason only."""

    #: By name of the clause: why it does not hold for this provider.
    dropped: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Refuse clauses that are dropped or replaced without a reason, and skip those that are dropped with one."""
        super().__init_subclass__(**keywords)
        reasons = vars(cls).get("dropped", {})
        clauses = {name for base in cls.__mro__[1:] for name in vars(base) if name.startswith("test_")}
        replaced = {name for name in clauses if _replaces(cls, name)}
        for name in sorted(replaced - set(reasons)):
            raise TypeError(
                f"{cls.__name__} replaces the clause {name} without a reason: add it to `dropped`, with one"
            )
        for name, reason in reasons.items():
            if name not in clauses:
                raise TypeError(f"{cls.__name__} drops {name}, which is no clause of its contract")
            if not isinstance(reason, str) or not reason.strip():
                raise TypeError(f"{cls.__name__} drops the clause {name} without a reason: say why it does not hold")
            if name not in replaced or not callable(getattr(cls, name)):
                setattr(cls, name, _skipped(reason))


def _replaces(cls: type, name: str) -> bool:
    """Return whether a class has something of its own, or of a class mixed in, in the place of a clause."""
    owners = [base for base in cls.__mro__ if name in vars(base)]
    covered = any(issubclass(owner, Contract) for owner in owners[1:])
    return covered and (owners[0] is cls or not issubclass(owners[0], owners[1]))


def _skipped(reason: str) -> Callable[..., None]:
    @pytest.mark.skip(reason=reason)
    def clause(self: Contract) -> None:
        """Stand in for the clause that was dropped."""

    return clause
