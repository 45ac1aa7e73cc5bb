"""What a simulated worker calls: pickled functions, had as a real worker has them."""

import os
from pathlib import Path
from typing import Any

from htcgrid.errors import EncodingError
from htcgrid.model import Failure, Session
from htcgrid.model.call import read_call
from htcgrid.model.codec.pickled import pickled
from htcgrid_agent.runtimes.python.calls import Function
from tests.simulation.functions import Boom
from tests.simulation.work import Work, is_pickled

#: How often the agent is asked for a file that it removed between its answer and the look at it.
_LOOKS = 3


class Called:
    """The function that one worker is to call now, and those that it has fetched."""

    def __init__(self) -> None:
        #: By the references of shared inputs.
        self._kept: dict[str, Function] = {}
        self._function: Function | None = None
        #: Whether a function is called, and no handler.
        self._pickled = False
        #: The reference of one that is to be fetched.
        self.missing: str | None = None
        #: How often it may still be asked for.
        self.looks = 0

    def begin(self, payload: bytes, session: Session) -> None:
        """Look what is to be called."""
        self._pickled, self._function, self.missing = is_pickled(session), None, None
        if not self._pickled:
            return
        carried = read_call(payload).function
        if isinstance(carried, bytes):
            self._function = Function(carried)
            return
        ref = str(carried.shared(session.id).ref)
        self._function, self.looks = self._kept.get(ref), _LOOKS
        self.missing = None if self._function else ref

    def took(self, path: bytes) -> bool:
        """Take the function from a file, if one is awaited; return whether it was still there."""
        if self.missing is None:
            return True
        self.looks -= 1
        try:
            self._function = self._kept[self.missing] = Function(Path(os.fsdecode(path)).read_bytes())
        except FileNotFoundError:
            return False
        self.missing = None
        return True

    def result(self, work: Work) -> bytes:
        """Return what comes of a task, encoded: it is the function that says it."""
        if self._function is None:
            return work.result
        return pickled(self._made()(work.event))

    def raised(self, work: Work, failure: Failure) -> bytes | None:
        """Return what a function raised, encoded; None for a handler, and what is not raised by the function."""
        return pickled(Boom(work.number)) if self._pickled and failure.type == Boom.__name__ else None

    def _made(self) -> Any:
        assert self._function is not None
        try:
            return self._function.made()
        except EncodingError as error:
            raise AssertionError("a function was called altered") from error
