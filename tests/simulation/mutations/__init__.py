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

The models see all twelve. A defect that only costs time, or repeats work, is none: it is not in these lists.
"""

from tests.simulation.mutations.agent import AGENT_CORE
from tests.simulation.mutations.calls import AGENT_CALLS
from tests.simulation.mutations.connector import CONNECTOR
from tests.simulation.mutations.named import NAMED
from tests.simulation.mutations.reaper import REAPER

MUTATIONS = (*NAMED, *AGENT_CALLS, *AGENT_CORE, *REAPER, *CONNECTOR)

__all__ = ["MUTATIONS", "NAMED"]
