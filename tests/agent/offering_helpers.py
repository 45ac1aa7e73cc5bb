"""What others define."""

import functools
from collections.abc import Callable
from typing import Any


def helper(event: Any) -> Any:
    return event


class Helper:
    def __call__(self, event: Any) -> Any:
        return event

    def method(self, event: Any = None) -> Any:
        return event


class Base:
    def inherited(self, event: Any) -> Any:
        return event


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


def silent(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda event: [function(event)]
