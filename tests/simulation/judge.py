"""What was promised, looked up in the stores themselves after a run."""

from collections import Counter
from typing import NamedTuple

from htcgrid.errors import EncodingError
from htcgrid.model import (
    Block,
    Bundle,
    Failure,
    Pack,
    Part,
    Ranges,
    SessionId,
    SessionState,
    TaskState,
    defaults,
    unpack_blocks,
    unpack_payloads,
)
from htcgrid.model import Session as Model
from htcgrid.model.call import FunctionKey, read_call
from htcgrid.model.codec.pickled import unpickled
from htcgrid.testing.memory.session import SessionRecord
from tests.simulation.work import Work, is_pickled, read
from tests.simulation.world import World

#: Tries that the code gives a payload that comes altered, or not at all.
_LOOKS = 3


class Session(NamedTuple):
    """What is known of a session that is judged."""

    id: SessionId
    record: SessionRecord
    #: The tasks as they were submitted, and those whose payloads may have been unreadable.
    works: dict[int, Work]
    unreadable: set[int]
    #: Those whose payloads stand altered in the store.
    altered: set[int]
    #: How tasks ended, as far as the log was read.
    ended: dict[int, TaskState]


class Judge:
    """Raises AssertionError, with what is wrong, where a promise was broken."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._facts = world.facts
        #: Tasks looked at, by how they ended.
        self.tasks = Counter[TaskState]()

    def look(self) -> None:
        """Look at every session that is there."""
        records = {sid: record for sid, record in self._world.state._sessions.items() if not record.tombstone}
        for session, record in records.items():
            self._look_at(session, record)
        for session, count in self._facts.accepted.items():
            if count and session not in self._facts.ended:
                assert session in records, f"session {session} is gone"
                total = records[session].total
                assert total >= count, f"{count} tasks of {session} were accepted, and {total} are there"

    def look_at_what_is_left(self) -> None:
        """Look whether everything was collected."""
        for session, record in self._world.state._sessions.items():
            assert record.tombstone, f"session {session} was not collected"
            running = [bundle.key for bundle in record.bundles.values() if bundle.running]
            assert not running, f"leases are left: {running}"
            assert not record.bundles, f"bundles of {session} are left"
            assert not any(log.entries for log in record.logs), f"entries of {session} are left"
        assert not self._world.payloads._objects, f"payloads are left: {sorted(self._world.payloads._objects)}"
        assert not self._world.queue._messages, f"{len(self._world.queue._messages)} hints are left"

    def _look_at(self, session_id: SessionId, record: SessionRecord) -> None:
        self._look_at_bundles(session_id, record)
        sealed = record.state is SessionState.SEALED
        assert not (sealed and session_id in self._facts.broken), f"{session_id} lacks tasks, and was sealed"
        session = Session(session_id, record, *self._works(record), ended={})
        for log in record.logs:
            parts = [part for entry in log.entries for part in entry.parts]
            for part in parts:
                self._look_at_part(session, part)
            succeeded = sum(part.succeeded.count for part in parts)
            failed = sum(part.failed.count for part in parts)
            assert (log.succeeded, log.failed) == (succeeded, failed), f"{session_id} counts {log}"
        self._look_at_counts(session)
        for (known, index), (state, _) in self._facts.told.items():
            if known == session_id:
                recorded = session.ended.get(index, TaskState.CANCELLED)
                assert state is recorded, f"task {index} of {session_id} was told {state} and is {recorded}"

    def _look_at_counts(self, session: Session) -> None:
        status, states = session.record.status, Counter(session.ended.values())
        assert status.succeeded == states[TaskState.SUCCEEDED]
        assert status.failed == states[TaskState.FAILED]
        assert max(session.ended, default=-1) < status.total
        rest = status.total - len(session.ended)
        cancelled = session.record.state is SessionState.CANCELLED
        assert rest == 0 or cancelled, f"{session.id}: {rest} did not end"
        assert status.cancelled == rest, f"{session.id} says that {status.cancelled} were cancelled, and {rest} were"
        self.tasks += states
        self.tasks[TaskState.CANCELLED] += rest

    def _look_at_bundles(self, session: SessionId, record: SessionRecord) -> None:
        held = Counter(index for bundle in record.bundles.values() for index in bundle.held)
        twice = [index for index, count in held.items() if count > 1]
        assert not twice, f"tasks {twice} of {session} are in two bundles"
        # What lies above the total was never accepted: its client was told so.
        missing = Ranges.of((0, record.total)) - Ranges.of_indexes(sorted(held))
        assert not missing, f"tasks {missing} of {session} are in no bundle"

    def _works(self, record: SessionRecord) -> tuple[dict[int, Work], set[int], set[int]]:
        """Return the tasks as they were submitted, those that may have been unreadable, and those that are altered."""
        works, unreadable, altered = dict[int, Work](), set[int](), set[int]()
        for root in {bundle.root.key: bundle.root for bundle in record.bundles.values()}.values():
            payloads = self._payloads(root)
            span = range(root.key.start, root.stop)
            key = root.input.key or ""
            if payloads is None or self._facts.misread[key] >= _LOOKS:
                unreadable.update(span)
            if payloads is None:
                altered.update(span)
            for index, payload in zip(span, payloads or (), strict=False):
                works[index] = read(payload, record.session)
                self._look_at_function(record.session, payload)
                meant = self._facts.meant[record.session.id].get(index)
                assert meant in {None, works[index]}, f"task {index} of {record.session.id} is not what was submitted"
        return works, unreadable, altered

    def _look_at_function(self, session: Model, payload: bytes) -> None:
        """Look whether the function that a call names is there, also when no agent had to fetch it."""
        function = read_call(payload).function if is_pickled(session) else None
        if isinstance(function, FunctionKey):
            key = function.shared(session.id).key
            assert key in self._world.payloads._objects, f"function {key} is named, and is not there"

    def _payloads(self, root: Bundle) -> list[bytes] | None:
        data = self._data(root.input)
        return None if data is None else unpack_payloads(data)

    def _data(self, pack: Pack) -> bytes | None:
        """Return a pack's bytes; None when they were altered, which must be seen."""
        data = pack.data
        if data is None:
            assert pack.key in self._world.payloads._objects, f"pack {pack.key} is gone"
            data = self._world.payloads._objects[pack.key]
        try:
            return pack.checked(data)
        except EncodingError:
            assert pack.key in self._facts.altered, f"pack {pack.key} is not what was written"
            return None

    def _look_at_part(self, session: Session, part: Part) -> None:
        accepted = part.succeeded | part.failed
        assert accepted.count == part.succeeded.count + part.failed.count, f"{part.key}: both succeeded and failed"
        for index in accepted:
            assert index not in session.ended, f"task {index} of {session.id} was committed twice"
            session.ended[index] = TaskState.SUCCEEDED if index in part.succeeded else TaskState.FAILED
        data = self._data(part.pack)
        if data is None:
            return
        found = set()
        for block in unpack_blocks(data):
            for index in accepted & Ranges.of((block.start, block.stop)):
                found.add(index)
                self._look_at_task(session, index, block)
        assert found == set(accepted), f"the pack of {part.key} lacks {set(accepted) - found}"

    def _look_at_task(self, session: Session, index: int, block: Block) -> None:
        failure = block.failures.get(index)
        name = f"task {index} of {session.id}"
        listed = TaskState.SUCCEEDED if failure is None else TaskState.FAILED
        assert session.ended[index] is listed, f"{name} is listed as {session.ended[index]}"
        tries = block.tries.get(index, 1)
        if failure is not None:
            self._look_at_failure(session, index, failure, tries)
            self._look_at_raised(session, index, block)
        elif index in session.altered:
            raise AssertionError(f"{name} succeeded, and its payload is altered")
        elif index in session.works:
            work, value = session.works[index], block.values[index - block.start]
            assert _came(session, work, value), f"{name}: {value!r}"
            assert work.first_success <= tries <= session.record.session.retry.tries, f"{name} took {tries} tries"

    def _look_at_raised(self, session: Session, index: int, block: Block) -> None:
        raised = block.values[index - block.start] if block.values else None
        if raised is not None and index in session.works:
            error, number = unpickled(raised), session.works[index].number
            assert error.args == (number,), f"task {index} of {session.id} raised {error!r}, and is {number}"

    def _look_at_failure(self, session: Session, index: int, failure: Failure, tries: int) -> None:
        """Look whether a task that failed had to."""
        name = f"task {index} of {session.id} failed: {failure.type}"
        if failure.type == "PayloadLost":
            assert index in session.unreadable, f"{name}, and its payload is there"
        elif failure.type == "AgentLost":
            lost = len(self._facts.lapsed[session.id, index])
            assert lost >= defaults.LAPSES_ALONE, f"{name}, and {lost} agents were lost with it alone"
            guilty = index in session.works and session.works[index].kills_agent
            beside = self._facts.beside[session.id, index]
            assert guilty or beside <= defaults.LAPSES_SUSPECT, f"{name}, and other tasks took {beside} agents along"
        else:
            happened = self._facts.failed[session.id, index]
            assert failure.type in happened, f"{name}, and that never happened: {happened}"
            assert len(happened) >= tries, f"{name} after {tries} tries, and {len(happened)} went wrong"
            assert failure.final or tries == session.record.session.retry.tries, f"{name} after {tries} tries"


def _came(session: Session, work: Work, value: bytes | None) -> bool:
    """Return whether a result is what must come of a task; pickles of the same may be other bytes."""
    if is_pickled(session.record.session):
        return value is not None and bool(unpickled(value) == work.value)
    return value == work.result
