"""Which functions that came pickled are kept between calls."""

import itertools
import math
import operator
import random
from collections import Counter
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest

from htcgrid_agent.runtimes.python.stateless import is_stateless


def holding(value: object) -> Callable[[Any], Any]:
    """Return a function that captures a value, and has no module around it, as one that was unpickled."""

    def call(event: Any) -> Any:
        return value, event

    return FunctionType(call.__code__, {}, "call", None, call.__closure__)


def of(text: str) -> Callable[..., Any]:
    """Return the function ``f`` of a text."""
    variables: dict[str, Any] = {}
    exec(text, variables)
    found = variables.pop("f")
    return FunctionType(found.__code__, {}, "f", found.__defaults__, found.__closure__)


KEPT = {
    "a lambda": of("f = lambda x: x + 1"),
    "one with plain defaults": of("def f(x, y=2, z=(1, 'a')): return x * y"),
    "one that captures a number": holding(3),
    "a text": holding("rate"),
    "a tuple of plain values": holding((1, "a", None, (2.0, b"c"))),
    "a function of Python's own": holding(len),
    "a function of a module in C": holding(math.sin),
    "a class of Python's own": holding(dict),
    "a module": holding(math),
    "another such function": holding(holding(7)),
    "one that makes a list": of("def f(x):\n    found = []\n    found.append(x)\n    return found"),
}
ANEW = {
    "a list": holding([]),
    "a dict": holding({}),
    "a tuple with a list": holding((1, [])),
    "a list's method": holding([].append),
    "a dict's method": holding({}.setdefault),
    "a generator of random numbers' method": holding(random.Random(3).random),
    "a counter": holding(Counter()),
    "an iterator": holding(itertools.count()),
    "an iterator's method": holding(itertools.count().__next__),
    "a getter of attributes": holding(operator.attrgetter("name")),
    "a number with attributes": holding(type("Number", (int,), {})(3)),
    "a class of its own": holding(type("Own", (), {})),
    "a mutable default": of("def f(x, seen=[]): return seen"),
    "a global that it sets": of("def f(x):\n    global last\n    last = x"),
    "an attribute that it sets": of("def f(x):\n    f.last = x"),
    "an attribute that it sets by name": of("def f(x): setattr(f, 'last', x)"),
    "all its globals": of("def f(x): globals()['last'] = x"),
    "a function inside that sets one": of("def f(x):\n    def g():\n        global last\n        last = x\n    g()"),
}


@pytest.mark.parametrize("name", KEPT)
def test_a_function_that_cannot_keep_anything_is_kept_between_calls(name: str) -> None:
    assert is_stateless(KEPT[name])


@pytest.mark.parametrize("name", ANEW)
def test_a_function_that_may_keep_something_is_made_anew_for_each_call(name: str) -> None:
    assert not is_stateless(ANEW[name])
