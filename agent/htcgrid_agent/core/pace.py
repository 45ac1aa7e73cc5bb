"""How long tasks take, learnt from those that ended."""


class Pace:
    """A moving average of the seconds that one task of a handler takes.

    It is kept by handler and not by session, so that a new session of a known handler is packed well from its first
    bundle on.
    """

    #: The weight of a new report of many tasks; few tasks weigh less.
    _WEIGHT = 0.5
    #: Handlers kept; the oldest goes first. A grid has few, but a client may make them up.
    _KEPT = 1000

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def learn(self, handler: str, tasks: int, seconds: float) -> None:
        """Take in that ``tasks`` tasks took ``seconds`` in all."""
        if not tasks:
            return
        mean = max(seconds / tasks, 1e-6)
        known = self._seconds.pop(handler, None)
        if known is None:
            self._seconds[handler] = mean
        else:
            weight = self._WEIGHT * min(1.0, (tasks + 3) / 16)
            self._seconds[handler] = known + weight * (mean - known)
        if len(self._seconds) > self._KEPT:
            del self._seconds[next(iter(self._seconds))]

    def seconds(self, handler: str) -> float | None:
        """Return the seconds that a task of this handler takes, or None when none has ended yet."""
        return self._seconds.get(handler)
