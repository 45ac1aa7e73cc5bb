"""Every seeded defect is found, and by what it breaks: a model in which one survives would prove nothing."""

from typing import NamedTuple

import pytest

from tests.model.protocol import defects
from tests.model.protocol.bounds import Bounds
from tests.model.protocol.explorer import Exploration
from tests.model.protocol.rules import Rules
from tests.model.protocol.state import Left
from tests.model.protocol.system import System

LIVENESS = "every task can still end"


class Seeded(NamedTuple):
    """A defect, the smallest bounds that show it, what it breaks, and the most steps that this takes."""

    rules: type[Rules]
    bounds: Bounds
    breaks: str
    steps: int


PAIR = Bounds(roots=(2,))
SEEDED = (
    Seeded(
        defects.ResetOnStateOnly,
        Bounds(roots=(1,), reapers=2, alone=2, left=Left(crashes=1)),
        "only_the_guilty_fail",
        20,
    ),
    Seeded(defects.CommitOutsideTheRange, PAIR._replace(left=Left(pauses=1, returns=1)), "one_outcome", 20),
    Seeded(
        defects.GiveBackWithoutTheFence, PAIR._replace(left=Left(pauses=1, returns=1)), "holder_keeps_its_tasks", 20
    ),
    Seeded(defects.ChildLostBetweenTwoWrites, PAIR._replace(left=Left(returns=1)), "accepted_is_kept", 20),
    Seeded(defects.StaleFailure, PAIR._replace(flaky=3, left=Left(pauses=1, fails=2)), "failures_are_current", 20),
    Seeded(defects.UnconditionalFailure, PAIR._replace(flaky=3, left=Left(pauses=1, fails=2)), "one_outcome", 20),
    Seeded(defects.CountedAsAsked, PAIR._replace(left=Left(pauses=1)), "counts_are_exact", 20),
    Seeded(defects.AppendedBlindly, Bounds(roots=(1, 2), reads=True), "outcomes_are_final", 20),
    Seeded(defects.PackWithoutAttempt, PAIR._replace(packs=True, left=Left(pauses=1)), "packs_are_there", 20),
    Seeded(defects.ChildNamedLikeItsParent, PAIR._replace(flaky=1, left=Left(fails=1)), "accepted_is_kept", 20),
    Seeded(defects.BlindCreate, Bounds(roots=(1,), calls=(1,), clients=(0, 0), agents=1), "outcomes_are_final", 20),
    Seeded(
        defects.NotRecognisedByDigest, Bounds(roots=(1,), calls=(1,), clients=(0, 1), agents=0), "contents_are_one", 20
    ),
    Seeded(defects.TotalByIncrement, Bounds(roots=(1,), calls=(1,), clients=(0, 0), agents=0), "totals_are_true", 20),
    Seeded(
        defects.GrowsAfterCancel,
        Bounds(roots=(1, 2), clients=(0,), agents=0, left=Left(cancels=1)),
        "closed_is_closed",
        20,
    ),
    Seeded(defects.HeaderBeforeRecords, Bounds(roots=(1,), calls=(1,), clients=(0,), agents=0), "accepted_is_kept", 20),
    Seeded(defects.InputsLast, Bounds(roots=(1,), calls=(1,), clients=(0,), agents=0), "inputs_are_there", 20),
    Seeded(
        defects.DeletedWithoutTombstone, Bounds(roots=(1,), calls=(1,), clients=(0,), agents=0), "accepted_is_kept", 20
    ),
    Seeded(defects.TombstoneOverHeader, Bounds(roots=(1,), calls=(1,), clients=(0,), agents=0), "accepted_is_kept", 20),
    Seeded(
        defects.TombstoneRevived,
        Bounds(roots=(1,), calls=(1,), clients=(0,), agents=0, left=Left(deletes=1)),
        "accepted_is_kept",
        20,
    ),
    Seeded(defects.NoHintForUnhinted, PAIR._replace(hints=True, left=Left(lost=1)), LIVENESS, 20),
    Seeded(defects.ClaimOfCancelled, PAIR._replace(left=Left(cancels=1)), "cancelled_is_not_begun", 20),
    Seeded(defects.ClaimAboveTheTotal, Bounds(roots=(1, 2), clients=(0,), agents=1), "outcomes_are_of_the_session", 20),
    Seeded(defects.ClaimOfRunning, PAIR, "losses_end", 20),
    Seeded(defects.ClaimWithoutAttempt, PAIR._replace(left=Left(pauses=1, returns=1)), "holder_keeps_its_tasks", 20),
    Seeded(defects.CarvedAsAsked, PAIR._replace(left=Left(replies=1, returns=1)), "one_bundle", 20),
    Seeded(defects.CancelOverwritesOutcome, PAIR._replace(reads=True, left=Left(cancels=1)), "outcomes_are_final", 20),
    Seeded(defects.HalfClosedStaysSo, Bounds(roots=(1, 2), logs=2, left=Left(cancels=1, crashes=1)), LIVENESS, 20),
    Seeded(
        defects.CancelledToldEarly,
        Bounds(roots=(1, 2), logs=2, reader=True, left=Left(cancels=1)),
        "cancelled_has_no_outcome",
        20,
    ),
    Seeded(
        defects.RestByMemory, PAIR._replace(reader=True, left=Left(cancels=1, resumes=1)), "nothing_is_read_twice", 20
    ),
    Seeded(defects.HolesSkipped, PAIR._replace(reader=True), LIVENESS, 20),
    Seeded(
        defects.HeaderReadFirst, Bounds(roots=(1, 2), clients=(0,), observer=True, agents=1), "status_is_possible", 20
    ),
    Seeded(defects.PackCollectedBeforeItsCommit, PAIR._replace(packs=True, sweeps=True), "packs_are_there", 20),
    Seeded(defects.EntriesLookedAtFirst, PAIR._replace(packs=True, sweeps=True), "packs_are_there", 20),
    Seeded(defects.LapsesAloneNotCounted, Bounds(roots=(2,), poison=2), "losses_end", 40),
    Seeded(defects.NeighboursPay, Bounds(roots=(2,), poison=1, left=Left(crashes=1)), "only_the_guilty_fail", 40),
    Seeded(defects.NeverIsolated, Bounds(roots=(2,), poison=1), "losses_end", 40),
    Seeded(
        defects.ResetOnStateOnly,
        Bounds(roots=(1,), reapers=1, alone=2, stale_index=True, left=Left(crashes=1)),
        "only_the_guilty_fail",
        40,
    ),
    Seeded(defects.NumbersStandStill, PAIR._replace(packs=True), "packs_are_there", 20),
    Seeded(defects.StateIsTheFence, PAIR._replace(flaky=3, left=Left(pauses=1, fails=2)), "holder_keeps_its_tasks", 20),
    Seeded(defects.TriesForgotten, Bounds(roots=(1,), doomed=1, agents=1), "losses_end", 40),
)


@pytest.mark.parametrize("seeded", SEEDED, ids=lambda seeded: seeded.rules.__name__)
def test_a_seeded_defect_is_found_by_what_it_breaks(seeded: Seeded) -> None:
    violation = Exploration(System(seeded.bounds, seeded.rules())).run()
    assert violation is not None, f"{seeded.rules.__name__} survives: {seeded.rules.__doc__}"
    assert violation.rule == seeded.breaks, str(violation)
    assert len(violation.trace) <= seeded.steps, str(violation)
