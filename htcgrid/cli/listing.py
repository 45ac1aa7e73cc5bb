"""Sessions as a table for people, or as JSON for programs."""

from collections.abc import Iterable
from datetime import timedelta

from htcgrid.cli.facts import print_facts
from htcgrid.cli.table import Column, show_table
from htcgrid.findings.phrasing import span
from htcgrid.model import SessionState, SessionStatus, utcnow

_COUNTS = ("total", "pending", "running", "succeeded", "failed", "cancelled")


def show(found: Iterable[SessionStatus], *, as_json: bool) -> None:
    """Print sessions: a table, or one JSON object a line."""
    if as_json:
        for status in found:
            print_facts(facts_of(status))
    else:
        _table(found)


def state_of(status: SessionStatus) -> str:
    """Return the state in a word: OPEN, SEALED, FINISHED, which is sealed with no task left to end, or CANCELLED."""
    return "FINISHED" if status.finished and status.state is SessionState.SEALED else str(status.state)


def facts_of(status: SessionStatus) -> dict[str, object]:
    """Return what there is to say about a session."""
    session = status.session
    facts: dict[str, object] = {"session": session.id, "handler": session.handler}
    facts |= {"labels": session.labels, "created": session.created}
    counts = {name: getattr(status, name) for name in _COUNTS}
    if session.origin is not None:
        facts["origin"] = session.origin
    return facts | {"state": state_of(status), "finished": status.finished} | counts


def _handler(status: SessionStatus) -> str:
    return status.session.handler.rpartition("/")[2]


def _table(found: Iterable[SessionStatus]) -> None:
    listed = list(found)
    columns = [Column("session"), Column("handler", folds=True), Column("state")]
    columns += [Column(name, right=True) for name in (*_COUNTS, "made")]
    show_table(columns, [_row(status) for status in listed], map(_lines, listed))


def _row(status: SessionStatus) -> list[str]:
    counts = [f"{getattr(status, name):,}" for name in _COUNTS]
    return [status.session.id, _handler(status), state_of(status), *counts, _age(status)]


def _lines(status: SessionStatus) -> list[str]:
    counts = ", ".join(f"{getattr(status, name):,} {name}" for name in _COUNTS)
    return [f"{status.session.id}  {state_of(status)}, made {_age(status)}", f"  {_handler(status)}", f"  {counts}"]


def _age(status: SessionStatus) -> str:
    """Return how long ago its client made it; that client's clock may be another."""
    return f"{span(max(timedelta(0), utcnow() - status.session.created))} ago"
