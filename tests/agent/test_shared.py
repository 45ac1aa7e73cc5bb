"""The shared inputs that an agent keeps as files."""

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from htcgrid.errors import PayloadLostError
from htcgrid.model import SessionId, SharedInput
from htcgrid.model.call import FRESH_BYTES, FUNCTION
from htcgrid.testing.memory import MemoryPayloadStore
from htcgrid_agent.runtimes.python.shared import SharedValues
from htcgrid_agent.shell.shared import Fetch, SharedFiles
from htcgrid_agent.workers.messages import Found, Need

DATA = b"curves"
SHARED = SharedInput.of(SessionId("shared-1"), "bytes", DATA)


@pytest.fixture
def files() -> Iterator[SharedFiles]:
    payloads = MemoryPayloadStore()
    payloads.put({SHARED.key: DATA})
    files = SharedFiles(payloads, limit=1_000, stopping=threading.Event())
    yield files
    files.close()


@pytest.mark.parametrize("clean", [Path.unlink, lambda file: shutil.rmtree(file.parent)], ids=["file", "folder"])
def test_what_cleans_temporary_folders_costs_one_more_fetch(files: SharedFiles, clean: Callable[[Path], None]) -> None:
    clean(_fetched(files))
    assert _fetched(files).read_bytes() == DATA


class Lossy(MemoryPayloadStore):
    """What it gives is altered when it is first asked for."""

    asked = 0

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        self.asked += 1
        found = super().get(keys)
        return found if self.asked > 1 else {key: b"?" * len(data) for key, data in found.items()}


def test_an_input_that_comes_altered_is_asked_for_again_and_not_called_lost_by_an_agent_that_stops() -> None:
    payloads, stopping = Lossy(), threading.Event()
    payloads.put({SHARED.key: DATA})
    files = SharedFiles(payloads, limit=1_000, stopping=stopping)
    assert _fetched(files).read_bytes() == DATA
    files.close()
    stopping.set()
    missing = SharedFiles(MemoryPayloadStore(), limit=1_000, stopping=stopping)
    found = missing.fetch(Fetch(worker=0, pid=1, ref=SHARED.ref)).found
    missing.close()
    assert (found.path, found.lost) == (None, False)


def test_a_worker_that_has_had_many_large_functions_keeps_few_descriptors(tmp_path: Path) -> None:
    def data_of(number: int) -> bytes:
        return bytes([number]) * (FRESH_BYTES + 1)

    references = [SharedInput.of(SessionId("s"), FUNCTION, data_of(number)).ref for number in range(200)]
    asked = []

    def ask(need: Need) -> Found:
        asked.append(need.ref)
        file = tmp_path / "function"
        # What an earlier one is mapped from stays what it was.
        file.unlink(missing_ok=True)
        file.write_bytes(data_of([str(ref) for ref in references].index(need.ref)))
        return Found(os.fsencode(file))

    values = SharedValues(ask, lambda _codec: memoryview)
    descriptors = Path("/dev/fd")
    before = len(list(descriptors.iterdir()))
    for ref in references:
        assert values.get(ref, "s", None).nbytes == FRESH_BYTES + 1
    assert len(list(descriptors.iterdir())) < before + 100
    for ref in references[-20:]:
        values.get(ref, "s", None)
    assert asked == references


@pytest.mark.parametrize("codec", ["bytes", "json", FUNCTION])
@pytest.mark.parametrize("altered", [b"", b"short", b"other data", b"longer data than that was"])
def test_a_file_that_was_altered_on_the_agent_s_disk_is_decoded_by_nobody(
    tmp_path: Path, codec: str, altered: bytes
) -> None:
    file = tmp_path / "input"
    file.write_bytes(altered)

    def never(data: object) -> None:
        raise AssertionError("it was decoded")

    values = SharedValues(lambda _need: Found(os.fsencode(file)), lambda _codec: never)
    with pytest.raises(PayloadLostError, match="was altered on the agent's disk"):
        values.get(SharedInput.of(SessionId("s"), codec, b"these data").ref, "s", None)


@pytest.mark.parametrize(
    ("codec", "said"),
    [
        ("bytes", "shared input {ref} is not in the payload store any more: put it again, with a longer keep_for"),
        (FUNCTION, "the function that session shared-1 calls is not in the payload store any more: call it anew"),
    ],
)
def test_what_is_gone_is_said_with_what_its_user_can_do(codec: str, said: str) -> None:
    stopping = threading.Event()
    files = SharedFiles(MemoryPayloadStore(), limit=1_000, stopping=stopping)
    ref = SharedInput.of(SessionId("shared-1"), codec, DATA).ref
    found = files.fetch(Fetch(worker=0, pid=1, ref=ref)).found
    files.close()
    assert (found.path, found.lost, found.error) == (None, True, said.format(ref=ref))


def _fetched(files: SharedFiles) -> Path:
    found = files.fetch(Fetch(worker=0, pid=1, ref=SHARED.ref)).found
    assert found.path is not None, found.error
    return Path(os.fsdecode(found.path))
