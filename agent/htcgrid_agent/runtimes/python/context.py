"""What a handler can ask about the task that it runs."""

import time
from collections.abc import Mapping


class Context:
    """The second argument of a handler; valid during the call only, for one object serves all tasks of a worker."""

    def __init__(self) -> None:
        self.session_id: str = ""
        #: The task's index in its session.
        self.index: int = 0
        #: 1 for the first try.
        self.try_number: int = 1
        #: The session's labels.
        self.labels: Mapping[str, str] = {}
        #: When the grid will end this try: seconds of :func:`time.monotonic`; None for no limit.
        self.deadline: float | None = None

    def remaining(self) -> float | None:
        """Return the seconds until the grid ends this try; None for no limit."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
