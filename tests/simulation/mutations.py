"""Defects that are put into the real code, or into the stores, one at a time; the judge must see each.

Those that the protocol's models name, and who catches each (a class is one of ``tests/testing/defects.py``, which the
conformance kit catches):

| defect | simulator | kit |
|---|---|---|
| blind create | yes | BlindCreate |
| outcome keys without the attempt | yes | it is the agent's |
| reset on state only | yes | LapseByState |
| unconditional fail | yes | StaleCommitWhole |
| no hint for unhinted bundles | yes | NothingHintedLate |
| commit outside the bundle's range | its race is too rare | CommitOutsideTheBundle |
| give-back without the fence | costs time only, unless much else goes wrong | GiveBackWithoutFence |
| child lost between two writes | yes | ParentKeepsItsTasks is its mirror |
| cancel overwriting an outcome | yes | CancelOverOutcomes |
| claim of a cancelled session's bundle | yes | ClaimOfCancelled |
| counter bumped twice | yes | RefusedOutcomesCounted |
| pack collected before its commit | yes | it is the reaper's |

The models themselves explored all twelve.
"""

from htcgrid_agent.shell import stores as agent_stores
from tests.simulation import mutants
from tests.simulation.mutation import Mutation, Patch
from tests.testing import defects

NAMED = (
    Mutation(
        name="a create overwrites what is there",
        seed=54,
        parts={"state": defects.BlindCreate},
        says="other tasks were accepted under",
    ),
    Mutation(
        name="outcome packs are named without the attempt",
        seed=38,
        patches=(Patch(agent_stores, "_pack_key", "-{part.lease.nonce}", ""),),
        says="an altered pack, and nobody has altered one|not those that were written|is gone|not what was written",
    ),
    Mutation(
        name="a lease is reset by its state only",
        seed=24,
        parts={"state": defects.LapseByState},
        says="is well, and has lost its lease",
    ),
    Mutation(
        name="a failure is recorded over an outcome",
        seed=126,
        parts={"state": mutants.UnconditionalFail},
        says="KeyError|tells of|committed twice|sessions have not ended",
    ),
    Mutation(
        name="what nobody was hinted is not hinted again",
        seed=6,
        parts={"state": mutants.NeverHintedAgain},
        says="have not ended",
    ),
    Mutation(
        name="a child is lost between two writes",
        seed=51,
        parts={"state": mutants.ChildLostBetweenTwoWrites},
        says="have not ended",
    ),
    Mutation(
        name="a cancel overwrites outcomes",
        seed=15,
        parts={"state": defects.CancelOverOutcomes},
        says="counts Log",
    ),
    Mutation(
        name="bundles of a cancelled session are claimed",
        parts={"state": defects.ClaimOfCancelled},
        says="was told CANCELLED and is SUCCEEDED|ended as .*CANCELLED.* and as .*SUCCEEDED",
    ),
    Mutation(
        name="a repeated commit counts its tasks again",
        seed=21,
        parts={"state": defects.RefusedOutcomesCounted},
        says="AssertionError|have not ended|counts Log",
    ),
    Mutation(
        name="a pack is collected before its commit",
        seed=16,
        parts={"reaper": mutants.ReaperOfUnreferencedPacks},
        says="is gone|an altered pack, and nobody has altered one|not in the payload store any more",
    ),
)

MUTATIONS = NAMED
from tests.simulation.code_mutations import AGENT_CALLS, AGENT_CORE, CONNECTOR, REAPER

MUTATIONS = (*NAMED, *AGENT_CALLS, *AGENT_CORE, *REAPER, *CONNECTOR)
