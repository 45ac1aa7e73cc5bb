"""The judge sees every seeded defect, and for the right reason."""

import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.simulation.mutation import Mutation, Patch
from tests.simulation.mutations import MUTATIONS, NAMED
from tests.simulation.simulation import Report

#: A defect that none of so many seeds shows is not seen.
_SEEDS = 100


def _reports(mutation: Mutation) -> Iterator[Report]:
    for seed in (mutation.seed, *range(_SEEDS)):
        yield mutation.simulate(seed)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_defect_is_complained_of(mutation: Mutation) -> None:
    with mutation.applied():
        complaint = next((report.wrong for report in _reports(mutation) if report.wrong), "")
    assert complaint, f"no seed shows that {mutation.name}"
    assert re.search(mutation.says, complaint)


def test_defects_have_names_of_their_own_and_the_protocols_are_among_them() -> None:
    names = [mutation.name for mutation in MUTATIONS]
    assert len(set(names)) == len(names)
    assert {mutation.name for mutation in NAMED} <= set(names)


def _square(number: int) -> int:
    return number * number


def test_a_patch_changes_a_function_until_its_context_is_left() -> None:
    here = SimpleNamespace(__name__="here", _square=_square)
    patch = Patch(here, "_square", "number * number", "number + 1")  # type: ignore[arg-type]
    with Mutation(name="it counts", says="", patches=(patch,)).applied():
        assert _square(7) == 8
    assert _square(7) == 49


@pytest.mark.parametrize("old", ["number + number", "number"])
def test_a_patch_of_code_that_is_not_there_once_is_refused(old: str) -> None:
    here = SimpleNamespace(__name__="here", _square=_square)
    patch = Patch(here, "_square", old, "1")  # type: ignore[arg-type]
    with (
        pytest.raises(AssertionError, match=r"has .* times"),
        Mutation(name="it is one", says="", patches=(patch,)).applied(),
    ):
        pass
