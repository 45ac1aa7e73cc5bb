"""Defects of the real code: each takes one decision back that keeps a promise."""

from htcgrid.connector import cut, mapped_calls
from htcgrid.connector.call_queue import CallQueue
from htcgrid.connector.call_session import CallSession
from htcgrid.connector.collection import Collection
from htcgrid.connector.intake import Intake
from htcgrid.connector.reader import Reader
from htcgrid.connector.session import SessionHandle
from htcgrid.connector.submission import Submission
from htcgrid.connector.submitter import Submitter
from htcgrid.connector.tracker import Tracker
from htcgrid.connector.watch import Watch
from htcgrid.connector.window import Window
from htcgrid.reaper import Reaper
from htcgrid.reaper.core import ReaperCore
from htcgrid_agent.core import blocks, committer, crew, returner
from htcgrid_agent.core.acquirer import Acquirer
from htcgrid_agent.core.agent import AgentCore
from htcgrid_agent.core.committer import Committer
from htcgrid_agent.core.crew import Crew
from htcgrid_agent.core.held import HeldBundle
from htcgrid_agent.core.renewer import Renewer
from htcgrid_agent.core.returner import Returner
from htcgrid_agent.shell import stores
from htcgrid_agent.shell.stores import StoreCalls
from tests.simulation.mutation import Mutation, Patch

AGENT_CALLS = (
    Mutation(
        name="outcome packs are put after their commit",
        patches=(
            Patch(
                StoreCalls,
                "commit",
                "    if blobs:\n        self._payloads.put(blobs)\n    return",
                "    answers = self._state.commit(commits)\n    if blobs:\n        self._payloads.put(blobs)\n    return",
            ),
            Patch(StoreCalls, "commit", "answers=self._state.commit(commits)", "answers=answers"),
        ),
        says=".",
    ),
    Mutation(
        name="outcome packs are named without the number of the flush",
        patches=(Patch(stores, "_pack_key", "-{part.flush}", ""),),
        says=".",
    ),
    Mutation(
        name="outcome packs of a commit that failed are deleted",
        patches=(
            Patch(
                StoreCalls,
                "commit",
                "    return events.CommitAnswered(sent=sent, parts=command.parts, answers=self._state.commit(commits))",
                "    try:\n        answers = self._state.commit(commits)\n"
                "    except ProviderError:\n        self._payloads.delete(list(blobs))\n        raise\n"
                "    return events.CommitAnswered(sent=sent, parts=command.parts, answers=answers)",
            ),
        ),
        says=".",
    ),
    Mutation(
        name="agents do not check digests",
        patches=(
            Patch(StoreCalls, "_bytes", "pack.holds(found) or look == self._LOOKS - 1", "True"),
            Patch(StoreCalls, "_bytes", "pack.checked(found)", "found"),
        ),
        says=".",
    ),
    Mutation(
        name="payloads that are not there at the first look are given up",
        patches=(Patch(StoreCalls, "_bytes", "range(self._LOOKS)", "range(1)"),),
        says=".",
    ),
    Mutation(
        name="payloads that cannot be had now are taken for lost",
        patches=(
            Patch(
                StoreCalls,
                "_load",
                "unavailable.add(claim.lease.nonce)",
                'unreadable[claim.lease.nonce] = Failure(type="PayloadLost", message="", final=True)',
            ),
        ),
        says=".",
    ),
    Mutation(
        name="tasks are run whose payloads cannot be had",
        patches=(Patch(AgentCore, "_acquired", "if nonce in event.unavailable", "if False"),),
        says=".",
    ),
    Mutation(
        name="an agent that was told to stop holds what it was just given",
        patches=(Patch(AgentCore, "_return", "if self.stopping", "if False"),),
        says=".",
    ),
)

AGENT_CORE = (
    Mutation(
        name="two flushes have one number",
        patches=(Patch(committer, "_part", "bundle.flush += 1", "bundle.flush += 0"),),
        says=".",
    ),
    Mutation(
        name="a commit that failed is made of new outcomes under its old number",
        patches=(
            Patch(
                AgentCore,
                "_call_failed",
                "refused = self._committer.failed(commit, now, final=event.final)",
                "refused = self._committer.failed(commit, now, final=event.final)\n"
                "            self._committer._again.clear()\n"
                "            for part in commit.parts:\n"
                "                if again := self._held.get(part.lease.nonce):\n"
                "                    again.blocks[:0] = part.blocks\n"
                "                    again.succeeded[:0] = part.succeeded.spans\n"
                "                    again.failed[:0] = part.failed.spans\n"
                "                    again.since, again.committing, again.flush = now, False, part.flush",
            ),
        ),
        says=".",
    ),
    Mutation(
        name="outcomes are dropped when their commit fails",
        patches=(Patch(Committer, "failed", "for parts in halves if parts", "for parts in ()"),),
        says=".",
    ),
    Mutation(
        name="of a commit that failed one half is forgotten",
        patches=(Patch(Committer, "failed", "halves if parts", "halves[:1] if parts"),),
        says=".",
    ),
    Mutation(
        name="after a commit that failed none is made any more",
        patches=(Patch(Committer, "failed", "self._under_way, self._size = False, 0", "self._size = 0"),),
        says=".",
    ),
    Mutation(
        name="after a heartbeat that failed none is sent any more",
        patches=(Patch(Renewer, "failed", "self._under_way = False", "pass"),),
        says=".",
    ),
    Mutation(
        name="leases are not renewed",
        patches=(Patch(Renewer, "next", "if self._under_way or now < self._due", "if True"),),
        says=".",
    ),
    Mutation(
        name="only the first lease is renewed",
        patches=(Patch(Renewer, "next", "for bundle in held)", "for bundle in list(held)[:1])"),),
        says=".",
    ),
    Mutation(
        name="after an acquire that failed nothing is acquired any more",
        patches=(Patch(Acquirer, "failed", "self._asking = False", "pass"),),
        says=".",
    ),
    Mutation(
        name="after a give-back that failed its bundle is held for ever",
        patches=(Patch(AgentCore, "_call_failed", "self._unreturned.append(", "(lambda _: None)("),),
        says=".",
    ),
    Mutation(
        name="the last part of a give-back is forgotten",
        patches=(
            Patch(
                returner, "give_back", "for remainder in remainders\n    )", "for remainder in remainders[:-1]\n    )"
            ),
        ),
        says=".",
    ),
    Mutation(
        name="tasks lose their tries when they are given back",
        patches=(Patch(returner, "_tries", "if bundle.tries else {}", "if False else {}"),),
        says=".",
    ),
    Mutation(
        name="a lost agent counts as a try",
        patches=(
            Patch(
                HeldBundle,
                "__init__",
                "dict(claim.tries)",
                "{index: claim.tries.get(index, 0) + claim.lapses for index in claim.open}",
            ),
        ),
        says=".",
    ),
    Mutation(
        name="a task that is to be tried again is forgotten",
        patches=(Patch(HeldBundle, "retry", "insort(self.waiting, (at, index))", "pass"),),
        says=".",
    ),
    Mutation(
        name="a task has one try more than it may",
        patches=(Patch(AgentCore, "_take_tries", "tries >= policy.tries", "tries > policy.tries"),),
        says=".",
    ),
    Mutation(
        name="a task has one try less than it may",
        patches=(Patch(AgentCore, "_take_tries", "tries >= policy.tries", "tries >= policy.tries - 1"),),
        says=".",
    ),
    Mutation(
        name="what no other try helps is tried again",
        patches=(Patch(AgentCore, "_take_tries", "failure.final or tries", "tries"),),
        says=".",
    ),
    Mutation(
        name="tries are not counted",
        patches=(Patch(AgentCore, "_take_tries", "bundle.tries[index] = tries", "pass"),),
        says=".",
    ),
    Mutation(
        name="a task that ran twice has two outcomes",
        patches=(Patch(AgentCore, "_take_tries", "fresh = reported - bundle.done", "fresh = reported"),),
        says=".",
    ),
    Mutation(
        name="a worker's death is blamed on the first of its tasks",
        patches=(
            Patch(
                AgentCore,
                "_guilty",
                "event.task if event.task is not None and event.task in left else None",
                "left.first if left else None",
            ),
        ),
        says=".",
    ),
    Mutation(
        name="a worker's death is nobody's try",
        patches=(Patch(AgentCore, "_worker_died", "blame is not None and task is not None", "False"),),
        says=".",
    ),
    Mutation(
        name="who was ended for another's time-out is blamed",
        patches=(Patch(AgentCore, "_guilty", "event.task != slot.task", "False"),),
        says=".",
    ),
    Mutation(
        name="an end that the grid wanted is blamed on the task",
        patches=(Patch(AgentCore, "_worker_died", "slot.blame if killed_by_grid else Failure", "Failure"),),
        says=".",
    ),
    Mutation(
        name="what a dead worker had not reported is forgotten",
        patches=(Patch(AgentCore, "_worker_died", "bundle.todo |= left", "pass"),),
        says=".",
    ),
    Mutation(
        name="what a worker leaves to others is forgotten",
        patches=(Patch(HeldBundle, "take_back", "self.todo |= tasks - self.done", "pass"),),
        says=".",
    ),
    Mutation(
        name="a try that takes too long goes on",
        patches=(Patch(Crew, "look", "timeout is not None and", "False and"),),
        says=".",
    ),
    Mutation(
        name="a try that took too long is not counted",
        patches=(Patch(Crew, "look", 'Failure(type="TimedOut", message=message)', "None"),),
        says=".",
    ),
    Mutation(
        name="workers go on with a bundle that is another's",
        patches=(Patch(AgentCore, "_lose", "self._out.extend(self._crew.kill_all(bundle.claim.lease.nonce))", "pass"),),
        says=".",
    ),
    Mutation(
        name="a task that takes its agents along is tried for ever",
        patches=(Patch(AgentCore, "_objection", "claim.lapses_alone >= defaults.LAPSES_ALONE", "False"),),
        says=".",
    ),
    Mutation(
        name="two lost agents make a task fail",
        patches=(
            Patch(AgentCore, "_objection", "claim.lapses_alone >= defaults.LAPSES_ALONE", "claim.lapses_alone >= 2"),
        ),
        says=".",
    ),
    Mutation(
        name="agents that were lost with its neighbours make a task fail",
        patches=(
            Patch(
                AgentCore,
                "_objection",
                "claim.lapses_alone >= defaults.LAPSES_ALONE",
                "claim.lapses + claim.lapses_alone >= defaults.LAPSES_ALONE",
            ),
        ),
        says=".",
    ),
    Mutation(
        name="a suspect bundle is never split",
        patches=(Patch(AgentCore, "_acquired", "self._isolate(bundle)", "pass"),),
        says=".",
    ),
    Mutation(
        name="of a suspect bundle the last task is kept",
        patches=(
            Patch(AgentCore, "_isolate", "bundle.todo.take(1)", "reversed(bundle.todo.take(bundle.todo.count - 1))"),
        ),
        says=".",
    ),
    Mutation(
        name="tasks of a suspect bundle run side by side",
        patches=(Patch(crew, "_must_wait", "bundle.suspect and", "False and"),),
        says=".",
    ),
    Mutation(
        name="tasks of a suspect bundle are handed over several at a time",
        patches=(
            Patch(Crew, "_portion", "seconds is None or bundle.suspect", "seconds is None"),
            Patch(crew, "_must_wait", "bundle.suspect and", "False and"),
        ),
        says=".",
    ),
    Mutation(
        name="outcomes are cut from a block at the wrong task",
        patches=(Patch(blocks, "pieces", "start - block.start, stop - block.start", "0, stop - start"),),
        says=".",
    ),
    Mutation(
        name="an agent that was told to stop never exits",
        patches=(Patch(AgentCore, "_acquire_or_exit", "elif not self._held and", "elif False and"),),
        says=".",
    ),
    Mutation(
        name="an agent that was told to stop exits with all that it holds",
        patches=(Patch(AgentCore, "_acquire_or_exit", "elif not self._held and", "elif"),),
        says=".",
    ),
    Mutation(
        name="an agent that waits for an answer spins",
        patches=(Patch(Renewer, "wake_at", "[] if self._under_way else [self._due]", "[self._due]"),),
        says=".",
    ),
    Mutation(
        name="a worker that could not be started is started without a pause",
        patches=(
            Patch(
                AgentCore,
                "_worker_died",
                "slot.start_at = now + min(10.0, 0.1 * 2.0 ** min(slot.false_starts, 10))",
                "slot.start_at = now + 1e9",
            ),
        ),
        says=".",
    ),
    Mutation(
        name="a commit that ends no lease drops it",
        patches=(Patch(AgentCore, "_commit_answered", "if answer.lease is not None", "if False"),),
        says=".",
    ),
)

REAPER = (
    Mutation(
        name="the reaper does not send the hints that are due",
        patches=(Patch(ReaperCore, "handle", "[SendHints(hints)] if hints else []", "[]"),),
        says=".",
    ),
    Mutation(
        name="the reaper never looks at the backlog",
        patience=450.0,
        patches=(Patch(Reaper, "_call", "backlog=not self._queue.depth()", "backlog=False"),),
        says=".",
    ),
    Mutation(
        name="the reaper does nothing after a call that failed",
        patches=(Patch(ReaperCore, "handle", "isinstance(event, Time)", "isinstance(event, Time | CallFailed)"),),
        says=".",
    ),
    Mutation(
        name="the reaper collects sessions that have not expired",
        patches=(
            Patch(
                Reaper,
                "_call",
                "self._state.expired(limit)",
                "[status.session.id for status in self._state.sessions().sessions]",
            ),
        ),
        says=".",
    ),
    Mutation(
        name="the reaper deletes records, and payloads no more",
        patches=(Patch(Reaper, "_call", "self._payloads.delete(prefix=session)", "pass"),),
        says=".",
    ),
    Mutation(
        name="the reaper deletes inputs only",
        patches=(Patch(Reaper, "_call", "prefix=session", 'prefix=f"{session}/in"'),),
        says=".",
    ),
    Mutation(
        name="the reaper collects a part of a session",
        patches=(Patch(ReaperCore, "handle", "self._sessions.append(session)", "self._failed.add(session)"),),
        says=".",
    ),
)

CONNECTOR = (
    Mutation(
        name="tasks are accepted before they are recorded",
        patches=(Patch(Submission, "_write", "    if blobs:", "    self.accepted = self._end\n    if blobs:"),),
        says=".",
    ),
    Mutation(
        name="bundles are recorded before their packs",
        patches=(
            Patch(
                Submission,
                "_write",
                "        yield PutPacks(blobs)\n",
                "        yield Add(bundles)\n        yield PutPacks(blobs)\n",
            ),
        ),
        says=".",
    ),
    Mutation(
        name="packs are put before their session is recorded",
        patches=(Patch(Submission, "_write", "if not self._created:", "if False:"),),
        says=".",
    ),
    Mutation(
        name="of several bundles one is not recorded",
        patches=(Patch(Submission, "_write", "yield Add(bundles)", "yield Add(bundles[1:] or bundles)"),),
        says=".",
    ),
    Mutation(
        name="a session is sealed with one task too few",
        patches=(Patch(Submission, "end", "Seal(self._end)", "Seal(self._end - 1)"),),
        says=".",
    ),
    Mutation(
        name="a session is sealed before its last bundles are recorded",
        patches=(
            Patch(
                Submission,
                "end",
                "yield from self.flush()\n    yield Seal(self._end)",
                "yield Seal(self._end)\n    yield from self.flush()",
            ),
        ),
        says=".",
    ),
    Mutation(
        name="a session is never sealed",
        patches=(Patch(Submission, "end", "yield Seal(self._end)", "pass"),),
        says=".",
    ),
    Mutation(
        name="a session's last tasks make no bundle",
        patches=(Patch(cut, "cut", "    if batch:\n        yield", "    if False:\n        yield"),),
        says=".",
    ),
    Mutation(
        name="a session whose generator failed is sealed",
        patches=(Patch(Submitter, "_payloads", "    self._check_wanted()", "    pass"),),
        says=".",
    ),
    Mutation(
        name="a generator's error is not told",
        patches=(Patch(Submitter, "fail", "self._error = self._error or error", "pass"),),
        says=".",
    ),
    Mutation(
        name="more tasks are accepted than may be",
        patches=(Patch(Submitter, "_payloads", "self._hold_back(len(batch))", "pass"),),
        says=".",
    ),
    Mutation(
        name="a submission that is ahead waits for ever",
        patches=(
            Patch(
                Submitter,
                "_hold_back",
                "self._known_ended = patiently(self._host, self._ended, self._check_wanted)",
                "pass",
            ),
        ),
        says=".",
    ),
    Mutation(
        name="who cancels goes on submitting",
        patches=(Patch(SessionHandle, "cancel", "self._submitter.stop(seal=False)", "pass"),),
        says=".",
    ),
    Mutation(
        name="a session that is cancelled is sealed at first",
        patches=(Patch(SessionHandle, "cancel", "stop(seal=False)", "stop()"),),
        says=".",
    ),
    Mutation(
        name="payloads that come while others are written are lost",
        patches=(
            Patch(Intake, "batches", "self._pending, [], 0", "list(self._pending), self._pending, 0"),
            Patch(Intake, "batches", "yield batch", "yield batch\n        self._pending.clear()"),
        ),
        says=".",
    ),
    Mutation(
        name="who waits for room in the intake is not told of it",
        patches=(Patch(Intake, "batches", "            self._changed.notify_all()", "            pass"),),
        says=".",
    ),
    Mutation(
        name="a reader counts an entry twice",
        patches=(
            Patch(
                Collection,
                "take",
                "self.succeeded += part.succeeded.count",
                "self.succeeded += 2 * part.succeeded.count",
            ),
        ),
        says=".",
    ),
    Mutation(
        name="a reader forgets its cursor",
        patches=(Patch(Collection, "take", "self.cursor = entries.cursor", "pass"),),
        says=".",
    ),
    Mutation(
        name="a reader tells what an entry did not accept",
        patches=(Patch(Collection, "outcomes", "whole & accepted", "whole"),),
        says=".",
    ),
    Mutation(
        name="readers do not check digests",
        patches=(
            Patch(Collection, "outcomes", "part.pack.checked(data)", "data"),
            Patch(Tracker, "_block", "part.pack.checked(data)", "data"),
        ),
        says=".",
    ),
    Mutation(
        name="a reader looks once for a pack",
        patches=(Patch(Reader, "packs", "range(_LOOKS)", "range(1)"),),
        says=".",
    ),
    Mutation(
        name="a reader takes the tasks of an open session for all",
        patches=(Patch(Collection, "know", "status.state is not SessionState.OPEN", "True"),),
        says=".",
    ),
    Mutation(
        name="tasks are told cancelled before the log is read to its end",
        patches=(
            Patch(Reader, "outcomes", "if collection.closed:", "if collection.closed or collection.was_cancelled:"),
        ),
        says=".",
    ),
    Mutation(
        name="a reader stops at a task that is missing",
        patches=(Patch(Collection, "finished", "self.ended >= self._total", "self.ended >= self._total - 1"),),
        says=".",
    ),
    Mutation(
        name="cancelled tasks are not told",
        patches=(
            Patch(
                Reader,
                "outcomes",
                "yield from collection.cancelled_outcomes()",
                "collection.cancelled = (collection.total or 0) - collection.ended",
            ),
        ),
        says=".",
    ),
    Mutation(
        name="a watch drops outcomes that are not successes",
        patches=(Patch(Watch, "_run", "self._call(outcome)", "outcome.succeeded and self._call(outcome)"),),
        says=".",
    ),
    Mutation(
        name="a watch that nobody waits for says it has told all",
        patches=(Patch(Watch, "_run", "if self._stopped.is_set()", "if self.called"),),
        says=".",
    ),
    Mutation(
        name="a task is told the outcome of the one before it",
        patches=(
            Patch(
                Tracker,
                "_known",
                "self._block(part, index), index)",
                "self._block(part, index), max(part.succeeded.first if part.succeeded else index, index - 1))",
            ),
        ),
        says=".",
    ),
    Mutation(
        name="a call gets another call's result",
        patches=(Patch(CallQueue, "_hand_over", "self._handed.append(payload)", "self._handed.insert(0, payload)"),),
        says=".",
    ),
    Mutation(
        name="calls that are handed over while others are written are lost",
        patches=(
            Patch(CallQueue, "batches", "batch, self._handed = self._handed, []", "batch = list(self._handed)"),
            Patch(CallQueue, "batches", "yield batch", "yield batch\n            self._handed.clear()"),
        ),
        says=".",
    ),
    Mutation(
        name="a call that has ended takes up room for ever",
        patches=(Patch(CallQueue, "take", "self._room.free += 1", "pass"),),
        says=".",
    ),
    Mutation(
        name="nobody is told that calls were handed over",
        patches=(Patch(CallQueue, "put", "idle and self._handed", "not idle"),),
        says=".",
    ),
    Mutation(
        name="a call whose result was lost waits for ever",
        patches=(
            Patch(
                CallSession,
                "_look",
                "self._settle(outcome)\n    if",
                "outcome.index % 5 == 3 or self._settle(outcome)\n    if",
            ),
        ),
        says=".",
    ),
    Mutation(
        name="a call that failed gives its bytes",
        patches=(Patch(CallSession, "_finish", "if error := error_of(outcome, self._decode)", "if False"),),
        says=".",
    ),
    Mutation(
        name="a window never has room again",
        patches=(Patch(Window, "leave", "self._free += 1", "pass"),),
        says=".",
    ),
    Mutation(
        name="results are not in the order of their tasks",
        patches=(
            Patch(
                mapped_calls,
                "_in_order",
                "while index in early:\n            yield early.pop(index)",
                "while early:\n            yield early.pop(min(early))",
            ),
        ),
        says=".",
    ),
)
