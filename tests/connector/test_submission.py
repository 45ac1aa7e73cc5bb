"""The order in which a submit writes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

import pytest

from htcgrid import Grid
from htcgrid.connector.cut import cut
from htcgrid.connector.submission import Add, Command, Create, PutPacks, Seal, SendHints, Submission
from htcgrid.errors import ProviderUnavailableError
from htcgrid.model import Session, SessionId
from htcgrid.testing.memory import MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue

SESSION = Session(id=SessionId("s"), handler="m:f", created=datetime(2026, 1, 1, tzinfo=UTC), priority=2)


def commands_for(payloads: list[bytes], *, inline: int = 1 << 20) -> tuple[Submission, list[Command]]:
    submission = Submission(SESSION, inline=inline)
    commands = [command for bundle in cut(SESSION.id, payloads) for command in submission.take(bundle)]
    return submission, [*commands, *submission.end()]


def test_a_small_session_is_created_filled_and_sealed_by_one_write() -> None:
    submission, commands = commands_for([b"1", b"2"])
    create, hints = commands
    assert isinstance(create, Create)
    assert create.sealed
    assert [bundle.stop for bundle in create.bundles] == [1, 2]
    assert isinstance(hints, SendHints)
    assert [hint.priority for hint in hints.hints] == [2, 2]
    assert submission.accepted == 2


def test_an_empty_session_is_created_and_sealed() -> None:
    submission, commands = commands_for([])
    assert commands == [Create(SESSION, [], sealed=True)]
    assert submission.accepted == 0


def test_a_large_session_starts_early_and_is_sealed_at_the_end() -> None:
    submission, commands = commands_for([b"x" * 1000] * 100_000, inline=2 << 20)
    kinds = [type(command) for command in commands if not isinstance(command, SendHints)]
    assert kinds[0] is Create
    assert set(kinds[1:-1]) == {Add}
    assert commands[-1] == Seal(100_000)
    assert submission.accepted == 100_000


def test_packs_are_stored_before_the_records_that_name_them_and_hints_come_after() -> None:
    _, commands = commands_for([b"x" * 1000] * 3, inline=100)
    assert [type(command) for command in commands] == [Create, PutPacks, Add, SendHints, Seal]
    create, put, add, _, seal = commands
    # Should the client end now, the session is there for the packs to be collected with.
    assert create == Create(SESSION, [], sealed=False)
    assert isinstance(put, PutPacks)
    assert isinstance(add, Add)
    assert {bundle.input.key for bundle in add.bundles} == set(put.blobs)
    assert seal == Seal(3)


@pytest.mark.parametrize("on_error", ["cancel", "run"])
def test_a_session_of_which_nothing_could_be_submitted_leaves_nothing(on_error: Literal["cancel", "run"]) -> None:
    class Full(MemoryPayloadStore):
        def put(self, blobs: Mapping[str, bytes]) -> None:
            raise ProviderUnavailableError("the disk is full")

    state = MemoryStateStore()
    with Grid(state, MemoryTaskQueue(), Full()) as grid:
        with pytest.raises(ProviderUnavailableError, match="the disk is full"):
            grid.submit("m:f", ["x" * state.limits.inline], on_error=on_error)
        assert list(grid.sessions()) == []
