"""A finding: one thing that was found out about a session, a task or a grid, as a sentence for people."""

from enum import StrEnum

import msgspec


class FindingKind(StrEnum):
    """What was found; for programs, since sentences change."""

    FINISHED = "FINISHED", "Every task has ended, and no more will come."
    CANCELLED = "CANCELLED", "The session was cancelled."
    UNFINISHED = "UNFINISHED", "Tasks have not ended."
    OPEN = "OPEN", "The session waits for its client to say that no more tasks will come."
    SUCCEEDED = "SUCCEEDED", "The task succeeded."
    FAILED = "FAILED", "A task failed."
    WENT_WRONG = "WENT_WRONG", "The last try of a task went wrong."
    UNREADABLE = "UNREADABLE", "A record of tasks is damaged in the store, so that they do not run."
    RUNNING = "RUNNING", "An agent holds tasks."
    LOST = "LOST", "The agent that holds tasks is not heard of."
    PENDING = "PENDING", "Tasks wait for an agent."
    DELAYED = "DELAYED", "Tasks wait until they are tried again."
    NO_AGENT = "NO_AGENT", "No agent of the pool is there."
    DRAINING = "DRAINING", "The agents of the pool were told to stop."
    BUSY = "BUSY", "The agents of the pool are at work for others."
    IDLE = "IDLE", "Agents of the pool have workers to spare."
    NOT_ALLOWED = "NOT_ALLOWED", "Agents of the pool do not allow the handler."
    LAPSED = "LAPSED", "Agents were lost while they held tasks."
    VERSION = "VERSION", "Agents run another htcgrid or Python than this client."
    CODE = "CODE", "Agents run different code under one handler's name, or code that was edited since."
    PARTIAL = "PARTIAL", "There is more than was looked at."

    meaning: str

    def __new__(cls, value: str, meaning: str) -> "FindingKind":
        """Return the kind of this name."""
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.meaning = meaning
        return kind


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was found out."""

    kind: FindingKind
    #: A sentence without its capital and its full stop.
    message: str
    #: What to do; empty when there is nothing.
    advice: str = ""
