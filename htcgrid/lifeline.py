"""What agents hear by that the process which started them is done with them, or gone."""

import os
import weakref
from contextlib import suppress


class Lifeline:
    """A pipe that nobody writes to until the end, and on Linux the owner's process itself, as a descriptor.

    Agents inherit both. The pipe alone would not do: a process that its owner has forked holds it open, too.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        #: Readable once this process has ended, whoever holds it (pidfd_open(2)).
        self._owner = _own_process()
        self._process = os.getpid()
        if self._owner is None:
            reference = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: _let_go(reference()))
        self._open = (self._write, *self.descriptors)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What an agent inherits."""
        return (self._read,) if self._owner is None else (self._read, self._owner)

    @property
    def arguments(self) -> list[str]:
        """What an agent is told."""
        return [word for descriptor in self.descriptors for word in ("--lifeline", str(descriptor))]

    def cut(self) -> None:
        """Tell the agents that they are to end at once, by a word of their owner and not by its death."""
        if self._process == os.getpid():
            with suppress(OSError):
                os.write(self._write, b"!")
        self.close()

    def close(self) -> None:
        """Free the descriptors. Safe to repeat."""
        descriptors, self._open = self._open, ()
        for descriptor in descriptors:
            os.close(descriptor)


def _own_process() -> int | None:
    try:
        return os.pidfd_open(os.getpid())
    except (AttributeError, OSError):
        # Not Linux, one before 5.3, or one that does not let us.
        return None


def _let_go(lifeline: Lifeline | None) -> None:
    if lifeline is not None:
        lifeline.close()
