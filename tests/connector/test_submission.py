"""The order in which a submit writes."""

from datetime import UTC, datetime

from htcgrid.connector.cut import cut
from htcgrid.connector.submission import Add, Command, Create, PutPacks, Seal, SendHints, Submission
from htcgrid.model import Session, SessionId

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
