"""Payloads as files."""

import errno
import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from htcgrid.errors import ConfigError, EncodingError, ProviderError, ProviderUnavailableError
from htcgrid.local import payloads
from htcgrid.local.payloads import FilePayloadStore
from htcgrid.testing import MemoryPayloadStore
from htcgrid.testing.race import at_once

names = st.text("ab.-_", min_size=1, max_size=3).filter(lambda name: name not in {".", ".."})
keys = st.lists(names, min_size=1, max_size=3).map("/".join)


@pytest.fixture
def store(folder: Path) -> FilePayloadStore:
    return FilePayloadStore(folder)


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


@pytest.mark.parametrize(
    "key", ["", "/", "/etc/passwd", "../a", "a/../../b", "a/..", ".", "a//b", "a/", "a b", "a\\b", "a\0b", "ä", "a="]
)
def test_a_key_that_is_no_plain_path_is_refused_by_every_verb(store: FilePayloadStore, folder: Path, key: str) -> None:
    for verb in (
        lambda: store.put({key: b"x"}),
        lambda: store.get([key]),
        lambda: store.delete([key]),
        lambda: store.delete(prefix=key),
    ):
        with pytest.raises(ConfigError, match="is not a payload's key"):
            verb()
    assert files(folder.parent) == []


def test_an_object_is_never_overwritten(store: FilePayloadStore) -> None:
    store.put({"s/a": b"first"})
    store.put({"s/a": b"second", "s/b": b"other"})
    assert store.get(["s/a", "s/b", "s/c", "t/a"]) == {"s/a": b"first", "s/b": b"other"}


def test_of_writers_at_once_one_wins_and_all_read_the_same(store: FilePayloadStore, folder: Path) -> None:
    at_once([lambda data=bytes([n]) * 100_000: store.put({"s/a": data}) for n in range(8)])  # type: ignore[misc]
    data = store.get(["s/a"])["s/a"]
    assert data == data[:1] * 100_000
    assert len(files(folder)) == 1


def test_a_prefix_takes_all_below_it_and_nothing_beside_it(store: FilePayloadStore) -> None:
    kept = {"s": b"1", "s2/a": b"2", "s-/a": b"3"}
    store.put(kept | {"s/a": b"4", "s/b/c": b"5", "s/b": b"6"})
    store.delete(prefix="s")
    assert store.get([*kept, "s/a", "s/b/c", "s/b"]) == kept
    store.delete(prefix="s")


def test_objects_may_be_put_while_their_folder_is_deleted(store: FilePayloadStore) -> None:
    def put(number: int) -> None:
        for turn in range(50):
            store.put({f"s/{number}/{turn}": b"x"})

    def delete() -> None:
        for _ in range(50):
            store.delete(prefix="s")

    at_once([lambda: put(0), lambda: put(1), delete])
    store.put({"s/z": b"z"})
    assert store.get(["s/z"]) == {"s/z": b"z"}


def test_what_cannot_be_deleted_is_told(store: FilePayloadStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put({"s/1": b"x"})

    def refuse(path: Path, missing_ok: bool) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(ProviderError, match=f"payloads under {folder / 'payloads'}: Permission denied; look at that"):
        store.delete(prefix="s")
    assert store.get(["s/1"]) == {"s/1": b"x"}


def test_a_prefix_that_others_delete_too_is_deleted(store: FilePayloadStore) -> None:
    store.put({f"s/{number}/in/{number}": b"x" for number in range(300)})
    at_once([lambda: store.delete(prefix="s")] * 4)
    assert store.get([f"s/{number}/in/{number}" for number in range(300)]) == {}


def test_deleting_the_last_object_of_a_folder_removes_the_folder(store: FilePayloadStore, folder: Path) -> None:
    store.put({"s/a": b"1", "s/b": b"2"})
    store.delete(["s/a", "s/c"])
    assert store.get(["s/b"]) == {"s/b": b"2"}
    store.delete(["s/b"])
    assert list((folder / "payloads").iterdir()) == []


def test_an_object_that_is_too_large_is_refused_before_anything_is_written(
    store: FilePayloadStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payloads, "_SIZE", 10)
    with pytest.raises(EncodingError, match="payload 's/b' has 11 bytes; at most 10"):
        store.put({"s/a": b"x", "s/b": b"x" * 11})
    assert files(folder) == []


def test_a_full_disk_is_unavailable_and_leaves_no_half_object(
    store: FilePayloadStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ProviderUnavailableError, match="No space left on device; free some and try again"):
        store.put({"s/a": b"x"})
    assert files(folder) == []


def test_one_object_of_many_that_cannot_be_written_is_told_and_none_is_there_in_part(
    store: FilePayloadStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(file: Path, data: bytes) -> None:
        if data == b"17":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written(file, data)

    written = payloads._write
    monkeypatch.setattr(payloads, "_write", failing)
    blobs = {f"s/{number}": b"%d" % number for number in range(40)}
    with pytest.raises(ProviderUnavailableError, match="No space left"):
        store.put(blobs)
    assert store.get(blobs).items() <= blobs.items()
    assert "s/17" not in store.get(blobs)
    monkeypatch.undo()
    store.put(blobs)
    assert store.get(blobs) == blobs


def test_many_objects_are_put_though_no_thread_can_be_started(
    store: FilePayloadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    blobs = {f"s/{number}": b"%d" % number for number in range(40)}
    store.put(blobs)
    assert store.get(blobs) == blobs


def test_several_objects_wait_for_the_disk_at_a_time(store: FilePayloadStore, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each waits until others wait, too: one after the other they would wait in vain.
    waiting = threading.Barrier(4, timeout=60)
    synced = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            waiting.wait()
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    blobs = {f"s/{number}": b"%d" % number for number in range(8)}
    store.put(blobs)
    assert store.get(blobs) == blobs


def test_a_broken_disk_is_an_error_that_names_the_folder(store: FilePayloadStore, folder: Path) -> None:
    (folder / "payloads" / "s").write_text("no folder")
    with pytest.raises(ProviderError, match=f"payloads under {folder}"):
        store.put({"s/a": b"x"})
    assert store.get(["s/a"]) == {}


def test_the_folder_of_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "grid").write_text("mine")
    with pytest.raises(ConfigError, match="cannot be made"):
        FilePayloadStore(tmp_path / "grid")


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.dictionaries(keys, st.binary(max_size=3), max_size=3)),
        st.tuples(st.just("delete"), st.lists(keys, max_size=2)),
        st.tuples(st.just("prefix"), keys),
    ),
    max_size=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=steps)
def test_whatever_is_done_the_objects_are_those_of_the_memory_store(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, object]]
) -> None:
    store, model = FilePayloadStore(tmp_path_factory.mktemp("grid")), MemoryPayloadStore()
    seen: set[str] = set()
    for verb, argument in steps:
        for each in (store, model):
            if verb == "put":
                each.put(argument)  # type: ignore[arg-type]
            elif verb == "delete":
                each.delete(argument)  # type: ignore[arg-type]
            else:
                each.delete(prefix=argument)  # type: ignore[arg-type]
        seen |= set(argument) if verb != "prefix" else set()  # type: ignore[call-overload]
        assert store.get(seen) == model.get(seen)
