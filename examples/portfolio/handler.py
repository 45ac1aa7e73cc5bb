"""Prices the trades of one task, each with the QuantLib engine that it names.

QuantLib is imported with the module: a machine that lacks it says so once, before it runs a task.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Self

import QuantLib as ql

#: A trade's value, or ``{"error": …}``.
Entry = float | dict[str, str]

#: QuantLib has no types: its objects are of any.
Quant = Any

#: Above these a trade would take a whole machine, or end its process; they are far above what anyone prices with.
MOST_STEPS = 100_000
MOST_SAMPLES = 10_000_000
#: Steps times samples: about a minute of one core.
MOST_DRAWS = 1_000_000_000

TREES = ("JR", "CRR", "EQP", "Trigeorgis", "Tian", "LR", "Joshi4")


def handler(event: object, context: object) -> dict[str, list[Entry]]:  # noqa: ARG001 - every handler is given both
    """Return ``{"results": […]}``, one entry per trade of ``{"portfolio": […]}``, in order.

    An entry is the trade's value or, if it cannot be priced, ``{"error": "trade 3 (…): …"}``, where 3 is the trade's
    position in this task, counted from 0. A bad trade never keeps the others from being priced.
    """
    trades = event.get("portfolio") if isinstance(event, Mapping) else None
    if isinstance(trades, list):
        return {"results": [entry(position, trade) for position, trade in enumerate(trades)]}
    raise ValueError(f'a task must be {{"portfolio": [trades]}}, not {shown(event)}')


def entry(position: int, trade: object) -> Entry:
    """Return the trade's value, or an error that names the trade and says what is wrong with it."""
    try:
        return price(Fields("the trade", trade))
    except TradeError as error:
        return {"error": f"trade {position} ({kind(trade)}): {error}"}
    except RuntimeError as error:  # what QuantLib raises
        return {"error": f"trade {position} ({kind(trade)}): QuantLib could not price it: {error}"}


def kind(trade: object) -> str:
    """Return the exercise and the engine that a trade names, as far as it names them."""
    named = [trade.get(key) for key in ("exercise", "engineName")] if isinstance(trade, Mapping) else []
    return " ".join(shorten(name) for name in named if isinstance(name, str)) or "of no known kind"


def price(trade: "Fields") -> float:
    """Return QuantLib's value of the trade.

    The evaluation date is global to the process in QuantLib, so every trade sets its own.
    """
    trade.choice("tradeType", ("option",))
    exercise = trade.choice("exercise", tuple(ENGINES))
    engine_name = trade.choice("engineName", tuple(ENGINES[exercise]), f"engines for {exercise} options")
    market = Market.read(trade.table("tradeParameters"))

    ql.Settings.instance().evaluationDate = market.today
    option = european_call(market) if exercise == "European" else american_put(market)
    option.setPricingEngine(ENGINES[exercise][engine_name](market, trade.table("engineParameters", optional=True)))
    value = float(option.NPV())
    if not isfinite(value):
        raise TradeError(f"QuantLib's value is {value}, which is not a number; use another engine or finer parameters")
    return value


# --- what a trade says ------------------------------------------------------------------------------------------------


class TradeError(Exception):
    """A trade cannot be priced as it is written."""


class Fields:
    """One table of a trade, read key by key; what is missing or of no use raises a TradeError naming table and key."""

    def __init__(self, name: str, table: object) -> None:
        if not isinstance(table, Mapping):
            raise TradeError(f"{name} must be an object with keys and values, not {shown(table)}")
        self._name = name
        self._table: Mapping[str, object] = table

    def get(self, key: str) -> object:
        """Return what stands under the key."""
        if key not in self._table:
            raise TradeError(f"{self._name} has no {key}")
        return self._table[key]

    def table(self, key: str, *, optional: bool = False) -> "Fields":
        """Return the table under the key; an optional one that is missing is empty."""
        return Fields(key, {} if optional and self._table.get(key) is None else self.get(key))

    def choice(self, key: str, choices: tuple[str, ...], of_what: str = "known") -> str:
        """Return the value, one of the choices."""
        value = self.get(key)
        if not isinstance(value, str) or value not in choices:
            raise TradeError(
                f"{key} {shown(value)} is not one of those that can be priced; {of_what}: {', '.join(choices)}"
            )
        return value

    def number(self, key: str, *, least: float | None = None, above: float | None = None) -> float:
        """Return the value, a finite number and, if a bound is given, at least or above it."""
        value = self.get(key)
        bound = f" of at least {least:g}" if least is not None else f" above {above:g}" if above is not None else ""
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = as_float(value)
            if isfinite(number) and (least is None or number >= least) and (above is None or number > above):
                return number
        raise TradeError(f"{self._name}.{key} must be a number{bound}, not {shown(value)}")

    def whole(self, key: str, *, least: int, most: int) -> int:
        """Return the value, a whole number between the bounds."""
        value = self.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise TradeError(f"{self._name}.{key} must be a whole number from {least} to {most}, not {shown(value)}")
        return value

    def date(self, key: str) -> Quant:
        """Return the date, written as day, month and year: ``"15 5 1998"``."""
        value = self.get(key)
        text = value if isinstance(value, str) else ""
        match = re.fullmatch(r"\s*(\d{1,2})\s+(\d{1,2})\s+(\d{4})\s*", text, re.ASCII)
        try:
            day, month, year = map(int, match.groups() if match else ())
            return ql.Date(day, month, year)
        except (ValueError, RuntimeError) as error:  # of another form, or not in QuantLib's calendar
            wanted = "a date of the years 1901 to 2199, written as day month year like '15 5 1998'"
            raise TradeError(f"{self._name}.{key} must be {wanted}, not {shown(value)}") from error


def as_float(value: float) -> float:
    """Return the number as a float, and one that is too large for it as infinity."""
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def shown(value: object) -> str:
    """Return the value as it reads in a message."""
    return shorten(repr(value))


def shorten(text: str) -> str:
    """Return the text, cut to what fits in a message."""
    return text if len(text) <= 80 else f"{text[:79]}…"


# --- the market and the options ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A trade's parameters: flat curves, Actual/365 fixed."""

    today: Quant
    expiry: Quant
    strike: float
    underlying: float
    dividend_yield: float
    volatility: float
    risk_free_rate: float

    @classmethod
    def read(cls, parameters: Fields) -> Self:
        """Return the market that ``tradeParameters`` describes; an option that has expired is refused."""
        today, expiry = parameters.date("evaluationDate"), parameters.date("exerciseDate")
        if expiry <= today:
            dates = f"exerciseDate {expiry.ISO()} must come after evaluationDate {today.ISO()}"
            raise TradeError(f"the option has expired: tradeParameters.{dates}")
        return cls(
            today=today,
            expiry=expiry,
            strike=parameters.number("payoff", least=0),
            underlying=parameters.number("underlying", above=0),
            dividend_yield=parameters.number("dividendYield"),
            volatility=parameters.number("volatility", least=0),
            risk_free_rate=parameters.number("riskFreeRate"),
        )

    def spot(self) -> Quant:
        """Return the underlying's price."""
        return ql.QuoteHandle(ql.SimpleQuote(self.underlying))

    def curve(self, rate: float) -> Quant:
        """Return a flat curve."""
        return ql.YieldTermStructureHandle(ql.FlatForward(self.today, rate, ql.Actual365Fixed()))

    def black_scholes(self) -> Quant:
        """Return the Black-Scholes-Merton process."""
        volatility = ql.BlackConstantVol(self.today, ql.TARGET(), self.volatility, ql.Actual365Fixed())
        return ql.BlackScholesMertonProcess(
            self.spot(),
            self.curve(self.dividend_yield),
            self.curve(self.risk_free_rate),
            ql.BlackVolTermStructureHandle(volatility),
        )

    def heston(self) -> Quant:
        """Return the Heston model that HTC-Grid prices with: its parameters are fixed, not the trade's volatility."""
        v0 = theta = 0.01
        kappa, sigma, rho = 1.0, 0.0001, 0.0
        process = ql.HestonProcess(
            self.curve(self.risk_free_rate),
            self.curve(self.dividend_yield),
            self.spot(),
            v0,
            kappa,
            theta,
            sigma,
            rho,
        )
        return ql.HestonModel(process)


def european_call(market: Market) -> Quant:
    """Return a call that is exercised at expiry."""
    return ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Call, market.strike), ql.EuropeanExercise(market.expiry))


def american_put(market: Market) -> Quant:
    """Return a put that may be exercised from today on."""
    exercise = ql.AmericanExercise(market.today, market.expiry)
    return ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Put, market.strike), exercise)


# --- the engines ------------------------------------------------------------------------------------------------------


def finite_differences(market: Market, parameters: Fields) -> Quant:
    """Return the engine for ``timeSteps`` and ``gridPoints``; QuantLib crashes on a single point."""
    steps = parameters.whole("timeSteps", least=1, most=MOST_STEPS)
    points = parameters.whole("gridPoints", least=2, most=MOST_STEPS)
    return ql.FdBlackScholesVanillaEngine(market.black_scholes(), steps, points)


def binomial(market: Market, parameters: Fields) -> Quant:
    """Return the engine for ``timeSteps`` and ``tree``."""
    steps = parameters.whole("timeSteps", least=2, most=MOST_STEPS)
    tree = parameters.choice("tree", TREES, "trees")
    return ql.BinomialVanillaEngine(market.black_scholes(), tree, steps)


def monte_carlo(market: Market, parameters: Fields) -> Quant:
    """Return the engine for ``random_source``, which decides the other parameters."""
    source = parameters.choice("random_source", ("pseudorandom", "lowdiscrepancy"))
    steps = parameters.whole("timeSteps", least=1, most=MOST_STEPS)
    most_samples = min(MOST_SAMPLES, MOST_DRAWS // steps)
    if source == "lowdiscrepancy":
        samples = parameters.whole("requiredSamples", least=1, most=most_samples)
        return ql.MCEuropeanEngine(market.black_scholes(), source, timeSteps=steps, requiredSamples=samples)
    # Without a bound on the samples, a tolerance that is never reached would run and grow for ever.
    return ql.MCEuropeanEngine(
        market.black_scholes(),
        source,
        timeSteps=steps,
        requiredTolerance=parameters.number("requiredTolerance", above=0),
        seed=parameters.whole("seed", least=-(2**63), most=2**63 - 1),
        maxSamples=most_samples,
    )


#: The engines for each exercise, by their QuantLib names.
ENGINES: Mapping[str, Mapping[str, Callable[[Market, Fields], Quant]]] = {
    "European": {
        "AnalyticEuropeanEngine": lambda market, _: ql.AnalyticEuropeanEngine(market.black_scholes()),
        "AnalyticHestonEngine": lambda market, _: ql.AnalyticHestonEngine(market.heston()),
        "COSHestonEngine": lambda market, _: ql.COSHestonEngine(market.heston()),
        "IntegralEngine": lambda market, _: ql.IntegralEngine(market.black_scholes()),
        "FdBlackScholesVanillaEngine": finite_differences,
        "BinomialVanillaEngine": binomial,
        "MCEuropeanEngine": monte_carlo,
    },
    "American": {
        "BaroneAdesiWhaleyApproximationEngine": lambda market, _: ql.BaroneAdesiWhaleyApproximationEngine(
            market.black_scholes()
        ),
        "BjerksundStenslandApproximationEngine": lambda market, _: ql.BjerksundStenslandApproximationEngine(
            market.black_scholes()
        ),
        "FdBlackScholesVanillaEngine": finite_differences,
        "BinomialVanillaEngine": binomial,
    },
}
