"""What a task left behind when it ended: what its handler printed, and what it failed with."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from htcgrid.connector import Outcome


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
