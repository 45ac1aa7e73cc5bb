"""The generators of random numbers that a process has for all: Python's and numpy's.

A session whose tasks seed them would otherwise leave the same seed in many workers, and the next one, which does not,
would get the same numbers in all of them.
"""

import random
import sys
from typing import Any

#: How many numbers Python's generator makes at once, and how often it may have done so while a module was imported.
_BLOCK, _BLOCKS = 624, 16


class Randomness:
    """Lets each session begin with the state that a module has set at its import, or else with a new one."""

    def __init__(self) -> None:
        # Looked up once: handlers may leave these patched.
        self._look, self._put, self._seed = random.getstate, random.setstate, random.seed
        self._now = self._look()
        #: What a module has set.
        self._set: Any = None
        self._numpy = _Numpy()

    def keep(self) -> None:
        """Take the state for what the module has set, if it has, that was imported since the last call."""
        now = self._look()
        if now != self._now:
            if _is_set(self._now, now):
                self._set = now
            self._now = now
        self._numpy.keep()

    def renew(self) -> None:
        """Begin anew for another session."""
        if self._look() != self._now:
            if self._set is None:
                self._seed()
            else:
                self._put(self._set)
            self._now = self._look()
        self._numpy.renew()


class _Numpy:
    """The same for numpy, which is not loaded for this."""

    def __init__(self) -> None:
        self._now: Any = None
        self._set: Any = None

    def keep(self) -> None:
        if (state := _numpy_state()) is None:
            return
        now = state.get_state()
        if not _is_like(now, self._now):
            # One that was seeded has no sequence of seeds any more.
            self._set = now if getattr(state._bit_generator, "_seed_seq", now) is None else self._set  # noqa: SLF001
            self._now = now

    def renew(self) -> None:
        if (state := _numpy_state()) is None or _is_like(state.get_state(), self._now):
            return
        if self._set is None:
            state.seed()
        else:
            state.set_state(self._set)
        self._now = state.get_state()


def _numpy_state() -> Any:
    """Return the generator behind the functions of :mod:`numpy.random`; None while it is not loaded."""
    return getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None)


def _is_like(one: Any, other: Any) -> bool:
    return other is not None and one[2:] == other[2:] and one[1].tobytes() == other[1].tobytes()


def _is_set(before: Any, after: Any) -> bool:
    """Return whether a state was set, and not come to by drawing numbers."""
    generator = random.Random()
    generator.setstate(before)
    for _ in range(_BLOCKS):
        if generator.getstate()[1][:_BLOCK] == after[1][:_BLOCK]:
            return False
        generator.getrandbits(32 * _BLOCK)
    return True
