"""What handlers print, line by line and bounded, for the agent's log."""

from collections.abc import Iterator

_LINE = 2_000
#: Bytes of the end that are kept for the failure of a task whose worker died.
_TAIL = 8_000


class Output:
    """Cuts one stream of a worker into lines, and drops what comes faster than a log should grow."""

    #: Bytes that pass in each second.
    _RATE = 64 << 10

    def __init__(self) -> None:
        self._rest = b""
        self._tail = bytearray()
        self._second = 0
        self._passed = 0
        self._dropped = 0
        #: The second in which it was last said how much was dropped.
        self._said = -1

    def feed(self, data: bytes, now: float) -> Iterator[str]:
        """Take in bytes; yield the lines that are whole and pass."""
        self._tail += data
        if len(self._tail) > 2 * _TAIL:
            del self._tail[:-_TAIL]
        if int(now) != self._second:
            self._second, self._passed = int(now), 0
            yield from self._told_dropped(now)
        if self._passed + len(data) > self._RATE:
            self._dropped += len(data)
            return
        self._passed += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            if line:
                yield line[:_LINE].decode("utf-8", "replace")

    @property
    def unsettled(self) -> bool:
        """Whether :meth:`settle` may have something to yield."""
        return bool(self._rest or self._dropped)

    def settle(self, now: float) -> Iterator[str]:
        """Yield what has no end of a line yet, and, at most once in a second, how much was dropped."""
        if self._rest:
            yield self._rest.decode("utf-8", "replace")
            self._rest = b""
        if int(now) != self._said:
            yield from self._told_dropped(now)

    def _told_dropped(self, now: float) -> Iterator[str]:
        if self._dropped:
            yield f"({self._dropped} bytes of output were dropped: more than {self._RATE} bytes in a second)"
            self._dropped, self._said = 0, int(now)

    def mark(self) -> None:
        """Note that the worker is handed other tasks: what it printed before is not theirs."""
        self._tail.clear()

    @property
    def tail(self) -> str:
        """The end of what was printed since the last mark."""
        return self._tail[-_TAIL:].decode("utf-8", "replace")

    def close(self) -> Iterator[str]:
        """Yield the last line, if it has no end, and what was dropped."""
        if self._rest:
            yield self._rest[:_LINE].decode("utf-8", "replace")
        if self._dropped:
            yield f"({self._dropped} bytes of output were dropped)"
