"""Defects of the agent's decisions."""

from htcgrid_agent.core import blocks, committer, crew, objection, returner, seclusion
from htcgrid_agent.core.acquirer import Acquirer
from htcgrid_agent.core.agent import AgentCore
from htcgrid_agent.core.committer import Committer
from htcgrid_agent.core.crew import Crew
from htcgrid_agent.core.held import HeldBundle
from htcgrid_agent.core.renewer import Renewer
from htcgrid_agent.core.slot import WorkerSlot
from tests.simulation.mutation import Mutation, Patch

AGENT_CORE = (
    Mutation(
        name="two flushes have one number",
        seed=1,
        patches=(Patch(committer, "_part", "bundle.flush += 1", "bundle.flush += 0"),),
        says="came altered, and nobody|not in the payload store|not what was written",
    ),
    Mutation(
        name="a failure that is told from the journal and then in a report counts twice",
        seed=87,
        patches=(Patch(WorkerSlot, "news", "if block.start >= told", "if told >= 0"),),
        says=r"after \d tries, and \d went wrong",
    ),
    Mutation(
        name="a commit that failed is made of new outcomes under its old number",
        seed=46,
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
        says="not what was written|not those that were written|have not ended",
    ),
    Mutation(
        name="outcomes are dropped when their commit fails",
        seed=14,
        patches=(Patch(Committer, "failed", "for parts in halves if parts", "for parts in ()"),),
        says="have not ended|looks for work over and over",
    ),
    Mutation(
        name="of a commit that failed one half is forgotten",
        seed=23,
        patches=(Patch(Committer, "failed", "halves if parts", "halves[:1] if parts"),),
        says="have not ended|looks for work over and over",
    ),
    Mutation(
        name="after a commit that failed none is made any more",
        seed=3,
        patches=(Patch(Committer, "failed", "self._under_way, self._size = False, 0", "self._size = 0"),),
        says="have not ended",
    ),
    Mutation(
        name="after a heartbeat that failed none is sent any more",
        seed=23,
        patches=(Patch(Renewer, "failed", "self._under_way = False", "pass"),),
        says=r"AgentLost, and \d|is well, and has|was well",
    ),
    Mutation(
        name="leases are not renewed",
        seed=6,
        patches=(Patch(Renewer, "_due", "max(self._last + self._policy.heartbeat, self._patience.until)", "1e18"),),
        says=r"AgentLost, and \d|is well, and has forgotten its lease|was well",
    ),
    Mutation(
        name="only the first lease is renewed",
        seed=23,
        patches=(Patch(Renewer, "next", "for bundle in held)", "for bundle in list(held)[:1])"),),
        says="is well, and has forgotten its lease|was well",
    ),
    Mutation(
        name="after an acquire that failed nothing is acquired any more",
        seed=3,
        patches=(Patch(Acquirer, "failed", "self._asking = False", "pass"),),
        says="have not ended",
    ),
    Mutation(
        name="after a give-back that failed its bundle is held for ever",
        seed=97,
        patches=(Patch(AgentCore, "_call_failed", "self._again.append(", "(lambda _: None)("),),
        says="have not ended",
    ),
    Mutation(
        name="the last part of a give-back is forgotten",
        seed=9,
        patches=(
            Patch(
                returner, "give_back", "for remainder in remainders\n    )", "for remainder in remainders[:-1]\n    )"
            ),
        ),
        says="is well, and has forgotten its lease|was well",
    ),
    Mutation(
        name="tasks lose their tries when they are given back",
        seed=9,
        patches=(Patch(returner, "_tries", "if bundle.tries else {}", "if False else {}"),),
        says="have not ended",
    ),
    Mutation(
        name="a lost agent counts as a try",
        seed=19,
        patches=(
            Patch(
                HeldBundle,
                "__init__",
                "dict(claim.tries)",
                "{index: claim.tries.get(index, 0) + claim.lapses for index in claim.open}",
            ),
        ),
        says=r"took \d+ tries",
    ),
    Mutation(
        name="a task that is to be tried again is forgotten",
        seed=9,
        patches=(Patch(HeldBundle, "retry", "insort(self.waiting, (at, index))", "pass"),),
        says=r"AgentLost, and \d|runs \d+ of the suspect|is well, and has forgotten",
    ),
    Mutation(
        name="a task has one try more than it may",
        seed=1,
        patches=(Patch(AgentCore, "_take_tries", "tries >= policy.tries", "tries > policy.tries"),),
        says=r"failed: \w+ after \d+ tries|took \d+ tries",
    ),
    Mutation(
        name="a task has one try less than it may",
        seed=7,
        patches=(Patch(AgentCore, "_take_tries", "tries >= policy.tries", "tries >= policy.tries - 1"),),
        says=r"failed: \w+ after \d+ tries",
    ),
    Mutation(
        name="what no other try helps is tried again",
        seed=2,
        patches=(Patch(AgentCore, "_take_tries", "failure.final or tries", "tries"),),
        says="is tried again, which does not help",
    ),
    Mutation(
        name="tries are not counted",
        seed=7,
        patches=(Patch(AgentCore, "_take_tries", "bundle.tries[index] = tries", "pass"),),
        says="have not ended",
    ),
    Mutation(
        name="a worker's death is blamed on the first of its tasks",
        seed=125,
        patches=(
            Patch(
                AgentCore,
                "_guilty",
                "event.task if event.task is not None and event.task in left else None",
                "left.first if left else None",
            ),
        ),
        says=r"took \d+ tries|that never happened",
    ),
    Mutation(
        name="a worker's death is nobody's try",
        seed=13,
        patches=(Patch(AgentCore, "_worker_died", "blame is not None and task is not None", "False"),),
        says="have not ended",
    ),
    Mutation(
        name="an end that the grid wanted is blamed on the task",
        seed=38,
        patches=(Patch(AgentCore, "_worker_died", "slot.blame if killed_by_grid else Failure", "Failure"),),
        says="and that never happened",
    ),
    Mutation(
        name="what a dead worker had not reported is forgotten",
        seed=6,
        patches=(Patch(AgentCore, "_worker_died", "bundle.todo |= left", "pass"),),
        says="is well, and has forgotten its lease|was well",
    ),
    Mutation(
        name="a try that takes too long goes on",
        seed=38,
        patches=(Patch(Crew, "look", "timeout is not None and", "False and"),),
        says="have not ended",
    ),
    Mutation(
        name="a worker that stands still before it begins is waited for",
        seed=112,
        patches=(Patch(Crew, "look", "now - slot.seen > self._policy.standstill", "False"),),
        says="have not ended",
    ),
    Mutation(
        name="a try that took too long is not counted",
        seed=38,
        patches=(Patch(Crew, "look", 'Failure(type="TimedOut", message=message)', "None"),),
        says="have not ended",
    ),
    Mutation(
        name="a task that takes its agents along is tried for ever",
        seed=42,
        patches=(Patch(objection, "objection", "claim.lapses_alone >= defaults.LAPSES_ALONE", "False"),),
        says="have not ended",
    ),
    Mutation(
        name="two lost agents make a task fail",
        seed=15,
        patches=(
            Patch(objection, "objection", "claim.lapses_alone >= defaults.LAPSES_ALONE", "claim.lapses_alone >= 2"),
        ),
        says=r"AgentLost, and \d|was well|have not ended",
    ),
    Mutation(
        name="agents that were lost with its neighbours make a task fail",
        seed=51,
        patches=(
            Patch(
                objection,
                "objection",
                "claim.lapses_alone >= defaults.LAPSES_ALONE",
                "claim.lapses + claim.lapses_alone >= defaults.LAPSES_ALONE",
            ),
        ),
        says=r"AgentLost, and \d|was well|have not ended",
    ),
    Mutation(
        name="a suspect bundle is never split",
        seed=51,
        patches=(Patch(AgentCore, "_acquired", "self._isolate(bundle)", "pass"),),
        says="have not ended",
    ),
    Mutation(
        name="a suspect bundle runs beside others",
        seed=15,
        patches=(
            Patch(
                AgentCore,
                "_assign",
                "suspect is None or alone",
                "True",
            ),
        ),
        says=r"beside \d+ bundles",
    ),
    Mutation(
        name="suspect bundles are claimed with others, and kept while these run",
        seed=137,
        patches=(
            Patch(seclusion, "parted", "if delivery.hint.suspect]", "if False]"),
            Patch(seclusion, "parted", "if not delivery.hint.suspect]", "if True]"),
            Patch(AgentCore, "_acquired", "if bundle.suspect and any(", "if False and any("),
        ),
        says="kept the suspect",
    ),
    Mutation(
        name="what runs beside a suspect bundle is not given back",
        seed=15,
        patches=(Patch(AgentCore, "_return", "bundle is not suspect", "False"),),
        says="have not ended",
    ),
    Mutation(
        name="payloads that are fetched are not awaited",
        seed=1,
        patches=(Patch(Crew, "assign", "bundle.todo and bundle.loaded", "bundle.todo"),),
        says="KeyError",
    ),
    Mutation(
        name="tasks of a suspect bundle run side by side",
        seed=22,
        patches=(Patch(crew, "_must_wait", "bundle.suspect and", "False and"),),
        says=r"runs \d+ of the suspect",
    ),
    Mutation(
        name="tasks of a suspect bundle are handed over several at a time",
        seed=22,
        patches=(
            Patch(Crew, "_portion", "seconds is None or bundle.suspect", "seconds is None"),
            Patch(crew, "_must_wait", "bundle.suspect and", "False and"),
        ),
        says=r"runs \d+ of the suspect",
    ),
    Mutation(
        name="outcomes are cut from a block at the wrong task",
        seed=47,
        patches=(Patch(blocks, "pieces", "start - block.start, stop - block.start", "0, stop - start"),),
        says=r"cannot be decoded as typed|have not ended|task \d+ of \S+: ",
    ),
    Mutation(
        name="an agent that was told to stop never exits",
        seed=1,
        patches=(Patch(AgentCore, "_acquire_or_exit", "elif not self._held and", "elif False and"),),
        says="have not ended",
    ),
    Mutation(
        name="an agent that was told to stop exits with all that it holds",
        seed=15,
        patches=(Patch(AgentCore, "_acquire_or_exit", "elif not self._held and", "elif"),),
        says="is well, and has forgotten its lease",
    ),
    Mutation(
        name="an agent that waits for an answer spins",
        seed=40,
        patches=(Patch(Renewer, "wake_at", "[] if self._under_way else [self._due]", "[self._due]"),),
        says="looks for work over and over",
    ),
    Mutation(
        name="a commit that ends no lease drops it",
        seed=11,
        patches=(Patch(AgentCore, "_commit_answered", "if answer.lease is not None", "if False"),),
        says="have not ended|is well, and has forgotten its lease",
    ),
)
