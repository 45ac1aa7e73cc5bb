"""What a task left behind when it ended: what its handler printed, and what it failed with."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from htcgrid.connector.collection import batches

if TYPE_CHECKING:
    from htcgrid.connector import Outcome
    from htcgrid.connector.reader import Reader


def known_outcomes(reader: "Reader") -> Iterator["Outcome"]:
    """Yield the outcomes of the tasks that have ended by now, and wait for no other."""
    collection = reader.collection()
    while not collection.finished and (parts := reader.look(collection, 0.0)):
        for batch in batches(parts):
            data = reader.packs(part for _, part in batch)
            for entry, part in batch:
                yield from collection.outcomes(entry, part, data[part.pack.digest])


def printed_facts(outcome: "Outcome") -> dict[str, object]:
    """Return what there is to say, for programs."""
    facts: dict[str, object] = {"index": outcome.index, "state": outcome.state, "tries": outcome.tries}
    facts |= {"stdout": outcome.stdout, "stderr": outcome.stderr}
    if outcome.error is not None:
        error = {"type": outcome.error.type, "message": outcome.error.message, "traceback": outcome.error.traceback}
        facts["error"] = error
    return facts


def printed_lines(outcome: "Outcome") -> Iterator[str]:
    """Yield it line by line, each with the task's index and where it was written to."""
    for name, text in (("stdout", outcome.stdout), ("stderr", outcome.stderr), ("error ", _error(outcome))):
        for line in text.removesuffix("\n").split("\n") if text else ():
            yield f"{outcome.index} {name} | {line}"


def _error(outcome: "Outcome") -> str:
    if outcome.error is None:
        return ""
    # The last line of a traceback says what an error without one does.
    return outcome.error.traceback or f"{outcome.error.type}: {outcome.error.message}"
