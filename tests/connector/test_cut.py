"""How tasks are cut into bundles."""

from hypothesis import given
from hypothesis import strategies as st

from htcgrid.connector.cut import bundle_size, cut
from htcgrid.model import SessionId, unpack_payloads

S = SessionId("s")


@given(st.lists(st.binary(max_size=40), max_size=400), st.integers(1, 50), st.integers(1, 200))
def test_bundles_hold_every_task_once_and_in_order(payloads: list[bytes], tasks: int, size: int) -> None:
    bundles = list(cut(S, payloads, tasks=tasks, size=size))
    held = [payload for bundle in bundles for payload in unpack_payloads(bundle.input.data or b"")]
    assert held == payloads
    assert [bundle.key.start for bundle in bundles] == [0, *(bundle.stop for bundle in bundles)][: len(bundles)]
    for bundle in bundles:
        content = unpack_payloads(bundle.input.data or b"")
        assert len(content) <= tasks
        assert len(content) == 1 or sum(map(len, content)) <= size


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=300), st.integers(0, 300))
def test_the_cut_of_the_first_tasks_does_not_depend_on_those_that_follow(payloads: list[bytes], more: int) -> None:
    some = list(cut(S, payloads))
    longer = list(cut(S, payloads + [b"x"] * more))
    assert longer[: len(some) - 1] == some[:-1]


def test_small_sessions_are_bundles_of_one_and_no_bundle_is_a_large_share_of_the_tasks_before_it() -> None:
    bundles = list(cut(S, [b""] * 100_000))
    assert all(bundle.tasks == 1 for bundle in bundles[:32])
    assert all(bundle.tasks <= max(1, bundle.key.start // 16) for bundle in bundles)
    assert max(bundle.tasks for bundle in bundles) == 4096
    assert len(bundles) < 200


def test_a_full_bundle_does_not_wait_for_the_task_after_it() -> None:
    payloads = iter([b"a", b"b"])
    first = next(cut(S, payloads))
    assert (first.stop, list(payloads)) == (1, [b"b"])


def test_a_payload_larger_than_a_bundle_stands_alone() -> None:
    assert [bundle.tasks for bundle in cut(S, [b"a", b"b" * 100, b"c", b"d"], size=10)] == [1, 1, 1, 1]
    assert bundle_size(0) == 1
