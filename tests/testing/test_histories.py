"""A history is judged by its rules: one that a store may have breaks none, and each rule can be broken."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from htcgrid.model import (
    AgentId,
    BundleKey,
    CancelCounts,
    Claim,
    Commit,
    Committed,
    Entry,
    GivenBack,
    Hint,
    Lease,
    Part,
    Ranges,
    Remainder,
    SessionState,
    SessionStatus,
    child_birth,
    utcnow,
)
from htcgrid.testing import StateStoreContract, VirtualClock
from htcgrid.testing.samples import NOTHING, bundle_of, commit_of, session_of, tasks
from htcgrid.testing.state.history import (
    AddCall,
    Call,
    CancelCall,
    ClaimCall,
    CommitCall,
    DueCall,
    GiveBackCall,
    History,
    OutcomesCall,
    Period,
    RenewCall,
    StatusCall,
)
from htcgrid.testing.state.judgement import violations
from tests.testing import defects

SESSION = session_of()
ROOT, OTHER, LATE = bundle_of(SESSION, 0, 4), bundle_of(SESSION, 4, 8), bundle_of(SESSION, 8, 9)
CHILD = BundleKey(SESSION.id, 6, child_birth(OTHER.key, 1))


def lease_of(key: BundleKey, attempt: int, nonce: str) -> Lease:
    return Lease(key=key, agent=AgentId("a"), attempt=attempt, nonce=nonce)


FIRST, SECOND = lease_of(ROOT.key, 1, "n1"), lease_of(ROOT.key, 2, "n2")
THIRD, FOURTH = lease_of(OTHER.key, 1, "n3"), lease_of(CHILD, 1, "n4")


def won(lease: Lease, open_tasks: Ranges) -> Claim:
    bundle = ROOT if lease.key == ROOT.key else OTHER
    return Claim(lease=lease, session=SESSION, input=bundle.input, first=bundle.key.start, open=open_tasks)


def answer(accepted: Ranges, refused: Ranges = NOTHING, lease: Lease | None = None) -> Committed:
    return Committed(lease=lease, accepted=accepted, refused=refused)


def entry(*parts: Part, closing: bool = False) -> Entry:
    return Entry(parts=parts, committed=utcnow(), closing=closing)


def part(commit: Commit, succeeded: Ranges, failed: Ranges = NOTHING) -> Part:
    return Part(commit.lease.key, succeeded, failed, commit.pack)


def status(succeeded: int, failed: int, cancelled: int = 0, total: int = 8) -> SessionStatus:
    return SessionStatus(
        session=SESSION,
        state=SessionState.CANCELLED if cancelled else SessionState.OPEN,
        total=total,
        succeeded=succeeded,
        failed=failed,
        cancelled=cancelled,
        running=0,
    )


EARLY, STALE = commit_of(FIRST, tasks(0, 1), tasks(1, 2)), commit_of(FIRST, tasks(2, 3), tasks(3, 4), flush=1)
WHOLE, TOO_LATE = commit_of(THIRD, tasks(4, 6)), commit_of(FOURTH, tasks(6, 7))
ENTRIES = [
    entry(part(EARLY, tasks(0, 1), tasks(1, 2))),
    entry(part(STALE, tasks(2, 3))),
    entry(part(WHOLE, tasks(4, 6))),
    entry(closing=True),
]
GIVEN = GivenBack(lease=THIRD, carved=[tasks(6, 8)], hints=[Hint(key=CHILD)])
COUNTS = CancelCounts(session=SESSION.id, succeeded=4, failed=1, cancelled=3)


def calls() -> dict[str, Call]:
    """Return what may have happened: a bundle lapses, another is given back in part, and then comes a cancel."""
    made: list[tuple[str, type[Call], dict[str, Any]]] = [
        ("add", AddCall, {"bundles": (ROOT, OTHER)}),
        ("claim", ClaimCall, {"won": (won(FIRST, tasks(0, 4)),)}),
        ("commit", CommitCall, {"commits": (EARLY,), "answers": (answer(tasks(0, 2), lease=FIRST),)}),
        ("read", OutcomesCall, {"reader": 1, "entries": tuple(ENTRIES[:1])}),
        ("due", DueCall, {"hinted": (ROOT.key,)}),
        ("claim again", ClaimCall, {"won": (won(SECOND, tasks(2, 4)),)}),
        ("stale commit", CommitCall, {"commits": (STALE,), "answers": (answer(tasks(2, 3), tasks(3, 4)),)}),
        ("renew", RenewCall, {"leases": (FIRST, SECOND), "kept": (SECOND,)}),
        ("claim other", ClaimCall, {"won": (won(THIRD, tasks(4, 8)),)}),
        ("give back", GiveBackCall, {"lease": THIRD, "remainders": (Remainder(ranges=tasks(6, 9)),), "given": GIVEN}),
        ("claim child", ClaimCall, {"won": (won(FOURTH, tasks(6, 8)),)}),
        ("commit other", CommitCall, {"commits": (WHOLE,), "answers": (answer(tasks(4, 6)),)}),
        ("status", StatusCall, {"status": status(4, 1)}),
        ("cancel", CancelCall, {"counts": COUNTS}),
        ("late commit", CommitCall, {"commits": (TOO_LATE,), "answers": (answer(NOTHING, tasks(6, 7)),)}),
        ("late add", AddCall, {"bundles": (LATE,), "taken": False}),
        ("add again", AddCall, {"bundles": (ROOT,)}),
        ("read on", OutcomesCall, {"reader": 1, "entries": tuple(ENTRIES[1:])}),
    ]
    return {
        name: kind(period=Period(10 * number, 10 * number + 5), **fields)
        for number, (name, kind, fields) in enumerate(made)
    }


def history(made: dict[str, Call], **fields: Any) -> History:
    plain = History(session=SESSION.id, calls=list(made.values()), entries=ENTRIES, status=status(4, 1, 3))
    return msgspec.structs.replace(plain, **fields)


def test_a_history_that_a_store_may_have_breaks_no_rule() -> None:
    assert violations(history(calls())) == []


def test_calls_that_overlap_may_have_taken_effect_in_either_order() -> None:
    made = calls()
    # A renewal of the first lease that began before the second was won, and came back after it.
    made["renew"] = RenewCall(period=Period(45, 80), leases=(FIRST,), kept=(FIRST,))
    # A cancel that took effect when it had hardly begun, or hardly come back.
    made["cancel"] = CancelCall(period=Period(110, 170), counts=COUNTS)
    made["late claim"] = ClaimCall(period=Period(112, 169), won=(won(lease_of(CHILD, 2, "n5"), tasks(6, 8)),))
    made["due late"] = DueCall(period=Period(111, 150), hinted=(CHILD,))
    assert violations(history(made)) == []


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("claim again", {"won": (won(lease_of(ROOT.key, 1, "n2"), tasks(2, 4)),)}, "attempts [1, 1] were won"),
        ("claim again", {"won": (won(lease_of(ROOT.key, 3, "n2"), tasks(2, 4)),)}, "attempts [1, 3] were won"),
        ("claim again", {"won": (won(lease_of(ROOT.key, 2, "n1"), tasks(2, 4)),)}, "nonce 'n1' was given 2 times"),
        ("claim again", {"period": Period(6, 9)}, "attempt 2 was won before attempt 1"),
        ("due", {"hinted": (OTHER.key,)}, "attempt 2 was won while attempt 1 held it"),
        ("due", {"period": Period(60, 65)}, "attempt 2 was won while attempt 1 held it"),
        ("renew", {"kept": (FIRST, SECOND)}, "attempt 1 was renewed after attempt 2 was won"),
        (
            "renew",
            {"period": Period(117, 119), "kept": (THIRD,), "leases": (THIRD,)},
            "renewed after it was said to be",
        ),
        (
            "stale commit",
            {"answers": (answer(tasks(2, 4)),)},
            "attempt 1 recorded failures after attempt 2 was won",
        ),
        (
            "stale commit",
            {"answers": (answer(tasks(2, 3), tasks(3, 4), FIRST),)},
            "attempt 1 kept its lease in a commit after attempt 2 was won",
        ),
        ("give back", {"remainders": (Remainder(ranges=tasks(6, 7)),)}, "given back unasked: 7"),
        ("give back", {"given": None}, "claimed in a bundle that never held them: 6-7"),
        ("give back", {"period": Period(117, 119)}, "attempt 1 gave tasks back after it was said to be over"),
        (
            "give back",
            {"lease": SECOND, "given": GivenBack(lease=SECOND, carved=[tasks(2, 3)], hints=[Hint(key=CHILD)])},
            "given back after they had ended: 2",
        ),
        ("claim again", {"won": (won(SECOND, tasks(1, 4)),)}, "claimed after they had ended: 1"),
        ("claim again", {"won": (won(SECOND, tasks(2, 5)),)}, "claimed in a bundle that never held them: 4"),
        (
            "commit other",
            {"commits": (commit_of(THIRD, tasks(4, 7)),), "answers": (answer(tasks(4, 7)),)},
            "accepted in a bundle that had given them back: 6",
        ),
        (
            "stale commit",
            {"answers": (answer(tasks(2, 3), NOTHING),)},
            "a commit of the tasks 2-3 was answered with 2 as accepted and none as refused",
        ),
        (
            "stale commit",
            {"commits": (commit_of(FIRST, tasks(1, 3)),), "answers": (answer(tasks(1, 3)),)},
            "tasks were accepted more than once: 1",
        ),
        ("commit other", {"answers": (answer(tasks(4, 5), tasks(5, 6)),)}, "in the log and were never accepted: 5"),
        (
            "commit",
            {"commits": (commit_of(FIRST, tasks(0, 2)),)},
            "tasks have another bundle, outcome or pack in the log than in their commit: 1",
        ),
        ("status", {"status": status(3, 1)}, "a status counted 3 succeeded and 1 failed, when 5 to 5 tasks had ended"),
        ("status", {"period": Period(26, 28)}, "a status counted 4 succeeded and 1 failed, when 2 to 2 tasks"),
        ("read on", {"entries": tuple(ENTRIES[2:])}, "reader 1 did not see tasks: 2"),
        ("read on", {"entries": tuple(ENTRIES)}, "reader 1 saw tasks more than once: 0-1"),
        (
            "cancel",
            {"counts": msgspec.structs.replace(COUNTS, succeeded=3)},
            "a cancel counted 3 succeeded and 1 failed",
        ),
        ("cancel", {"counts": msgspec.structs.replace(COUNTS, cancelled=4)}, "a cancel counted 4 cancelled"),
        ("late add", {"taken": True}, "after a cancel had come back, bundles were added"),
        ("claim child", {"period": Period(136, 138)}, "after a cancel had come back, bundles were claimed"),
        ("renew", {"period": Period(136, 138)}, "after a cancel had come back, leases were renewed"),
        ("commit other", {"period": Period(136, 138)}, "after a cancel had come back, outcomes were accepted: 4-5"),
        ("give back", {"period": Period(136, 138)}, "after a cancel had come back, a bundle was given back"),
    ],
)
def test_a_call_that_cannot_have_been_answered_so_breaks_a_rule(name: str, fields: dict[str, Any], words: str) -> None:
    made = calls()
    made[name] = msgspec.structs.replace(made[name], **fields)
    assert words in "\n".join(violations(history(made)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"entries": ENTRIES[1:]}, "tasks were accepted and are not in the log: 0-1"),
        ({"entries": [*ENTRIES[:3], *ENTRIES[2:]]}, "tasks are in the log more than once: 4-5"),
        (
            {"entries": [ENTRIES[2], *ENTRIES[:2]][::-1]},
            "reader 1 saw something else than the log, or in another order",
        ),
        (
            {"status": status(5, 1, 2)},
            "the status counts 8 tasks, 5 succeeded, 1 failed and 2 cancelled; there are 8, 4",
        ),
        ({"status": status(4, 1, 3, total=9)}, "the status counts 9 tasks"),
    ],
)
def test_what_a_store_holds_at_the_end_must_be_what_it_answered(fields: dict[str, Any], words: str) -> None:
    assert words in "\n".join(violations(history(calls(), **fields)))


def test_a_task_is_given_back_once_under_one_lease() -> None:
    made = calls()
    made["again"] = msgspec.structs.replace(made["give back"], period=Period(96, 98))
    assert "attempt 1 gave tasks back twice: 6-7" in "\n".join(violations(history(made)))


def test_a_bundle_is_claimed_without_what_it_gave_back() -> None:
    made = calls()
    del made["cancel"], made["commit other"]
    made["due other"] = DueCall(period=Period(105, 106), hinted=(OTHER.key,))
    made["claim later"] = ClaimCall(period=Period(107, 108), won=(won(lease_of(OTHER.key, 2, "n6"), tasks(4, 8)),))
    assert "tasks were claimed after they were given back: 6-7" in "\n".join(violations(history(made)))


_DEFECTS: list[Callable[..., Any]] = [
    defects.ClaimInTwoSteps,
    defects.ClaimOfClaimed,
    defects.AttemptReused,
    defects.OneNonceForAll,
    defects.RenewalOfWhatIsHeld,
    defects.StaleCommitWhole,
    defects.GiveBackWithoutFence,
    defects.ParentKeepsItsTasks,
    defects.LapseThatForgetsOutcomes,
    defects.CommitInTwoSteps,
    defects.CommitTwice,
    defects.EntryOfRefused,
    defects.LastOutcomeWins,
    defects.RefusedOutcomesCounted,
    defects.StatusOfTheLastLook,
    defects.SkipAtPageBorder,
    defects.RepeatAtPageBorder,
    defects.ClaimOfCancelled,
    defects.CancelThatIsSeenLater,
]


@pytest.mark.parametrize("defective", _DEFECTS)
def test_a_defect_of_a_store_shows_in_what_its_threads_are_told(defective: Callable[..., Any]) -> None:
    clock = VirtualClock()
    clause = StateStoreContract().test_what_threads_at_once_are_told_fits_together
    with pytest.raises(AssertionError, match="rules are broken:"):
        clause(defective(clock=clock), clock.advance, cancelled=True)
