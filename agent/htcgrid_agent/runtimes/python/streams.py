"""The text streams of a worker, which know when a handler changes them, and the bytes below, whose end is kept."""

import io
from typing import Any, BinaryIO

from htcgrid_agent.runtimes.python.strangers import Strangers

#: How :class:`io.TextIOWrapper` is made.
_SETTINGS = {"encoding": "utf-8", "errors": "backslashreplace", "line_buffering": True, "write_through": True}


class Marks:
    """What streams note for whoever looks after each task."""

    def __init__(self) -> None:
        #: Whether anything was printed since it was last asked.
        self.used = False
        #: Whether a stream was changed: detached, configured, or given attributes.
        self.changed = False
        #: Threads whose output is none of the running task's.
        self.strangers = Strangers()


class Tee(io.BufferedIOBase):
    """Bytes that are handed on, and whose end is kept.

    Closing it only flushes it: whoever wraps it into another text stream, and forgets that, closes it at any time.
    """

    def __init__(self, descriptor: int, file: BinaryIO, marks: Marks, limit: int) -> None:
        #: The descriptor that it stands for.
        self.descriptor = descriptor
        #: Where the bytes go.
        self.file = file
        self._marks = marks
        #: How much is kept at least.
        self._limit = limit
        self._kept = bytearray()
        self._dropped = 0

    @property
    def name(self) -> str:
        """What the stream is called."""
        return "<stdout>" if self.descriptor == 1 else "<stderr>"

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor that it stands for."""
        return self.descriptor

    def flush(self) -> None:
        """Hand on what is held back."""
        self.file.flush()

    def close(self) -> None:
        """Flush it."""
        self.flush()

    def write(self, data: "bytes | bytearray | memoryview", /) -> int:  # type: ignore[override]
        """Hand on what is written, and keep the end of it."""
        data = bytes(data)
        strangers = self._marks.strangers
        if not strangers.found or not strangers.is_here():
            self._marks.used = True
            self._kept += data
            if len(self._kept) > 2 * self._limit:
                self._cut(self._limit)
        count = self.file.write(data)
        if b"\n" in data:
            # What a process printed before it crashed is told, too.
            self.file.flush()
        return count

    def take(self, limit: int) -> str:
        """Return the end of what was written since the last call."""
        self._cut(limit)
        text = self._kept.decode("utf-8", "replace")
        if self._dropped:
            text = f"({self._dropped} bytes before this were dropped)\n{text}"
        self._kept.clear()
        self._dropped = 0
        return text

    def _cut(self, limit: int) -> None:
        if (more := len(self._kept) - limit) > 0:
            del self._kept[:more]
            self._dropped += more


class Stream(io.TextIOWrapper):
    """A text stream that notes when it is changed, and can be made what it was, as the same object.

    Handlers of :mod:`logging` that were made at a module's import hold it.
    """

    __slots__ = ("_changed", "_kept", "_marks", "_now", "_tee")
    _tee: Tee
    _marks: Marks
    #: How it was made, or configured since.
    _now: dict[str, Any]
    #: The same as it is to be again, and its attributes.
    _kept: tuple[dict[str, Any], dict[str, Any]]
    _changed: bool

    def __init__(self, tee: Tee, marks: Marks) -> None:
        put = super().__setattr__
        put("_tee", tee)
        put("_marks", marks)
        put("_now", dict[str, Any](_SETTINGS))
        put("_kept", (dict[str, Any](_SETTINGS), dict[str, Any]()))
        put("_changed", False)
        super().__init__(tee, **self._now)

    def detach(self) -> Any:
        """Note that, and detach it."""
        self._note()
        return super().detach()

    def reconfigure(self, **settings: Any) -> None:
        """Note how it is configured, and configure it."""
        super().reconfigure(**settings)
        given = {name: value for name, value in settings.items() if value is not None}
        if "encoding" in given:
            # As its documentation says.
            given.setdefault("errors", "strict")
        self._now.update(given)
        self._note()

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        self._note()

    def keep(self) -> None:
        """Take what it is now for what it is to be again."""
        io.TextIOWrapper.__setattr__(self, "_kept", (dict(self._now), dict(vars(self))))
        if self._changed:
            self.restore()

    def restore(self) -> None:
        """Make it what it was, if it was changed."""
        if not self._changed:
            return
        settings, attributes = self._kept
        vars(self).clear()
        vars(self).update(attributes)
        put = super().__setattr__
        put("_now", dict(settings))
        # That attaches it again, too.
        super().__init__(self._tee, **settings)
        put("_changed", False)

    def _note(self) -> None:
        super().__setattr__("_changed", True)
        self._marks.changed = True
