"""What an operator wants to see in the log; each line about a bundle names session, bundle and attempt."""

from collections.abc import Callable
from typing import Any

from htcgrid.model import Lease
from htcgrid_agent.core import AgentCore, commands, events
from htcgrid_agent.shell.logs import Log


def about(lease: Lease) -> dict[str, Any]:
    """Return what a line says of the bundle that it is about."""
    key = lease.key
    return {"session": key.session, "bundle": f"{key.start}/{key.birth}", "attempt": lease.attempt}


class Notes:
    """Logs events before the decisions take them in."""

    def __init__(self, log: Log, core: AgentCore) -> None:
        self._log = log
        self._core = core
        #: By worker: the edited file that was told of.
        self._edited: dict[int, str] = {}
        self._notes: dict[type, Callable[[Any], None]] = {
            events.Acquired: self._acquired,
            events.CommitAnswered: self._commit_answered,
            events.Renewed: self._renewed,
            events.CallFailed: self._call_failed,
            events.Stop: self._stop,
            events.WorkerReported: self._worker_reported,
        }

    def take(self, event: events.Event) -> None:
        """Log an event, if it is one to be logged."""
        if note := self._notes.get(type(event)):
            note(event)

    def _acquired(self, event: events.Acquired) -> None:
        for claim in event.claims:
            self._log.debug("claimed", **about(claim.lease), tasks=claim.open.count)

    def _commit_answered(self, event: events.CommitAnswered) -> None:
        for part, answer in zip(event.parts, event.answers, strict=True):
            if answer.refused:
                self._log.info("outcomes came too late", **about(part.lease), tasks=answer.refused.count)

    def _renewed(self, event: events.Renewed) -> None:
        if not event.renewal.lost:
            return
        leases = {bundle.lease.nonce: bundle.lease for bundle in self._core.held}
        for lost in event.renewal.lost:
            if lease := leases.get(lost.nonce):
                self._log.warning("lease lost", **about(lease), cause=str(lost.cause))

    def _call_failed(self, event: events.CallFailed) -> None:
        facts = {"call": type(event.command).__name__, "error": event.error}
        match event.command:
            case commands.Commit(parts=parts):
                for part in parts:
                    self._log.warning("call failed", **about(part.lease), **facts)
            case commands.GiveBack(lease=lease):
                self._log.warning("call failed", **about(lease), **facts)
            case _:
                self._log.warning("call failed", **facts)

    def _worker_reported(self, event: events.WorkerReported) -> None:
        if not event.edited:
            if event.done and self._edited:
                self._edited.pop(event.worker, None)
            return
        if event.edited not in self._edited.values():
            advice = "start the agent again, or set 'reload = true' in [agent]"
            self._log.warning("code was edited, and runs as it was imported", file=event.edited, advice=advice)
        self._edited[event.worker] = event.edited

    def _stop(self, _event: events.Stop) -> None:
        self._log.info("stopping", held=len(self._core.held))
