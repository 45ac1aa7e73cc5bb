"""The contract of a payload store."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from htcgrid.interfaces import PayloadStore
from htcgrid.testing.contract import Contract
from htcgrid.testing.memory import MemoryPayloadStore
from htcgrid.testing.race import at_once
from htcgrid.testing.samples import new_id

#: Keys that are each other's prefix, or nearly.
_NAMES = ("a", "a/b", "a/b/c", "a/b2", "a-", "A", "b")
_names = st.lists(st.sampled_from(_NAMES), max_size=4)
_Call = tuple[str, list[str]]
_calls = st.tuples(st.sampled_from(["put", "put", "delete", "delete prefix"]), _names)


def _do(store: PayloadStore, folder: str, call: _Call) -> None:
    """Put or delete objects, each of which says which call it is of."""
    verb, names = call
    keys = [f"{folder}/{name}" for name in names]
    if verb == "put":
        store.put({key: f"{number} of {names}".encode() for number, key in enumerate(keys)})
    elif verb == "delete":
        store.delete(keys)
    else:
        store.delete(keys[1:], prefix=keys[0] if keys else None)


class PayloadStoreContract(Contract):
    """What a payload store is. Give it a fixture ``payloads``: an open store, which others may use beside."""

    #: Sequences of calls that are compared with the memory store's, and whether one that differs is cut short.
    examples: ClassVar[int] = 50
    shrinks: ClassVar[bool] = True

    @pytest.fixture
    def payloads(self) -> PayloadStore:
        """Return the store under test."""
        raise NotImplementedError(
            f"{type(self).__name__} must have a fixture `payloads` that returns an open PayloadStore"
        )

    @pytest.fixture
    def folder(self) -> str:
        """Return the first part of keys that nobody else uses."""
        return new_id()

    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b"\0", id="a zero"),
            pytest.param(bytes(range(256)) * 10, id="every byte"),
            pytest.param("☂\r\n\n".encode(), id="line ends"),
            pytest.param(b"\x1f\x8b\x08\x00" + b"not gzip", id="what looks compressed"),
            pytest.param(bytes(range(256)) * (1 << 14), id="4 MiB"),
        ],
    )
    def test_bytes_come_back_as_they_were_put(self, payloads: PayloadStore, folder: str, data: bytes) -> None:
        payloads.put({f"{folder}/a": data})
        assert payloads.get([f"{folder}/a"]) == {f"{folder}/a": data}

    def test_a_key_that_is_not_there_is_left_out(self, payloads: PayloadStore, folder: str) -> None:
        payloads.put({f"{folder}/a": b"1"})
        assert payloads.get([f"{folder}/b", f"{folder}/a", f"{folder}/a/b", folder]) == {f"{folder}/a": b"1"}

    def test_an_object_is_never_overwritten(self, payloads: PayloadStore, folder: str) -> None:
        payloads.put({f"{folder}/a": b"first"})
        payloads.put({f"{folder}/a": b"second", f"{folder}/b": b"new"})
        assert payloads.get([f"{folder}/a", f"{folder}/b"]) == {f"{folder}/a": b"first", f"{folder}/b": b"new"}

    def test_an_empty_object_is_not_overwritten(self, payloads: PayloadStore, folder: str) -> None:
        payloads.put({f"{folder}/a": b""})
        payloads.put({f"{folder}/a": b"second"})
        assert payloads.get([f"{folder}/a"]) == {f"{folder}/a": b""}

    @pytest.mark.parametrize("name", ["a", "A.b_c-d", "in/0", "out/12345678/0a1b2c3d4e5f.0", "a/b/c/d/e/f", "x" * 100])
    def test_a_key_is_a_path_of_plain_letters(self, payloads: PayloadStore, folder: str, name: str) -> None:
        payloads.put({f"{folder}/{name}": b"here"})
        assert payloads.get([f"{folder}/{name}"]) == {f"{folder}/{name}": b"here"}

    def test_keys_that_differ_in_case_are_two(self, payloads: PayloadStore, folder: str) -> None:
        blobs = {f"{folder}/key": b"lower", f"{folder}/KEY": b"upper"}
        payloads.put(blobs)
        assert payloads.get(list(blobs)) == blobs

    def test_a_batch_of_250_objects_is_put_and_got_whole(self, payloads: PayloadStore, folder: str) -> None:
        blobs = {f"{folder}/{index}": b"%d" % index for index in range(250)}
        payloads.put(blobs)
        assert payloads.get(blobs) == blobs

    def test_an_empty_batch_changes_nothing(self, payloads: PayloadStore, folder: str) -> None:
        payloads.put({f"{folder}/a": b"1"})
        payloads.put({})
        payloads.delete([])
        payloads.delete()
        assert payloads.get([]) == {}
        assert payloads.get([f"{folder}/a"]) == {f"{folder}/a": b"1"}

    def test_a_key_that_is_asked_for_twice_is_got_once(self, payloads: PayloadStore, folder: str) -> None:
        payloads.put({f"{folder}/a": b"1"})
        assert payloads.get(iter([f"{folder}/a"] * 3)) == {f"{folder}/a": b"1"}

    def test_an_object_that_was_deleted_is_gone(self, payloads: PayloadStore, folder: str) -> None:
        payloads.put({f"{folder}/a": b"1", f"{folder}/b": b"2"})
        payloads.delete(iter([f"{folder}/a"]))
        assert payloads.get([f"{folder}/a", f"{folder}/b"]) == {f"{folder}/b": b"2"}

    def test_deleting_what_is_not_there_is_fine(self, payloads: PayloadStore, folder: str) -> None:
        payloads.delete([f"{folder}/a", f"{folder}/a"])
        payloads.delete(prefix=folder)
        payloads.put({f"{folder}/a": b"1"})
        assert payloads.get([f"{folder}/a"]) == {f"{folder}/a": b"1"}

    def test_a_prefix_and_a_slash_delete_all_that_starts_so(self, payloads: PayloadStore, folder: str) -> None:
        gone = {f"{folder}/s/in/{index}": b"" for index in range(5)} | {f"{folder}/s/out/a/b": b""}
        kept = {f"{folder}/s2/in/0": b"", f"{folder}/s-1/in": b"", f"{folder}/t/s/in": b""}
        payloads.put(gone | kept)
        payloads.delete(prefix=f"{folder}/s")
        assert payloads.get([*gone, *kept]) == kept

    def test_keys_and_a_prefix_are_deleted_in_one_call(self, payloads: PayloadStore, folder: str) -> None:
        payloads.put({f"{folder}/{name}": b"" for name in ("a", "b", "s/1", "s/2")})
        payloads.delete([f"{folder}/a"], prefix=f"{folder}/s")
        assert set(payloads.get([f"{folder}/{name}" for name in ("a", "b", "s/1", "s/2")])) == {f"{folder}/b"}

    def test_250_objects_are_deleted_by_their_prefix(self, payloads: PayloadStore, folder: str) -> None:
        keys = [f"{folder}/s/{index}" for index in range(250)]
        payloads.put(dict.fromkeys(keys, b"x"))
        payloads.delete(prefix=f"{folder}/s")
        assert payloads.get(keys) == {}

    def test_of_puts_at_once_under_one_key_one_stays_whole(self, payloads: PayloadStore, folder: str) -> None:
        rivals = [bytes([number]) * 100_000 for number in range(8)]
        puts: list[Callable[[], None]] = [partial(payloads.put, {f"{folder}/a": data}) for data in rivals]
        at_once(puts)
        first = payloads.get([f"{folder}/a"])
        assert first[f"{folder}/a"] in rivals
        assert payloads.get([f"{folder}/a"]) == first

    def test_any_sequence_of_calls_is_answered_as_by_the_memory_store(self, payloads: PayloadStore) -> None:
        @settings(
            max_examples=self.examples,
            phases=[phase for phase in Phase if self.shrinks or phase is not Phase.shrink],
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(calls=st.lists(_calls, max_size=12))
        def compare(calls: list[_Call]) -> None:
            folder, twin = new_id(), MemoryPayloadStore()
            everything = [f"{folder}/{name}" for name in _NAMES]
            for call in calls:
                for store in (payloads, twin):
                    _do(store, folder, call)
                assert payloads.get(everything) == twin.get(everything), call
            payloads.delete(prefix=folder)

        compare()

    def test_the_limits_allow_for_a_pack_of_outcomes(self, payloads: PayloadStore) -> None:
        assert payloads.limits.size >= 1 << 20
