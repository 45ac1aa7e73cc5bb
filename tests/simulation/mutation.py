"""One seeded defect: what is wrong, how the code is made so, and what the judge must say of it."""

import inspect
import textwrap
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

import pytest

from tests.simulation.simulation import Report, simulate
from tests.simulation.world import Parts


class Patch:
    """A change of one function or method of the real code: ``old``, which stands in it once, becomes ``new``."""

    def __init__(self, owner: type | ModuleType, name: str, old: str, new: str) -> None:
        self._owner = owner
        self._name = name
        self._old = old
        self._new = new

    def apply(self, monkeypatch: pytest.MonkeyPatch, changed: dict[FunctionType, str]) -> None:
        """Let the function do what the changed source says, whoever holds it; ``changed`` has sources changed before.

        Raises:
            AssertionError: ``old`` is not there, or more than once: the code has changed, and the patch must.
        """
        function = _function(vars(self._owner)[self._name])
        before = function.__code__
        source = changed.get(function) or textwrap.dedent(inspect.getsource(function))
        found = source.count(self._old)
        assert found == 1, f"{self._name} of {self._owner.__name__} has {found} times: {self._old}"
        # In front of it as many lines as in its file, so that it calls stores from about the same ones.
        changed[function] = source.replace(self._old, self._new)
        text = "\n" * (before.co_firstlineno - 1) + changed[function]
        made: dict[str, Any] = {}
        exec(compile(text, before.co_filename, "exec"), function.__globals__, made)
        monkeypatch.setattr(function, "__code__", _function(made[self._name]).__code__)


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """A defect with which no grid keeps its promises."""

    #: What is wrong, as a sentence.
    name: str
    #: A regular expression that the judge's complaint matches.
    says: str
    #: The first seed to simulate: one that shows it.
    seed: int = 0
    #: How long after the last fault everything must have ended: much longer than it takes without a defect. Seconds.
    patience: float = 900.0
    #: Changes of the real code, and parts in the place of real ones.
    patches: tuple[Patch, ...] = ()
    parts: dict[str, type] = field(default_factory=dict)

    def applied(self) -> AbstractContextManager[pytest.MonkeyPatch]:
        """Return a context in which the code has the defect."""
        return _Applied(self)

    def simulate(self, seed: int) -> Report:
        """Simulate a seed with the defective parts; for the context of :meth:`applied`."""
        parts = Parts()
        for name, part in self.parts.items():
            setattr(parts, name, part)
        return simulate(seed, parts=parts, patience=self.patience)


class _Applied(AbstractContextManager[pytest.MonkeyPatch]):
    def __init__(self, mutation: Mutation) -> None:
        self._mutation = mutation
        self._monkeypatch = pytest.MonkeyPatch()

    def __enter__(self) -> pytest.MonkeyPatch:
        changed: dict[FunctionType, str] = {}
        try:
            for patch in self._mutation.patches:
                patch.apply(self._monkeypatch, changed)
        except BaseException:
            self._monkeypatch.undo()
            raise
        return self._monkeypatch

    def __exit__(self, *_: object) -> None:
        self._monkeypatch.undo()


def _function(found: Any) -> FunctionType:
    function = found.fget if isinstance(found, property) else found
    assert isinstance(function, FunctionType), f"{found} is no function"
    return function
