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
        #: What seeds are drawn from: to ask the system for each takes twice as long.
        self._seeds = random.Random()
        #: What a module has set.
        self._set: Any = None
        self._numpy = _Numpy()
        self.look()

    def look(self) -> None:
        """Look at the state before a handler is loaded, whose module may set it."""
        self._before = self._look()

    def keep(self) -> None:
        """Take the state for what the module has set, if it has, that was imported since the last look."""
        now = self._look()
        if now != self._before and _is_set(self._before, now):
            self._set = now
        self._numpy.keep()

    def renew(self) -> None:
        """Begin anew for another session."""
        # To ask whether tasks have used it takes as long.
        if self._set is None:
            self._seed(self._seeds.getrandbits(128))
        else:
            self._put(self._set)
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
        if self._now is None:
            # It was imported in between. One that was seeded since has no sequence of seeds any more.
            is_set = getattr(state._bit_generator, "_seed_seq", now) is None  # noqa: SLF001
        else:
            is_set = _is_set_in_numpy(type(state)(), self._now, now)
        self._set = now if is_set else self._set
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


def _is_set_in_numpy(generator: Any, before: Any, after: Any) -> bool:
    generator.set_state(before)
    for _ in range(_BLOCKS):
        state = generator.get_state()
        if state[0] != after[0] or state[1].tobytes() == after[1].tobytes():
            return bool(state[0] != after[0])
        generator.bytes(4 * _BLOCK)
    return True


def _is_set(before: Any, after: Any) -> bool:
    """Return whether a state was set, and not come to by drawing numbers."""
    generator = random.Random()
    generator.setstate(before)
    for _ in range(_BLOCKS):
        if generator.getstate()[1][:_BLOCK] == after[1][:_BLOCK]:
            return False
        generator.getrandbits(32 * _BLOCK)
    return True
