"""How handlers are called, by what they can take."""

import functools
import operator
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import numpy as np
import pytest

from htcgrid.model.signature import Taken, runs_late, taken

BOTH, EVENT, NAMED = Taken(2), Taken(1), Taken(1, "context")


def one(event): ...  # type: ignore[no-untyped-def]
def two(event, context): ...  # type: ignore[no-untyped-def]
def other_words(trade, where): ...  # type: ignore[no-untyped-def]
def defaulted(event, context=None): ...  # type: ignore[no-untyped-def]
def short(event, ctx=None): ...  # type: ignore[no-untyped-def]
def unused(event, _context=None): ...  # type: ignore[no-untyped-def]
def scaled(event, scale=2): ...  # type: ignore[no-untyped-def]
def scaled_too(event, scale=2, context=None): ...  # type: ignore[no-untyped-def]
def three_with_default(a, b, c=1): ...  # type: ignore[no-untyped-def]
def named(event, *, context): ...  # type: ignore[no-untyped-def]
def named_with_default(event, *, scale=1, context=None): ...  # type: ignore[no-untyped-def]
def by_place(event, context=None, /): ...  # type: ignore[no-untyped-def]
def any_place(*args): ...  # type: ignore[no-untyped-def]
def event_and_any(event, *args): ...  # type: ignore[no-untyped-def]
def any_and_named(*args, context): ...  # type: ignore[no-untyped-def]
def any_name(event, **kwargs): ...  # type: ignore[no-untyped-def]
def all_defaulted(event=1, context=None): ...  # type: ignore[no-untyped-def]
async def awaited(event, context=None): ...  # type: ignore[no-untyped-def]


class Model:
    def __init__(self, event: Any, context: Any = None) -> None: ...
    def __call__(self, event: Any, context: Any = None) -> None: ...
    def method(self, event: Any) -> None: ...
    @classmethod
    def of_class(cls, event: Any, context: Any) -> None: ...
    @staticmethod
    def static(event: Any, context: Any = None) -> None: ...


class HandsOn:
    def __call__(self, *args: Any, **kwargs: Any) -> None: ...


class AnyPlaces:
    def __init__(self, *args: Any) -> None: ...
    def method(self, *args: Any) -> None: ...


class Metaclass(type):
    def __call__(cls, *args: Any) -> None: ...


class OfMetaclass(metaclass=Metaclass): ...


def handing_on(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def of_event_alone(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(event: Any) -> Any:
        return function(event, "made up")

    return wrapper


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (one, EVENT),
        (two, BOTH),
        (other_words, BOTH),
        (defaulted, BOTH),
        (short, BOTH),
        (unused, BOTH),
        (scaled, EVENT),
        (scaled_too, NAMED),
        (three_with_default, BOTH),
        (named, NAMED),
        (named_with_default, NAMED),
        (by_place, BOTH),
        (any_place, BOTH),
        (event_and_any, BOTH),
        (any_and_named, NAMED),
        (any_name, EVENT),
        (all_defaulted, BOTH),
        (awaited, BOTH),
        (Model, BOTH),
        (Model(1), BOTH),
        (Model(1).method, EVENT),
        (Model.of_class, BOTH),
        (Model.static, BOTH),
        (handing_on(one), EVENT),
        (handing_on(handing_on(defaulted)), BOTH),
        (of_event_alone(two), EVENT),
        (functools.lru_cache(defaulted), BOTH),
        (functools.lru_cache(one), EVENT),
        (functools.singledispatch(one), EVENT),
        (functools.partial(scaled_too, scale=3), NAMED),
        (functools.partial(three_with_default, 1), EVENT),
        (functools.partial(two, context=None), NAMED),
        (lambda event: event, EVENT),
        (len, EVENT),
        (int, EVENT),
        (operator.itemgetter(1), EVENT),
        (HandsOn(), EVENT),
        (AnyPlaces, EVENT),
        (AnyPlaces(1).method, BOTH),
        (functools.partial(any_place), BOTH),
        (functools.partial(HandsOn()), EVENT),
        (OfMetaclass, EVENT),
        (np.vectorize(one), EVENT),
    ],
)
def test_a_handler_is_called_with_what_it_can_take(function: Callable[..., Any], expected: Taken) -> None:
    assert taken(function) == expected


@pytest.mark.parametrize(
    ("how", "args", "kwargs"),
    [
        (BOTH, ("event", "context"), {}),
        (EVENT, ("event",), {}),
        (NAMED, ("event",), {"context": "context"}),
        (Taken(1, "ctx"), ("event",), {"ctx": "context"}),
    ],
)
def test_a_handler_gets_its_context_by_place_or_by_name(how: Taken, args: Any, kwargs: Any) -> None:
    assert how.handler(lambda *args, **kwargs: (args, kwargs))("event", "context") == (args, kwargs)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda: 1, "takes no argument"),
        (lambda *, event: event, "needs the argument 'event' by its name"),
        (lambda **kwargs: kwargs, "takes no argument"),
        (lambda event, context, curve: 1, "needs 3 arguments"),
        (lambda event, *, curve: 1, "needs the argument 'curve' by its name"),
        (functools.partial(lambda a, b, c, d: 1, 1), "needs 3 arguments"),
        (handing_on(lambda: 1), "takes no argument"),
    ],
)
def test_what_cannot_take_an_event_is_refused_with_what_it_takes(function: Callable[..., Any], reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        taken(function)


def generates(event: Any) -> Iterator[Any]:
    yield event


async def generates_late(event: Any) -> AsyncIterator[Any]:
    yield event


class Generates:
    def __call__(self, event: Any) -> Iterator[Any]:
        yield event

    def method(self, event: Any) -> Iterator[Any]:
        yield event


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (generates, "a generator"),
        (generates_late, "an async generator"),
        (functools.partial(generates), "a generator"),
        (functools.partial(functools.partial(generates_late)), "an async generator"),
        (Generates(), "a generator"),
        (Generates().method, "a generator"),
        (Generates, None),
        (one, None),
        (awaited, None),
        (len, None),
        (of_event_alone(generates), None),
    ],
)
def test_a_generator_function_is_known_however_it_is_wrapped(function: Any, kind: str | None) -> None:
    assert runs_late(function) == kind
