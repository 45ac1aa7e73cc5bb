"""The defects that the protocol's models name."""

from htcgrid_agent.shell import stores as agent_stores
from tests.simulation import mutants
from tests.simulation.mutation import Mutation, Patch
from tests.testing import defects

NAMED = (
    Mutation(
        name="a create overwrites what is there",
        seed=17,
        parts={"state": defects.BlindCreate},
        says="other tasks were accepted under",
    ),
    Mutation(
        name="outcome packs are named without the attempt",
        seed=6,
        patches=(Patch(agent_stores, "_pack_key", "-{part.lease.nonce}", ""),),
        says="came altered, and nobody has altered one|not those that were written|is gone|not what was written",
    ),
    Mutation(
        name="a lease is reset by its state only",
        seed=23,
        parts={"state": defects.LapseByState},
        says="was well",
    ),
    Mutation(
        name="a failure is recorded over an outcome",
        seed=104,
        parts={"state": mutants.UnconditionalFail},
        says="KeyError|tells of|told twice|committed twice|sessions have not ended",
    ),
    Mutation(
        name="what nobody was hinted is not hinted again",
        seed=6,
        parts={"state": mutants.NeverHintedAgain},
        says="have not ended",
    ),
    Mutation(
        name="a child is lost between two writes",
        seed=36,
        parts={"state": mutants.ChildLostBetweenTwoWrites},
        says="have not ended",
    ),
    Mutation(
        name="a cancel overwrites outcomes",
        seed=3,
        parts={"state": defects.CancelOverOutcomes},
        says="counts Log",
    ),
    Mutation(
        name="bundles of a cancelled session are claimed",
        seed=10,
        parts={"state": defects.ClaimOfCancelled},
        says="was told CANCELLED and is SUCCEEDED|ended as .*CANCELLED.* and as .*SUCCEEDED",
    ),
    Mutation(
        name="a repeated commit counts its tasks again",
        seed=15,
        parts={"state": defects.RefusedOutcomesCounted},
        says="AssertionError|have not ended|counts Log",
    ),
    Mutation(
        name="a pack is collected before its commit",
        seed=19,
        parts={"reaper": mutants.ReaperOfUnreferencedPacks},
        says="is gone|came altered, and nobody has altered one|not in the payload store any more",
    ),
)
