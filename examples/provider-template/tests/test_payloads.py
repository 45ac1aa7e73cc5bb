"""The payload store keeps the contract of all payload stores, and what is its own."""

import errno
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from htcgrid.errors import ProviderError, ProviderUnavailableError
from htcgrid.interfaces import PayloadStore
from htcgrid.testing import PayloadStoreContract
from htcgrid_folder.payloads import FolderPayloadStore


class TestFolderPayloadStore(PayloadStoreContract):
    @pytest.fixture
    def payloads(self, tmp_path: Path) -> Iterator[PayloadStore]:
        with closing(FolderPayloadStore(tmp_path)) as payloads:
            yield payloads


def test_no_key_leads_out_of_the_folder(tmp_path: Path) -> None:
    payloads = FolderPayloadStore(tmp_path / "shared")
    payloads.put({"../../escaped": b"1", "/escaped": b"2", "..": b"3"})
    assert [place.name for place in tmp_path.iterdir()] == ["shared"]


def test_nothing_is_left_aside(tmp_path: Path) -> None:
    payloads = FolderPayloadStore(tmp_path)
    for _ in range(2):
        payloads.put({"session/a": b"1", "session/b": b"2"})
    payloads.delete(prefix="session")
    assert not [place for place in tmp_path.rglob("*") if place.is_file()]


def test_what_another_process_left_half_deleted_goes_with_the_next_delete(tmp_path: Path) -> None:
    payloads = FolderPayloadStore(tmp_path)
    left = tmp_path / "payloads" / "gone" / "left" / "deep"
    left.mkdir(parents=True)
    payloads.delete(prefix="unknown")
    assert not left.parent.exists()


@pytest.mark.parametrize(("number", "error"), [(errno.ENOSPC, ProviderUnavailableError), (errno.EACCES, ProviderError)])
def test_an_error_of_the_file_system_says_whether_to_try_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[ProviderError]
) -> None:
    payloads = FolderPayloadStore(tmp_path)

    def fail(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ProviderError, match=f"payloads: {os.strerror(number)}") as raised:
        payloads.put({"a": b"1"})
    assert raised.type is error
    assert not [place for place in tmp_path.rglob("*") if place.is_file()]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ProviderError, match=str(tmp_path / "file")):
        FolderPayloadStore(tmp_path / "file")
