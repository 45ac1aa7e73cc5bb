"""Defects of the reaper."""

from htcgrid.reaper import Reaper
from htcgrid.reaper.core import ReaperCore
from tests.simulation.mutation import Mutation, Patch

REAPER = (
    Mutation(
        name="the reaper does not send the hints that are due",
        seed=1,
        patches=(Patch(ReaperCore, "handle", "[SendHints(hints)] if hints else []", "[]"),),
        says="have not ended",
    ),
    Mutation(
        name="the reaper never looks at the backlog",
        seed=0,
        patience=450.0,
        patches=(Patch(Reaper, "_call", "dry=None if self._queue.depth(pool) else pool", "dry=None"),),
        says="have not ended",
    ),
    Mutation(
        name="the reaper does nothing after a call that failed",
        seed=6,
        patches=(Patch(ReaperCore, "handle", "isinstance(event, Time)", "isinstance(event, Time | CallFailed)"),),
        says="have not ended",
    ),
    Mutation(
        name="the reaper collects sessions that have not expired",
        seed=0,
        patches=(
            Patch(
                Reaper,
                "_call",
                "self._state.expired(limit)",
                "[status.session.id for status in self._state.sessions().sessions][:5]",
            ),
            Patch(
                Reaper, "_call", "self._state.collect(session, limit)", "self._state.collect(session, limit) or True"
            ),
        ),
        says="was not collected|are left|is gone",
    ),
    Mutation(
        name="the reaper deletes records, and payloads no more",
        seed=1,
        patches=(Patch(Reaper, "_call", "self._payloads.delete(prefix=session)", "pass"),),
        says="payloads are left",
    ),
    Mutation(
        name="the reaper deletes inputs only",
        seed=1,
        patches=(Patch(Reaper, "_call", "prefix=session", 'prefix=f"{session}/in"'),),
        says="payloads are left",
    ),
)
