"""What a reader does when a payload store shows late what it has, or shows it altered."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from htcgrid import Grid
from htcgrid.errors import EncodingError
from htcgrid.model import AgentId, Block, Commit, Pack, Ranges, pack_blocks
from htcgrid.testing.memory import MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue
from htcgrid.testing.samples import bundle_of, session_of


class Lossy(MemoryPayloadStore):
    """What it gives is missing first, then altered, and right when it is asked for the third time."""

    looks = 3
    asked = 0

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        self.asked += 1
        found = super().get(keys)
        if self.asked >= self.looks:
            return found
        return {} if self.asked == 1 else {key: b"?" * len(data) for key, data in found.items()}


def ended(payloads: Lossy) -> tuple[MemoryStateStore, str]:
    """Return a store with a session whose one outcome stands in the payload store."""
    state, session = MemoryStateStore(), session_of()
    state.create(session, [bundle_of(session, 0, 1)], sealed=True)
    [claim] = state.claim([bundle_of(session, 0, 1).key], agent=AgentId("a"), lease=timedelta(seconds=30))
    pack = Pack.of(pack_blocks([Block(0, [b'"value"'], 0.0, [1], "a/0")]))
    assert pack.data is not None
    payloads.put({"out": pack.data})
    state.commit([Commit(lease=claim.lease, flush=0, succeeded=Ranges.single(0), pack=pack.moved_to("out"))])
    return state, session.id


def test_a_pack_that_is_missing_or_altered_at_first_is_asked_for_again() -> None:
    payloads = Lossy()
    state, session = ended(payloads)
    with Grid(state, MemoryTaskQueue(), payloads) as grid:
        assert grid.session(session).results(timeout=30) == ["value"]
    assert payloads.asked == 3


def test_a_pack_that_stays_altered_is_never_handed_over() -> None:
    payloads = Lossy()
    payloads.looks = 1000
    state, session = ended(payloads)
    with Grid(state, MemoryTaskQueue(), payloads) as grid, pytest.raises(EncodingError, match="has altered or mixed"):
        grid.session(session).results(timeout=30)
