"""What the exit status of a command says; scripts rely on it."""

from enum import IntEnum

from htcgrid.errors import HtcGridError, ResultTimeoutError, TaskError, UnreadableError


class Exit(IntEnum):
    """The exit statuses that there are, and what each means."""

    DONE = 0, "All is well: what was asked for is done, and every task that was waited for succeeded."
    TASKS_FAILED = 1, "A task that was waited for failed or was cancelled."
    WRONG = (
        2,
        "The command's words, grid.toml, a session's id, a provider or its service cannot be used.",
    )
    UNREADABLE = 3, "Something that was asked for is damaged in its store, and is left out; all else is shown."
    TIME_OUT = 124, "The time that --timeout gives was over; the tasks go on. timeout(1) exits with the same."
    INTERRUPTED = 130, "Ctrl-C (128 + SIGINT)."
    UNREAD = 141, "Whoever read the output had enough, as head does (128 + SIGPIPE)."

    meaning: str

    def __new__(cls, value: int, meaning: str) -> "Exit":
        """Return the status of this number."""
        status = int.__new__(cls, value)
        status._value_ = value
        status.meaning = meaning
        return status


def exit_of(error: HtcGridError) -> Exit:
    """Return the exit status of a command that this error ends."""
    if isinstance(error, ResultTimeoutError):
        return Exit.TIME_OUT
    if isinstance(error, UnreadableError):
        return Exit.UNREADABLE
    return Exit.TASKS_FAILED if isinstance(error, TaskError) else Exit.WRONG
