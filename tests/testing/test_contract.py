"""A clause is dropped or replaced only in sight."""

from typing import ClassVar

import pytest

from htcgrid.testing import GridContract, MemoryStateStore, StateStoreContract, VirtualClock
from htcgrid.testing.contract import Contract

pytest_plugins = ["pytester"]


class Promise(Contract):
    def test_one(self) -> None:
        raise AssertionError

    def test_two(self) -> None:
        raise AssertionError


class TestDroppedInSight(Promise):
    dropped: ClassVar = {"test_one": "this service has no ones", "test_two": "it counts by another rule"}

    def test_two(self) -> None:
        """Stands in the place of the clause."""


def test_a_clause_that_is_dropped_with_a_reason_is_skipped_and_says_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from htcgrid.testing import StateStoreContract
        class TestStore(StateStoreContract):
            dropped = {"test_an_empty_batch_changes_nothing": "batches are never empty here"}
        """
    )
    run = pytester.runpytest_inprocess("-rs", "-p", "no:cacheprovider", "-k", "empty_batch_changes")
    run.assert_outcomes(skipped=1)
    run.stdout.fnmatch_lines(["*batches are never empty here*"])


def test_a_clause_cannot_be_replaced_without_a_reason() -> None:
    with pytest.raises(TypeError, match=r"Silent replaces the clause test_one without a reason"):
        type("Silent", (Promise,), {"test_one": lambda _: None})


def test_a_clause_cannot_be_removed_without_a_reason() -> None:
    with pytest.raises(TypeError, match=r"replaces the clause test_one without a reason"):
        type("Silent", (Promise,), {"test_one": None})


def test_a_clause_cannot_be_hidden_by_a_class_that_is_mixed_in() -> None:
    class Plain:
        def test_one(self) -> None:
            """Has the name of a clause by chance, or not."""

    class Other(Contract):
        def test_one(self) -> None:
            """A clause of another contract."""

    for mixed_in in (Plain, Other):
        with pytest.raises(TypeError, match=r"Silent replaces the clause test_one without a reason"):
            type("Silent", (mixed_in, Promise), {})
        told = type("Told", (mixed_in, Promise), {"dropped": {"test_one": "a reason"}})
        assert told.test_one is mixed_in.test_one  # type: ignore[attr-defined]


@pytest.mark.parametrize("reason", ["", "  ", None])
def test_a_reason_must_say_something(reason: object) -> None:
    with pytest.raises(TypeError, match=r"drops the clause test_one without a reason"):
        type("Silent", (Promise,), {"dropped": {"test_one": reason}})


def test_only_a_clause_can_be_dropped() -> None:
    with pytest.raises(TypeError, match=r"drops test_three, which is no clause"):
        type("Confused", (Promise,), {"dropped": {"test_three": "a reason"}})


def test_what_one_provider_drops_another_one_keeps() -> None:
    type("Dropping", (Promise,), {"dropped": {"test_one": "a reason"}})
    with pytest.raises(AssertionError):
        Promise().test_one()


@pytest.mark.parametrize(("contract", "least"), [(StateStoreContract, 100), (GridContract, 40)])
def test_no_clause_of_a_contract_hides_another_one(contract: type, least: int) -> None:
    names = [name for theme in contract.__mro__ for name in vars(theme) if name.startswith("test_")]
    assert len(names) == len(set(names)) > least


def test_a_contract_without_its_fixture_says_what_is_missing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from htcgrid.testing import PayloadStoreContract
        class TestNothing(PayloadStoreContract):
            pass
        """
    )
    run = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-k", "empty_batch_changes")
    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines(["*TestNothing must have a fixture `payloads` that returns an open PayloadStore"])


def test_time_passes_for_a_store_only_when_it_is_told() -> None:
    clock = VirtualClock(5.0)
    assert (clock(), clock()) == (5.0, 5.0)
    assert MemoryStateStore(clock=clock).expired(1) == []
