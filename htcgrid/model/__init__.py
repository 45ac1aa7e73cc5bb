"""The records that connector, agent, reaper and providers exchange; docs/glossary.md has the words."""

from htcgrid.model import defaults
from htcgrid.model.agent import AgentInfo, Pool
from htcgrid.model.bundle import (
    ROOT,
    AgentId,
    Bundle,
    BundleKey,
    Claim,
    Delivery,
    GivenBack,
    Hint,
    Lease,
    Remainder,
    child_birth,
)
from htcgrid.model.limits import PayloadLimits, QueueLimits, StateLimits
from htcgrid.model.name import check_name
from htcgrid.model.outcome import (
    Block,
    Commit,
    Committed,
    Entry,
    Failure,
    LossCause,
    Lost,
    Part,
    TaskState,
    pack_blocks,
    unpack_blocks,
)
from htcgrid.model.pack import Pack, pack_payloads, unpack_payloads
from htcgrid.model.ranges import Ranges, Span
from htcgrid.model.session import CancelCounts, RetryPolicy, Session, SessionId, SessionState, SessionStatus, utcnow

__all__ = [
    "ROOT",
    "AgentId",
    "AgentInfo",
    "Block",
    "Bundle",
    "BundleKey",
    "CancelCounts",
    "Claim",
    "Commit",
    "Committed",
    "Delivery",
    "Entry",
    "Failure",
    "GivenBack",
    "Hint",
    "Lease",
    "LossCause",
    "Lost",
    "Pack",
    "Part",
    "PayloadLimits",
    "Pool",
    "QueueLimits",
    "Ranges",
    "Remainder",
    "RetryPolicy",
    "Session",
    "SessionId",
    "SessionState",
    "SessionStatus",
    "Span",
    "StateLimits",
    "TaskState",
    "check_name",
    "child_birth",
    "defaults",
    "pack_blocks",
    "pack_payloads",
    "unpack_blocks",
    "unpack_payloads",
    "utcnow",
]
