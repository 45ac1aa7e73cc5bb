"""What the stores, the client and the workers say about a drill's session when it is over."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from htcgrid.connector import Outcome
from htcgrid.drill.notes import Run, read_notes
from htcgrid.drill.striker import Struck
from htcgrid.interfaces import BEGINNING, StateStore
from htcgrid.model import SessionId, SessionStatus


class Reading(msgspec.Struct, kw_only=True):
    """What one life of the client wrote down."""

    #: The most tasks that it was told are accepted.
    accepted: int = 0
    #: How often it was told of each task.
    told: Counter[int] = msgspec.field(default_factory=Counter)
    #: What it was told of tasks of which it was not told right.
    wrong: dict[int, str] = msgspec.field(default_factory=dict)

    @classmethod
    def of(cls, file: Path) -> "Reading":
        """Read what was written; the last line may be cut off, as the client was, and all of it missing."""
        reading = cls()
        if not file.exists():
            return reading
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
            match line.rstrip("\n").split(" ", 2):
                case ["accepted", count] if line.endswith("\n"):
                    reading.accepted = max(reading.accepted, int(count))
                case ["outcome", index, word] if line.endswith("\n"):
                    reading.told[int(index)] += 1
                    if word != "right":
                        reading.wrong[int(index)] = word
                case _:
                    pass
        return reading


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    status: SessionStatus
    #: How often each task stands in the session's log.
    recorded: Counter[int]
    #: Outcomes as a new client reads them, without their values.
    outcomes: dict[int, Outcome]
    #: What the lives of the client were told, the one that came to its end last.
    readings: list[Reading]
    runs: list[Run]
    struck: list[Struck]
    #: Agents and clients that ended although nobody had struck them so, with the ends of what they said.
    fallen: dict[str, str]


def recorded(state: StateStore, session: SessionId) -> Counter[int]:
    """Return how often each task stands in a session's log; costs 1 request per 100 entries and log."""
    counts = Counter[int]()
    cursor = BEGINNING
    while (page := state.outcomes(session, cursor)).entries:
        cursor = page.cursor
        for entry in page.entries:
            for part in entry.parts:
                counts.update(part.succeeded)
                counts.update(part.failed)
    return counts


def runs_in(folder: Path) -> list[Run]:
    """Return all runs that were noted, the first begun first."""
    return sorted(read_notes(folder), key=lambda run: run.at)


def by_index(outcomes: Iterable[Outcome]) -> dict[int, Outcome]:
    """Return outcomes by task, without their values, of which the client has looked at each."""
    return {outcome.index: msgspec.structs.replace(outcome, value=None) for outcome in outcomes}
