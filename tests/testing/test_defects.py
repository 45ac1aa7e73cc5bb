"""The kit catches what naive providers do: each defect breaks the clause that names it."""

import pytest

# Imported here, so that not every run in a run imports them again.
from htcgrid.testing import PayloadStoreContract, StateStoreContract, TaskQueueContract
from tests.testing import defects

pytest_plugins = ["pytester"]

_STATE = """
import pytest
from htcgrid.testing import PayloadStoreContract, StateStoreContract, TaskQueueContract

class TestStateStoreContract(StateStoreContract):
    examples = 500
    shrinks = False

    @pytest.fixture
    def store(self, clock, defective):
        return defective(clock=clock)

class TestTaskQueueContract(TaskQueueContract):
    @pytest.fixture
    def queue(self, clock, defective):
        return defective(clock=clock)

class TestPayloadStoreContract(PayloadStoreContract):
    shrinks = False

    @pytest.fixture
    def payloads(self, defective):
        return defective()
"""


class _Gives:
    """A plugin whose fixture is the class under test."""

    def __init__(self, defective: type) -> None:
        self._defective = defective

    @pytest.fixture
    def defective(self) -> type:
        return self._defective


def _broken(pytester: pytest.Pytester, defective: type, contract: type, clause: str) -> list[str]:
    """Run one clause; return the clauses that failed, and not in their set-up."""
    file = pytester.makepyfile(_STATE)
    run = pytester.inline_run(
        "-p", "no:cacheprovider", "-q", f"{file}::Test{contract.__name__}::{clause}", plugins=[_Gives(defective)]
    )
    return [
        report.nodeid
        for report in run.getreports("pytest_runtest_logreport")
        if report.failed and report.when == "call"
    ]


_LIKENESS = "test_any_sequence_of_calls_is_answered_as_by_the_memory_store"
_STORES = [
    (defects.BlindCreate, "test_a_repeated_submit_of_other_content_is_a_conflict"),
    (defects.BlindCreate, "test_a_tombstone_is_never_created_again"),
    (defects.BlindAdd, "test_a_bundle_that_runs_or_has_ended_is_recognised_and_goes_on"),
    (defects.AddWithoutDigest, "test_a_bundle_of_other_content_is_a_conflict"),
    (defects.TotalByIncrement, "test_a_bundle_that_is_there_is_left_alone_whatever_state_the_session_is_in"),
    (defects.TotalByIncrement, "test_the_total_is_the_end_of_the_last_bundle_in_whatever_order_they_come"),
    (defects.FirstPageOfWhatWasSubmitted, "test_what_was_submitted_is_kept_whatever_became_of_its_tasks"),
    (defects.FirstHundredBundles, "test_a_batch_of_250_bundles_is_added_whole"),
    (defects.SealOfAnyTotal, "test_seal_with_another_total_is_a_conflict"),
    (defects.ClaimOfClaimed, "test_a_claimed_bundle_is_not_claimed_again"),
    (defects.ClaimInTwoSteps, "test_of_many_claims_at_once_exactly_one_wins"),
    (defects.OneNonceForAll, "test_every_claim_raises_the_attempt_and_has_a_fresh_nonce"),
    (defects.ClaimBeforeItsTime, "test_delayed_bundles_are_not_claimed_before_their_time"),
    (defects.ClaimOfCancelled, "test_nothing_is_claimed_after_a_cancel"),
    (defects.ClaimOfCancelled, "test_nothing_is_committed_after_a_cancel"),
    (defects.ClaimOfCancelled, "test_a_bundle_of_a_later_schema_is_not_claimed"),
    (defects.FenceOfAttemptOnly, "test_a_fence_is_both_attempt_and_nonce"),
    (defects.StaleCommitWhole, "test_a_commit_under_a_stale_lease_records_only_successes"),
    (defects.StaleCommitRefused, "test_a_commit_under_a_stale_lease_records_only_successes"),
    (defects.StaleCommitEndsTheLease, "test_a_stale_commit_does_not_end_the_lease_of_the_agent_that_runs_the_rest"),
    (defects.CommitTwice, "test_a_repeated_commit_records_nothing_twice"),
    (defects.CommitOutsideTheBundle, "test_tasks_that_were_given_back_are_refused"),
    (defects.CommitOutsideTheBundle, "test_a_stale_commit_reaches_no_task_that_moved_to_a_child"),
    (defects.EntryOfRefused, "test_an_entry_lists_exactly_what_was_accepted"),
    (defects.LastOutcomeWins, "test_two_commits_of_one_bundle_in_one_call_are_both_recorded"),
    (defects.GiveBackWithoutFence, "test_a_give_back_under_a_lapsed_lease_does_nothing"),
    (defects.GiveBackWithoutFence, "test_repeating_a_give_back_of_everything_changes_nothing"),
    (defects.ChildrenOfDoneTasks, "test_only_what_is_open_and_in_the_bundle_is_given_back"),
    (defects.ChildByItsStart, "test_a_child_may_start_where_its_parent_does"),
    (defects.ChildByItsStart, "test_every_task_is_in_exactly_one_bundle"),
    (defects.ChildWithoutTries, "test_tasks_keep_their_tries_and_bring_new_ones"),
    (defects.ChildWithoutLapses, "test_a_child_starts_with_the_lapses_of_its_parent_or_those_it_is_given"),
    (defects.ParentKeepsItsTasks, "test_every_task_is_in_exactly_one_bundle"),
    (defects.LapseByState, "test_an_agent_whose_beat_moves_does_not_lapse"),
    (defects.LapseUncounted, "test_lapses_of_several_open_tasks_are_counted"),
    (defects.LapsesOfOneKind, "test_a_lapse_alone_is_counted_apart"),
    (defects.LapseThatForgetsOutcomes, "test_a_lapse_costs_no_try_and_no_outcome"),
    (defects.BacklogHintedOnce, "test_looking_at_the_backlog_does_not_change_it"),
    (defects.BacklogOfAnyPool, "test_the_backlog_of_a_pool_is_not_that_of_another"),
    (defects.NothingHintedLate, "test_a_pending_bundle_is_hinted_late_whatever_the_queue_holds"),
    (defects.HintsOfTheLostAsOfTheNew, "test_hints_of_what_was_begun_say_so"),
    (defects.HintsOfTheSuspectAsOfOthers, "test_hints_of_what_lapsed_twice_say_that_it_is_suspect"),
    (defects.LostWithoutCause, "test_leases_of_a_cancelled_session_are_lost_and_say_so"),
    (defects.CancelOverOutcomes, "test_cancel_counts_exactly"),
    (defects.CancelOfFinished, "test_a_session_that_had_finished_stays_as_it_was"),
    (defects.CancelUpToTheFirstUnknown, "test_an_unknown_session_does_not_keep_the_others_from_being_cancelled"),
    (defects.SkipAtPageBorder, "test_pages_of_any_size_hold_every_outcome_once"),
    (defects.RepeatAtPageBorder, "test_pages_of_any_size_hold_every_outcome_once"),
    (defects.ClosedTooSoon, "test_a_cancelled_session_is_read_to_its_closing_entries"),
    (defects.DeleteForgetsTheId, "test_a_tombstone_is_never_created_again"),
    (defects.ExpiredByAge, "test_a_session_that_has_not_finished_does_not_expire"),
    (defects.CollectOfAnything, "test_nothing_is_collected_of_a_session_that_lives"),
    (defects.ExpiredWhileItHoldsRecords, "test_a_tombstone_without_records_is_to_be_collected_too"),
    (defects.ExpiredWhileItHoldsRecords, "test_a_tombstone_is_to_be_collected_until_it_was_collected_to_its_end"),
    (defects.CollectedOnce, "test_a_collected_session_is_to_be_collected_once_more_for_what_came_late"),
    (defects.CollectedForEver, "test_a_collected_session_is_to_be_collected_once_more_for_what_came_late"),
    (defects.CollectedAgainAtOnce, "test_a_collected_session_is_to_be_collected_once_more_for_what_came_late"),
    (defects.AnyRepeatIsTheSecondCollection, "test_collecting_again_before_its_time_is_not_the_second_collection"),
    (defects.LingersFromTheLastCollect, "test_collecting_again_before_its_time_is_not_the_second_collection"),
    (defects.DeleteBeginsAnew, "test_deleting_a_collected_session_changes_nothing"),
    (defects.RetentionByTheClientsClock, "test_a_client_whose_clock_is_wrong_loses_nothing"),
    (defects.TriesOfEndedTasks, "test_a_claim_names_tries_of_open_tasks_only"),
    (defects.OnlyARenewalIsABeat, "test_whatever_an_agent_does_under_its_lease_is_a_sign_of_life"),
    (defects.OneBadCommitSpoilsAll, "test_a_commit_that_cannot_be_recorded_holds_up_no_others"),
    (defects.SealInTwoSteps, "test_a_seal_beside_an_add_takes_its_tasks_or_refuses_them"),
    (defects.RenewInTwoSteps, "test_a_renewal_beside_a_lapse_is_kept_or_lost"),
    (defects.DelayedInTheBacklog, "test_a_delayed_bundle_is_not_in_the_backlog_before_its_time"),
    (defects.BundlesWithEndedTasks, "test_tasks_with_an_outcome_are_in_no_open_bundle"),
    (defects.BundlesOfCancelled, "test_a_session_that_is_over_has_no_open_bundle"),
    (defects.BundlesOfNoSession, "test_bundles_of_an_unknown_session_are_refused"),
    (defects.BundleOfATaskByItsStart, "test_the_bundle_of_a_task_is_found_by_the_task"),
    (defects.FirstPageOfBundles, "test_pages_of_bundles_hold_each_once"),
    (defects.FirstReportStays, "test_an_agent_is_known_by_its_last_report"),
    (defects.ReportsWithoutFaults, "test_a_report_is_told_as_it_was_given"),
    (defects.SilentSinceTheFirstReport, "test_an_agent_is_known_by_its_last_report"),
    (defects.AgentsOfAllPools, "test_agents_are_asked_for_by_pool"),
    (defects.AgentsOfTheFirstPage, "test_pages_of_agents_hold_each_once"),
    (defects.AgentsForEver, "test_an_agent_is_forgotten_when_it_was_silent_for_a_day"),
]


@pytest.mark.parametrize(("defective", "clause"), _STORES)
def test_a_defect_of_a_state_store_breaks_the_clause_that_names_it(
    pytester: pytest.Pytester, defective: type, clause: str
) -> None:
    assert _broken(pytester, defective, StateStoreContract, clause)


@pytest.mark.parametrize(
    "defective",
    [
        defects.ClaimOfClaimed,
        defects.StaleCommitWhole,
        defects.StaleCommitRefused,
        defects.CommitTwice,
        defects.EntryOfRefused,
        defects.GiveBackWithoutFence,
        defects.ChildByItsStart,
        defects.ChildWithoutTries,
        defects.ParentKeepsItsTasks,
        defects.LapseUncounted,
        defects.LapseThatForgetsOutcomes,
        defects.SealOfAnyTotal,
    ],
)
def test_a_defect_is_also_found_by_comparing_with_the_memory_store(pytester: pytest.Pytester, defective: type) -> None:
    assert _broken(pytester, defective, StateStoreContract, _LIKENESS)


@pytest.mark.parametrize(
    ("defective", "contract", "clause"),
    [
        (defects.OverwritingPayloads, PayloadStoreContract, "test_an_object_is_never_overwritten"),
        (defects.PrefixWithoutSlash, PayloadStoreContract, "test_a_prefix_and_a_slash_delete_all_that_starts_so"),
        (defects.OverwritingPayloads, PayloadStoreContract, _LIKENESS),
        (defects.PrefixWithoutSlash, PayloadStoreContract, _LIKENESS),
        (defects.PrefixIsAKey, PayloadStoreContract, _LIKENESS),
        (defects.QueueWithoutPriorities, TaskQueueContract, "test_higher_priorities_come_first"),
        (
            defects.QueueThatHandsOutWhatWasBegunLast,
            TaskQueueContract,
            "test_bundles_that_were_begun_before_come_first_among_their_priority",
        ),
        (defects.QueueOfOnePool, TaskQueueContract, "test_a_pool_gets_its_own_hints_only"),
        (
            defects.QueueThatCountsWhatWasReceived,
            TaskQueueContract,
            "test_what_was_received_is_not_counted_as_waiting",
        ),
        (defects.QueueWithoutAck, TaskQueueContract, "test_a_hint_that_was_acknowledged_does_not_come_again"),
    ],
)
def test_a_defect_of_another_interface_breaks_the_clause_that_names_it(
    pytester: pytest.Pytester, defective: type, contract: type, clause: str
) -> None:
    assert _broken(pytester, defective, contract, clause)
