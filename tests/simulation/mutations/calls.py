"""Defects of the agent's calls of its stores."""

from htcgrid_agent.core.agent import AgentCore
from htcgrid_agent.shell import stores
from htcgrid_agent.shell.shared import SharedFiles
from htcgrid_agent.shell.stores import StoreCalls
from tests.simulation.mutation import Mutation, Patch

AGENT_CALLS = (
    Mutation(
        name="outcome packs are put after their commit",
        seed=12,
        patches=(
            Patch(
                StoreCalls,
                "commit",
                "    if blobs:",
                "    answers = self._state.commit(commits)\n    if blobs:",
            ),
            Patch(StoreCalls, "commit", "answers=self._state.commit(commits)", "answers=answers"),
        ),
        says="nobody has altered one|not in the payload store",
    ),
    Mutation(
        name="outcome packs are named without the number of the flush",
        seed=1,
        patches=(Patch(stores, "_pack_key", "-{part.flush}", ""),),
        says="came altered, and nobody|not in the payload store|not what was written",
    ),
    Mutation(
        name="outcome packs of a commit that failed are deleted",
        seed=97,
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
        says="nobody has altered one|not in the payload store",
    ),
    Mutation(
        name="agents do not check digests",
        seed=30,
        patches=(
            Patch(StoreCalls, "_fetched", "pack.checked(found)", "found"),
            Patch(StoreCalls, "_acquired", "claim.input.checked(claim.input.data)", "claim.input.data"),
        ),
        says="was run altered|its payload is altered",
    ),
    Mutation(
        name="payloads that are not there at the first look are given up",
        seed=3,
        patches=(Patch(StoreCalls, "_fetched", "range(self._LOOKS)", "range(1)"),),
        says="PayloadLost, and its payload is there",
    ),
    Mutation(
        name="payloads that cannot be had now are taken for lost",
        seed=35,
        patches=(
            Patch(
                StoreCalls,
                "load",
                "error=str(error))",
                'error=str(error)); return events.Loaded(command=command, failure=_lost(""))',
            ),
        ),
        says="PayloadLost, and its payload is there",
    ),
    Mutation(
        name="tasks are run whose payloads cannot be had",
        seed=35,
        patches=(Patch(AgentCore, "_loaded", "not event.unavailable", "True"),),
        says="KeyError",
    ),
    Mutation(
        name="an agent that was told to stop holds what it was just given",
        seed=90,
        patches=(Patch(AgentCore, "_return", "if self.stopping", "if False"),),
        says="have not ended",
    ),
    Mutation(
        name="agents do not check digests of functions",
        seed=7,
        patches=(
            Patch(
                SharedFiles,
                "_bytes",
                "data is not None and hashlib.sha256(data).hexdigest() == shared.digest",
                "data is not None",
            ),
        ),
        says=r"called altered|ended: AssertionError: |task \d+ of .*: b'",
    ),
)
