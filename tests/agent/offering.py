"""A module that defines, makes and imports what can be called, as those that handlers are in do."""

import abc
import contextlib
import dataclasses
import enum
import functools
import json
import logging
import operator
import os
import re
import subprocess
import threading
import typing
from functools import lru_cache, partial, reduce
from math import sqrt
from operator import attrgetter, itemgetter, methodcaller
from os import environ, getenv, listdir, path, remove, system
from pathlib import Path
from subprocess import Popen, check_output, getoutput
from typing import Any, NamedTuple
from unittest.mock import MagicMock, Mock

import numpy as np
import numpy.random as random_of_numpy

from htcgrid import handler
from tests.agent import offering_helpers
from tests.agent.offering_helpers import Base, Helper, decorated, helper, silent
from tests.agent.offering_helpers import helper as renamed

__all__ = ["ListedHelper", "Path_of_ours", "listed_import", "listed_number", "listed_object", "no_such"]  # noqa: F822 - as it may be

Path_of_ours = Path
listed_import = getenv
listed_object = itemgetter(0)
listed_number = 5
ListedHelper = Helper


def price(event: Any) -> Any:
    return event


async def awaited(event: Any) -> Any:
    return event


def _private(event: Any) -> Any:
    return event


def own_decorator(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


@lru_cache
def cached(event: Any) -> Any:
    return event


@functools.singledispatch
def dispatched(event: Any) -> Any:
    return event


@decorated
def by_another_s_decorator(event: Any) -> Any:
    return event


@decorated
@own_decorator
@lru_cache
def decorated_often(event: Any) -> Any:
    return event


@contextlib.contextmanager
def managed(event: Any) -> Any:
    yield event


@silent
def by_a_decorator_that_says_nothing(event: Any) -> Any:
    return event


@handler
@silent
def marked_behind_a_decorator(event: Any) -> Any:
    return event


class Model:
    scale = 2
    stolen = getenv
    stolen_static = staticmethod(system)
    stolen_path = Path
    stolen_partial = partial(system)
    helper = helper
    cached_stolen = lru_cache(getenv)
    marked = handler(partial(int, base=16))

    def __init__(self, event: Any = None) -> None:
        self.event = event

    def __call__(self, event: Any) -> Any:
        return event

    def method(self, event: Any = None) -> Any:
        return event

    @staticmethod
    def static(event: Any) -> Any:
        return event

    @classmethod
    def of_class(cls, event: Any) -> Any:
        return event

    @staticmethod
    @lru_cache
    def cached(event: Any) -> Any:
        return event

    @property
    def valued(self) -> Any:
        return system

    @property
    def called(self) -> Any:
        return self.method

    class Inner:
        @staticmethod
        def static(event: Any) -> Any:
            return event

        stolen = staticmethod(getenv)


class Derived(Base):
    def own(self, event: Any) -> Any:
        return event


class Opened(Popen):  # type: ignore[type-arg]
    """Ours, and a Popen."""


@dataclasses.dataclass
class Trade:
    notional: float = 1.0

    def value(self) -> float:
        return self.notional


class Side(enum.Enum):
    BUY = 1

    def flipped(self) -> Any:
        return self


class Point(NamedTuple):
    x: int


class Abstract(abc.ABC):
    @abc.abstractmethod
    def value(self) -> None: ...


model = Model()
bound = model.method
bound_of_class = Model.of_class
bound_elsewhere = environ.get
helped = Helper()
own_partial = partial(price)
partial_of_another = partial(system)
cached_import = lru_cache(getenv)
cached_helper = lru_cache(helper)
wrapped_import = own_decorator(getenv)
wrapped_twice = decorated(own_decorator(helper))
claimed = functools.update_wrapper(lambda *args: [system(*args)], helper)
logger = logging.getLogger("offering")
lock = threading.Lock()
event_object = threading.Event()
HERE = Path("/srv")
PATTERN = re.compile("a")
ARRAY = np.zeros(3)
generator = np.random.default_rng(1)
ufunc = np.sin
mock = Mock()
magic = MagicMock()
methods = methodcaller("unlink")
getter = attrgetter("system")
names = {"system": system}
functions = [system]
number = 5
text = "text"
nothing = None
listing = list[int]
anything = Any
appended = [5].append
marked_object = handler(Model(2))
marked_partial = handler(partial(price))
marked_import = handler(lru_cache(getenv))
marked_method = handler(helped.method)
lambda_of_ours = lambda event: event  # noqa: E731
star = operator.mul
chosen = typing.cast
dumped = json.dumps
whole = reduce
root = sqrt
module_alias = os
seeded = random_of_numpy
output = subprocess.run
others = (check_output, getoutput, listdir, remove, path, helper, renamed, offering_helpers)
