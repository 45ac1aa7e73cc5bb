"""Every seeded defect is found, and by what it breaks: a model in which one survives would prove nothing."""

from typing import NamedTuple

import pytest

from tests.model.protocol.bounds import Bounds
from tests.model.protocol.defects import collecting, committing, leasing, reading, returning, submitting, suspecting
from tests.model.protocol.explorer import Exploration
from tests.model.protocol.rules import Rules
from tests.model.protocol.state import Left
from tests.model.protocol.system import System


class Seeded(NamedTuple):
    """A defect, the smallest bounds that show it, and what is to be said of it."""

    rules: type[Rules]
    bounds: Bounds
    #: The invariant that it breaks, and the most steps that this takes.
    breaks: str
    steps: int


#: What is broken when no invariant is, and a task can never end.
_ENDS = "every task can still end"
_ONE = Bounds(roots=(1,))
_PAIR = Bounds(roots=(2,))
_TWO = Bounds(roots=(1, 2))
_CLIENT = Bounds(roots=(1,), calls=(1,), clients=(0,), agents=1)
_LATE = _PAIR._replace(left=Left(pauses=1, returns=1))
_LATE_FAILURE = _PAIR._replace(flaky=3, left=Left(pauses=1, fails=2))
_CANCELLED = Left(cancels=1)

SEEDED = (
    # Submitting.
    Seeded(submitting.BlindCreate, _CLIENT._replace(clients=(0, 0)), "outcomes_are_final", 8),
    Seeded(submitting.NotRecognisedByDigest, _CLIENT._replace(clients=(0, 1)), "contents_are_one", 5),
    Seeded(submitting.TotalByIncrement, _CLIENT._replace(clients=(0, 0)), "totals_are_true", 6),
    Seeded(submitting.RepetitionRefused, _CLIENT._replace(clients=(0, 0)), "repetition_is_recognised", 8),
    Seeded(
        submitting.RecordsInAnyOrder,
        Bounds(roots=(1, 3), other_roots=(1, 2, 3), clients=(0, 1), calls=(2,)),
        "one_bundle",
        7,
    ),
    Seeded(submitting.HeaderBeforeRecords, _CLIENT, "accepted_is_kept", 2),
    Seeded(submitting.InputsLast, _CLIENT, "inputs_are_there", 2),
    # Claiming, keeping and losing a lease.
    Seeded(leasing.NoHintForUnhinted, _PAIR._replace(hints=True, left=Left(lost=1)), _ENDS, 1),
    Seeded(leasing.ClaimOfCancelled, _PAIR._replace(left=_CANCELLED), "cancelled_is_not_begun", 2),
    Seeded(leasing.ClaimAboveTheTotal, _TWO._replace(clients=(0,), agents=1), "outcomes_are_of_the_session", 9),
    Seeded(leasing.ClaimOfRunning, _PAIR, "losses_end", 4),
    Seeded(leasing.ClaimWithoutAttempt, _LATE, "holder_keeps_its_tasks", 5),
    Seeded(leasing.StateIsTheFence, _LATE_FAILURE, "holder_keeps_its_tasks", 5),
    Seeded(
        leasing.ResetOnStateOnly,
        _ONE._replace(reapers=2, alone=2, left=Left(crashes=1)),
        "only_the_guilty_fail",
        10,
    ),
    Seeded(
        leasing.ResetOnStateOnly,
        _ONE._replace(reapers=1, stale_index=True, alone=2, left=Left(crashes=1)),
        "only_the_guilty_fail",
        11,
    ),
    # Committing.
    Seeded(committing.CommitOutsideTheRange, _LATE, "one_outcome", 10),
    Seeded(committing.UnconditionalFailure, _LATE_FAILURE, "one_outcome", 8),
    Seeded(committing.StaleFailure, _LATE_FAILURE, "failures_are_current", 5),
    Seeded(committing.CountedAsAsked, _LATE, "counts_are_exact", 7),
    Seeded(committing.AppendedBlindly, _TWO._replace(reads=True), "outcomes_are_final", 8),
    Seeded(committing.PackWithoutAttempt, _LATE._replace(packs=True), "packs_are_there", 6),
    Seeded(committing.NumbersStandStill, _PAIR._replace(packs=True), "packs_are_there", 5),
    # Giving back, and trying again.
    Seeded(returning.GiveBackWithoutTheFence, _LATE, "holder_keeps_its_tasks", 5),
    Seeded(returning.ChildLostBetweenTwoWrites, _LATE, "accepted_is_kept", 3),
    Seeded(returning.ChildNamedLikeItsParent, _PAIR._replace(flaky=1, left=Left(fails=1)), "accepted_is_kept", 3),
    Seeded(returning.CarvedAsAsked, _PAIR._replace(left=Left(replies=1, returns=1)), "outcomes_are_final", 7),
    Seeded(returning.TriesForgotten, _ONE._replace(doomed=1, agents=1), "losses_end", 13),
    # Suspects.
    Seeded(suspecting.LapsesAloneNotCounted, _PAIR._replace(poison=2), "losses_end", 25),
    Seeded(suspecting.NeighboursPay, _PAIR._replace(poison=1, left=Left(crashes=1)), "only_the_guilty_fail", 15),
    Seeded(suspecting.NeverIsolated, _PAIR._replace(poison=1), "losses_end", 23),
    Seeded(suspecting.RunBesideIsolation, _PAIR._replace(poison=1), "losses_end", 23),
    # Cancelling and reading.
    Seeded(reading.GrowsAfterCancel, _TWO._replace(clients=(0,), agents=1, left=_CANCELLED), "closed_is_closed", 9),
    Seeded(reading.CancelOverwritesOutcome, _PAIR._replace(reads=True, left=_CANCELLED), "outcomes_are_final", 7),
    Seeded(reading.HalfClosedStaysSo, _TWO._replace(logs=2, left=Left(cancels=1, crashes=1)), _ENDS, 2),
    Seeded(
        reading.CancelledToldEarly,
        _TWO._replace(logs=2, reader=True, left=_CANCELLED),
        "cancelled_has_no_outcome",
        5,
    ),
    Seeded(
        reading.RestByMemory, _PAIR._replace(reader=True, left=Left(cancels=1, resumes=1)), "nothing_is_read_twice", 9
    ),
    Seeded(reading.HolesSkipped, _PAIR._replace(reader=True), _ENDS, 6),
    Seeded(reading.HeaderReadFirst, _TWO._replace(clients=(0,), observer=True, agents=1), "status_is_possible", 15),
    # Collecting.
    Seeded(collecting.DeletedWithoutTombstone, _CLIENT, "accepted_is_kept", 4),
    Seeded(collecting.TombstoneOverHeader, _CLIENT, "accepted_is_kept", 5),
    Seeded(collecting.TombstoneRevived, _CLIENT._replace(left=Left(deletes=1)), "inputs_are_there", 5),
    Seeded(collecting.PackCollectedBeforeItsCommit, _PAIR._replace(packs=True, sweeps=True), "packs_are_there", 5),
    Seeded(collecting.EntriesLookedAtFirst, _PAIR._replace(packs=True, sweeps=True), "packs_are_there", 6),
)


@pytest.mark.parametrize("seeded", SEEDED, ids=lambda seeded: seeded.rules.__name__)
def test_a_seeded_defect_is_found_by_what_it_breaks(seeded: Seeded) -> None:
    violation = Exploration(System(seeded.bounds, seeded.rules())).run()
    assert violation is not None, f"{seeded.rules.__name__} survives: {seeded.rules.__doc__}"
    assert violation.rule == seeded.breaks, str(violation)
    assert len(violation.trace) <= seeded.steps, str(violation)


@pytest.mark.parametrize("seeded", SEEDED, ids=lambda seeded: seeded.rules.__name__)
def test_within_the_same_bounds_the_protocol_itself_is_right(seeded: Seeded) -> None:
    violation = Exploration(System(seeded.bounds)).run()
    assert violation is None, str(violation)


def test_every_rule_is_broken_by_a_seeded_defect() -> None:
    rules = {name for name in vars(Rules) if not name.startswith("_")}
    broken = {name for seeded in SEEDED for name in vars(seeded.rules)}
    assert not rules - broken


def test_every_defect_is_seeded() -> None:
    assert set(Rules.__subclasses__()) == {seeded.rules for seeded in SEEDED}
