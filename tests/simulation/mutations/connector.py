"""Defects of the connector: of submitting, and of reading how tasks ended."""

from htcgrid.connector import again, cut, mapped_calls
from htcgrid.connector.call_queue import CallQueue
from htcgrid.connector.call_session import CallSession
from htcgrid.connector.collection import Collection
from htcgrid.connector.functions import Functions
from htcgrid.connector.intake import Intake
from htcgrid.connector.reader import Reader
from htcgrid.connector.session import SessionHandle
from htcgrid.connector.submission import Submission
from htcgrid.connector.submitter import Submitter
from htcgrid.connector.tracker import Tracker
from htcgrid.connector.watch import Watch
from htcgrid.connector.window import Window
from tests.simulation.mutation import Mutation, Patch

CONNECTOR = (
    Mutation(
        name="bundles are recorded before their packs",
        seed=35,
        patches=(
            Patch(
                Submission,
                "_write",
                "        yield PutPacks(blobs)\n",
                "        yield Add(bundles)\n        yield PutPacks(blobs)\n",
            ),
        ),
        says="is gone",
    ),
    Mutation(
        name="of several bundles one is not recorded",
        seed=3,
        patches=(Patch(Submission, "_write", "yield Add(bundles)", "yield Add(bundles[1:] or bundles)"),),
        says="ConflictError|have not ended",
    ),
    Mutation(
        name="a session is sealed with one task too few",
        seed=1,
        patches=(Patch(Submission, "end", "Seal(self._end)", "Seal(self._end - 1)"),),
        says="ConflictError",
    ),
    Mutation(
        name="a session is sealed before its last bundles are recorded",
        seed=3,
        patches=(
            Patch(
                Submission,
                "end",
                "yield from self.flush()\n    yield Seal(self._end)",
                "yield Seal(self._end)\n    yield from self.flush()",
            ),
        ),
        says="ConflictError",
    ),
    Mutation(
        name="a session is never sealed",
        seed=2,
        patches=(Patch(Submission, "end", "yield Seal(self._end)", "pass"),),
        says="have not ended",
    ),
    Mutation(
        name="packs are put before their session is recorded",
        seed=19,
        patches=(Patch(Submission, "_write", "yield from self.begin()", "pass"),),
        says="payloads are left",
    ),
    Mutation(
        name="tasks are accepted before they are recorded",
        seed=9,
        patches=(Patch(Submission, "take", "self._end = bundle.stop", "self._end = self.accepted = bundle.stop"),),
        says="were accepted, and",
    ),
    Mutation(
        name="a session's last tasks make no bundle",
        seed=11,
        patches=(Patch(cut, "cut", "    if batch:\n        yield", "    if False:\n        yield"),),
        says=r"were accepted, and|\d+ of \d+",
    ),
    Mutation(
        name="a session whose generator failed is sealed",
        seed=3,
        patches=(Patch(Submitter, "_payloads", "    self._check_wanted()", "    pass"),),
        says="lacks tasks, and was sealed",
    ),
    Mutation(
        name="a generator's error is not told",
        seed=3,
        patches=(Patch(Submitter, "fail", "self._error = error if self._error is None else self._error", "pass"),),
        says="ended: AssertionError: ",
    ),
    Mutation(
        name="more tasks are accepted than may be",
        seed=1,
        patches=(Patch(Submitter, "_payloads", "self._hold_back(len(batch))", "pass"),),
        says="have not ended",
    ),
    Mutation(
        name="a submission that is ahead waits for ever",
        seed=1,
        patches=(
            Patch(
                Submitter,
                "_hold_back",
                "self._known_ended = patiently(self._host, self._ended, self._check_wanted)",
                "pass",
            ),
        ),
        says="have not ended",
    ),
    Mutation(
        name="who cancels goes on submitting",
        seed=35,
        patches=(Patch(SessionHandle, "cancel", "self._submitter.stop(seal=False)", "pass"),),
        says="who cancelled .* was told",
    ),
    Mutation(
        name="payloads that come while others are written are lost",
        seed=3,
        patches=(
            Patch(Intake, "batches", "self._pending, [], 0", "list(self._pending), self._pending, 0"),
            Patch(Intake, "batches", "yield batch", "yield batch\n        self._pending.clear()"),
        ),
        says="ConflictError|have not ended",
    ),
    Mutation(
        name="who waits for room in the intake is not told of it",
        seed=3,
        patches=(Patch(Intake, "batches", "            self._changed.notify_all()", "            pass"),),
        says="have not ended",
    ),
    Mutation(
        name="a reader counts an entry twice",
        seed=1,
        patches=(
            Patch(
                Collection,
                "take",
                "self.succeeded += part.succeeded.count",
                "self.succeeded += 2 * part.succeeded.count",
            ),
        ),
        says="ended: AssertionError: ",
    ),
    Mutation(
        name="a reader forgets its cursor",
        seed=1,
        patches=(Patch(Collection, "take", "self.cursor = entries.cursor", "pass"),),
        says="ended: AssertionError: ",
    ),
    Mutation(
        name="readers do not check digests",
        seed=15,
        patches=(
            Patch(Collection, "outcomes", "part.pack.checked(data)", "data"),
            Patch(Tracker, "_block", "part.pack.checked(data)", "data"),
        ),
        says="ended: AssertionError: ",
    ),
    Mutation(
        name="a reader takes the tasks of an open session for all",
        seed=14,
        patches=(Patch(Collection, "know", "status.state is not SessionState.OPEN", "True"),),
        says="have not ended",
    ),
    Mutation(
        name="tasks are told cancelled before the log is read to its end",
        seed=29,
        patches=(
            Patch(Reader, "outcomes", "if collection.closed:", "if collection.closed or collection.was_cancelled:"),
        ),
        says=r"was told CANCELLED and is \w+|ended as .*SUCCEEDED.* and as .*CANCELLED",
    ),
    Mutation(
        name="a reader stops at a task that is missing",
        seed=1,
        patches=(Patch(Collection, "finished", "self.ended >= self._total", "self.ended >= self._total - 1"),),
        says="ended: AssertionError: |goes on for ever",
    ),
    Mutation(
        name="cancelled tasks are not told",
        seed=3,
        patches=(
            Patch(
                Reader,
                "outcomes",
                "yield from collection.cancelled_outcomes()",
                "collection.cancelled = (collection.total or 0) - collection.ended",
            ),
        ),
        says=r"tells of \d+ tasks",
    ),
    Mutation(
        name="a watch drops outcomes that are not successes",
        seed=2,
        patches=(Patch(Watch, "_run", "self._call(outcome)", "outcome.succeeded and self._call(outcome)"),),
        says="ended: AssertionError: ",
    ),
    Mutation(
        name="a watch that nobody waits for says it has told all",
        seed=2,
        patches=(Patch(Watch, "_run", "if self._stopped.is_set()", "if self.called"),),
        says="ended: AssertionError: ",
    ),
    Mutation(
        name="a task is told the outcome of the one before it",
        seed=123,
        patches=(
            Patch(
                Tracker,
                "_known",
                "self._block(part, index), index)",
                "self._block(part, index), max(part.succeeded.first if part.succeeded else index, index - 1))",
            ),
        ),
        says="ended: AssertionError: ",
    ),
    Mutation(
        name="a call gets another call's result",
        seed=9,
        patches=(Patch(CallQueue, "_hand_over", "self._handed.append(payload)", "self._handed.insert(0, payload)"),),
        says="ended: AssertionError: ",
    ),
    Mutation(
        name="calls that are handed over while others are written are lost",
        seed=36,
        patches=(
            Patch(CallQueue, "batches", "batch, self._handed = self._handed, []", "batch = list(self._handed)"),
            Patch(CallQueue, "batches", "yield batch", "yield batch\n            self._handed.clear()"),
        ),
        says="have not ended",
    ),
    Mutation(
        name="a call that has ended takes up room for ever",
        seed=9,
        patches=(Patch(CallQueue, "take", "self._room.free += 1", "pass"),),
        says="have not ended",
    ),
    Mutation(
        name="nobody is told that calls were handed over",
        seed=17,
        patches=(Patch(CallQueue, "put", "idle and self._handed", "not idle"),),
        says="have not ended",
    ),
    Mutation(
        name="a call whose result was lost waits for ever",
        seed=9,
        patches=(
            Patch(
                CallSession,
                "_look",
                "self._settle(outcome)\n    if",
                "outcome.index % 5 == 3 or self._settle(outcome)\n    if",
            ),
        ),
        says="have not ended",
    ),
    Mutation(
        name="a call that failed gives its bytes",
        seed=85,
        patches=(Patch(CallSession, "_finish", "if error is None", "if True"),),
        says="ended: AssertionError: ",
    ),
    Mutation(
        name="a window never has room again",
        seed=14,
        patches=(Patch(Window, "leave", "self._free += 1", "pass"),),
        says="have not ended",
    ),
    Mutation(
        name="results are not in the order of their tasks",
        seed=11,
        patches=(
            Patch(
                mapped_calls,
                "_in_order",
                "while index in early:\n            yield early.pop(index)",
                "while early:\n            yield early.pop(min(early))",
            ),
        ),
        says="ended: AssertionError: ",
    ),
    Mutation(
        name="functions of calls that are made again are not copied",
        seed=41,
        patches=(Patch(again, "with_functions", "store.put({function.shared(session.id).key: data})", "pass"),),
        says="is said to be lost, and is there|is named, and is not there",
    ),
    Mutation(
        name="a function is named, and never put",
        seed=7,
        patches=(Patch(Functions, "_carried", "self._payloads.put({key.shared(session).key: data})", "pass"),),
        says="is said to be lost, and is there|is named, and is not there",
    ),
)
