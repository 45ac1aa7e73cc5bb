"""What a reader makes of a session's log."""

import pytest

from htcgrid.connector.collection import Collection, batches
from htcgrid.errors import EncodingError, TaskCancelledError, TaskFailedError
from htcgrid.interfaces import Entries
from htcgrid.model import (
    Block,
    BundleKey,
    Entry,
    Failure,
    Pack,
    Part,
    Ranges,
    SessionId,
    TaskState,
    pack_blocks,
    utcnow,
)

S = SessionId("s")
OOPS = Failure(type="ValueError", message="oops", traceback="Traceback: line 1")


def entry_of(succeeded: Ranges, failed: Ranges, *blocks: Block) -> Entry:
    part = Part(BundleKey(S, 0), succeeded, failed, Pack.of(pack_blocks(list(blocks))))
    return Entry(parts=(part,), committed=utcnow())


def collected(collection: Collection, entry: Entry, *, closed: bool = False) -> list[tuple[int, TaskState, object]]:
    found = []
    for held, part in collection.take(Entries([entry], "1", closed)):
        assert part.pack.data is not None
        found += [
            (outcome.index, outcome.state, outcome.value) for outcome in collection.outcomes(held, part, part.pack.data)
        ]
    return found


def test_large_packs_are_fetched_a_few_at_a_time_and_in_order() -> None:
    entries = [
        entry_of(Ranges.single(0), Ranges(), Block(0, [b"x" * size], 1.0, [1], "a/0")) for size in (9, 9, 500, 9)
    ]
    parts = [(entry, part) for entry in entries for part in entry.parts]
    assert [len(batch) for batch in batches(parts, limit=200)] == [2, 1, 1]
    assert [pair for batch in batches(parts, limit=200) for pair in batch] == parts
    assert list(batches([])) == []


def test_only_what_the_entry_accepted_is_an_outcome() -> None:
    collection = Collection(S, bytes.decode)
    block = Block(4, [b"4", b"5", b"6"], 1.0, [10, 20, 30], "a/0")
    entry = entry_of(Ranges.of((4, 5), (6, 7)), Ranges(), block)
    assert collected(collection, entry) == [(4, TaskState.SUCCEEDED, "4"), (6, TaskState.SUCCEEDED, "6")]


def test_failures_and_tries_are_told_task_by_task() -> None:
    collection = Collection(S, bytes.decode)
    block = Block(0, [b"0", None, b"2"], 1.0, [10, 20, 30], "a/0", {1: OOPS}, {1: 3, 2: 2})
    entry = entry_of(Ranges.of((0, 1), (2, 3)), Ranges.single(1), block)
    (held, part), *_ = collection.take(Entries([entry], "1", closed=False))
    first, second, third = collection.outcomes(held, part, part.pack.data or b"")
    assert [first.tries, second.tries, third.tries] == [1, 3, 2]
    assert second.state is TaskState.FAILED
    assert third.began == pytest.approx(1.00003)
    with pytest.raises(TaskFailedError, match=r"task 1 of session s failed after 3 tries: ValueError: oops\nTraceback"):
        second.result()


def test_a_sealed_session_is_finished_with_its_last_outcome_and_not_before() -> None:
    collection = Collection(S, bytes.decode)
    collection.expect(3)
    collected(collection, entry_of(Ranges.of((0, 2)), Ranges(), Block(0, [b"0", b"1"], 1.0, [1, 1], "a/0")))
    finished_before = collection.finished
    collected(collection, entry_of(Ranges(), Ranges.single(2), Block(2, [None], 1.0, [1], "a/0", {2: OOPS})))
    assert (finished_before, collection.finished) == (False, True)
    assert (collection.succeeded, collection.failed, collection.cancelled) == (2, 1, 0)


def test_what_a_cancel_ended_is_told_once_and_after_all_that_had_ended() -> None:
    collection = Collection(S, bytes.decode)
    collection.expect(4)
    entry = entry_of(Ranges.single(1), Ranges(), Block(1, [b"1"], 1.0, [1], "a/0"))
    collected(collection, entry, closed=True)
    cancelled = list(collection.cancelled_outcomes())
    assert [outcome.index for outcome in cancelled] == [0, 2, 3]
    assert list(collection.cancelled_outcomes()) == []
    assert collection.finished
    with pytest.raises(TaskCancelledError, match="task 0 of session s was cancelled"):
        cancelled[0].result()


def test_a_pack_whose_bytes_were_altered_is_refused() -> None:
    collection = Collection(S, bytes.decode)
    entry = entry_of(Ranges.single(0), Ranges(), Block(0, [b"0"], 1.0, [1], "a/0"))
    (held, part), *_ = collection.take(Entries([entry], "1", closed=False))
    with pytest.raises(EncodingError, match="not those that were written"):
        list(collection.outcomes(held, part, b"\x90"))
