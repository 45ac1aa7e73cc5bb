"""A user's program, which type checkers read: each line says what they are to find."""

import math
from collections.abc import Generator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_type

from htcgrid import Grid, Outcome, RetryPolicy
from htcgrid.errors import EncodingError, TaskError


@dataclass
class Trade:
    strike: float


@dataclass
class Price:
    value: float


def price(trade: Trade) -> Price:
    return Price(trade.strike)


def spread(left: Price, right: Price) -> float:
    return left.value - right.value


def three(first: int, second: str, third: float = 0.0) -> tuple[int, str]:
    return first, second


def four(first: int, second: str, third: float, fourth: bytes) -> bytes:
    return fourth


class Desk(Exception):  # noqa: N818 - a user's
    pass


def maps(grid: Grid, trades: list[Trade], prices: list[Price]) -> None:
    assert_type(grid.map(price, trades), Generator[Price, None, None])
    results: Iterator[Price] = grid.map(price, iter(trades))
    assert_type(list(results), list[Price])
    for found in grid.map(price, (Trade(1.0),), ordered=False, ahead=10, retry=RetryPolicy(tries=1), labels={"a": "b"}):
        assert_type(found, Price)
    assert_type(list(grid.map(spread, prices, prices)), list[float])
    assert_type(list(grid.map(three, [1], ["a"])), list[tuple[int, str]])
    assert_type(list(grid.map(three, [1], ["a"], [0.5])), list[tuple[int, str]])
    assert_type(list(grid.map(four, [1], ["a"], [0.5], [b""])), list[bytes])
    assert_type(list(grid.map(math.sqrt, range(3))), list[float])
    assert_type(list(grid.map(len, ["a", "b"])), list[int])
    assert_type(list(grid.map(lambda number: f"{number}", [1, 2], codec="pickle")), list[str])
    assert_type(list(grid.map(price, trades, return_exceptions=True)), list[Price | Exception])
    assert_type(list(grid.map(spread, prices, prices, return_exceptions=bool(trades))), list[float | Exception])
    assert_type(list(grid.map(four, [1], ["a"], [0.5], [b""], return_exceptions=True)), list[bytes | Exception])
    assert_type(list(grid.map("pricing:price", trades)), list[Any])
    shared = grid.put(Trade(2.0))
    assert_type(list(grid.map(price, [shared] * 3)), list[Price])
    columns: list[list[Price]] = [prices, prices]
    assert_type(list(grid.map(spread, *columns)), list[float])
    grid.map(price, trades).close()


def calls(grid: Grid, trades: list[Trade]) -> None:
    with grid.executor(max_workers=3) as executor:
        assert_type(executor.submit(price, trades[0]), Future[Price])
        assert_type(executor.submit(three, 1, "a", third=0.5).result(), tuple[int, str])
        assert_type(executor.map(price, trades), Iterator[Price])
        assert_type(list(executor.map(price, trades, timeout=3)), list[Price])


async def awaits(grid: Grid, trades: list[Trade]) -> None:
    session = grid.submit(
        "pricing:price", trades, timeout=3, retry=RetryPolicy(backoff=0.5, limit=timedelta(seconds=3))
    )
    assert_type(await session, list[Any])
    async for outcome in session:
        assert_type(outcome, Outcome)
    assert_type(len(session), int)
    assert_type(next(session.outcomes()).exception(), TaskError | EncodingError | None)
    session.to_pandas(timeout=3)


def policies() -> None:
    policy = RetryPolicy(tries=2, only=[ValueError, Desk, "desk.Busy"], never=(KeyError,), backoff=1)
    assert_type(policy.backoff, timedelta)
    assert_type(policy.only, tuple[str, ...])
