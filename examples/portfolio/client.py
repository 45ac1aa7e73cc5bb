"""Cuts a portfolio into tasks and puts their results together again; needs no QuantLib."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from math import fsum
from random import Random
from typing import NamedTuple

HANDLER = "handler:handler"

#: A trade's value, or ``{"error": …}``.
Entry = float | dict[str, str]
Trade = dict[str, object]


def split(document: object, *, trades_per_task: int = 2) -> Iterator[dict[str, list[object]]]:
    """Return the document's tasks, ``{"portfolio": [trades]}``, in order and of nearly equal size.

    The document is checked at once, its trades by whoever prices them.

    Raises:
        ValueError: the document is not ``{"portfolio": [trades]}``, or ``trades_per_task`` is not at least 1.
    """
    trades = trades_of(document)
    if isinstance(trades_per_task, bool) or not isinstance(trades_per_task, int) or trades_per_task < 1:
        raise ValueError(f"trades_per_task must be a whole number of at least 1, not {trades_per_task!r}")
    tasks = -(-len(trades) // trades_per_task)
    return ({"portfolio": trades[part.start : part.stop]} for part in parts(len(trades), tasks))


def merge(document: object, results: Sequence[object]) -> dict[str, list[Entry]]:
    """Return ``{"results": […]}``, one entry per trade in the document's order.

    ``results`` has one item per task in order: what the handler returned, or the exception that a task failed with,
    which then stands for each of its trades. Errors name a trade by its index in the document, counted from 0.
    """
    trades = trades_of(document)
    if len(results) > len(trades) or (trades and not results):
        raise ValueError(
            f"{len(results)} results cannot be those of {len(trades)} trades: give one per task of split()"
        )
    entries: list[Entry] = []
    for part, result in zip(parts(len(trades), len(results)), results, strict=True):
        entries += entries_of(result, trades, part)
    return {"results": entries}


def parts(trades: int, tasks: int) -> list[range]:
    """Return each task's indices in the document: they follow from the two counts, so that merge knows split's cut."""
    return [range(task * trades // tasks, (task + 1) * trades // tasks) for task in range(tasks)]


def trades_of(document: object) -> list[object]:
    """Return the document's trades.

    Raises:
        ValueError: the document is not ``{"portfolio": [trades]}``.
    """
    trades = document.get("portfolio") if isinstance(document, Mapping) else None
    if isinstance(trades, list):
        return trades
    raise ValueError(f'a portfolio document must be {{"portfolio": [trades]}}, but {what_is_wrong(document)}')


def what_is_wrong(document: object) -> str:
    """Return why the document is not one of a portfolio."""
    if not isinstance(document, Mapping):
        return f"this one is not an object with keys and values, it is of type {type(document).__name__}"
    if "portfolio" in document:
        return f'"portfolio" in this one is not a list, it is of type {type(document["portfolio"]).__name__}'
    return f'this one has no "portfolio"; its keys are: {", ".join(map(str, document)) or "none"}'


def entries_of(result: object, trades: list[object], part: range) -> list[Entry]:
    """Return the entries of one task's trades; a task that failed as a whole has an error for each of them."""
    values = result.get("results") if isinstance(result, Mapping) else None
    if isinstance(values, list) and len(values) == len(part):
        return [
            renamed(value, position, index) for position, (index, value) in enumerate(zip(part, values, strict=True))
        ]
    if isinstance(result, Exception):
        reason = f"its task failed: {type(result).__name__}: {result}"
    else:
        count = f"{len(values)} values" if isinstance(values, list) else "no list of results"
        reason = f"its task returned {count} for {len(part)} trades"
    return [{"error": f"trade {index} ({' '.join(kind(trades[index]))}): {reason}"} for index in part]


def renamed(entry: Entry, position: int, index: int) -> Entry:
    """Return the entry; an error that names the trade by its position in the task names it by its index instead."""
    own = f"trade {position} "
    if isinstance(entry, dict) and str(entry.get("error")).startswith(own):
        return {**entry, "error": f"trade {index} {entry['error'].removeprefix(own)}"}
    return entry


def kind(trade: object) -> tuple[str, str]:
    """Return the exercise and the engine that a trade names."""
    if not isinstance(trade, Mapping):
        return "unknown", "unknown"
    exercise, engine = trade.get("exercise"), trade.get("engineName")
    return (
        exercise if isinstance(exercise, str) else "unknown",
        engine if isinstance(engine, str) else "unknown",
    )


# --- the table --------------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """What the trades of one kind are worth."""

    exercise: str
    engine: str
    trades: int
    errors: int
    #: The sum over the trades without an error.
    value: float


def summarise(document: object, output: Mapping[str, Sequence[Entry]]) -> list[Row]:
    """Return a row per kind of trade, by exercise and engine, and then one for the whole portfolio."""
    kinds: dict[tuple[str, str], list[Entry]] = {}
    for trade, entry in zip(trades_of(document), output["results"], strict=True):
        kinds.setdefault(kind(trade), []).append(entry)
    rows = [row(*name, entries) for name, entries in sorted(kinds.items())]
    return [*rows, row("total", "", output["results"])]


def row(exercise: str, engine: str, entries: Sequence[Entry]) -> Row:
    """Return the row of these entries."""
    values = [entry for entry in entries if not isinstance(entry, dict)]
    return Row(exercise, engine, len(entries), len(entries) - len(values), fsum(values))


# --- a portfolio to try -----------------------------------------------------------------------------------------------


def sample(trades: int = 4000, seed: int = 1998) -> dict[str, list[Trade]]:
    """Return a portfolio that is the same for the same seed: European calls and American puts, every engine among them.

    Most trades are cheap and a few take long, as in a real book; all can be priced. A trade costs about 6 ms of one
    core on average.
    """
    random = Random(seed)
    return {"portfolio": [sample_trade(random) for _ in range(trades)]}


def sample_trade(random: Random) -> Trade:
    """Return one trade."""
    weights = {
        ("European", "AnalyticEuropeanEngine"): 10,
        ("European", "AnalyticHestonEngine"): 6,
        ("European", "COSHestonEngine"): 4,
        ("European", "IntegralEngine"): 4,
        ("European", "FdBlackScholesVanillaEngine"): 18,
        ("European", "BinomialVanillaEngine"): 10,
        ("European", "MCEuropeanEngine"): 14,
        ("American", "BaroneAdesiWhaleyApproximationEngine"): 6,
        ("American", "BjerksundStenslandApproximationEngine"): 6,
        ("American", "FdBlackScholesVanillaEngine"): 14,
        ("American", "BinomialVanillaEngine"): 14,
    }
    [(exercise, engine)] = random.choices(list(weights), list(weights.values()))
    underlying = round(random.uniform(10, 250), 2)
    return {
        "tradeType": "option",
        "exercise": exercise,
        "engineName": engine,
        "engineParameters": sample_engine(random, engine, underlying),
        "tradeParameters": sample_market(random, underlying),
    }


def sample_market(random: Random, underlying: float) -> Trade:
    """Return a market around that of the document's own example: one evaluation date, expiries up to three years."""
    today = date(1998, 5, 15)
    expiry = today + timedelta(days=random.randint(30, 3 * 365))
    return {
        "evaluationDate": f"{today.day} {today.month} {today.year}",
        "exerciseDate": f"{expiry.day} {expiry.month} {expiry.year}",
        "payoff": round(underlying * random.uniform(0.8, 1.2), 2),
        "underlying": underlying,
        "dividendYield": round(random.uniform(0, 0.04), 4),
        "volatility": round(random.uniform(0.12, 0.4), 4),
        "riskFreeRate": round(random.uniform(0.01, 0.06), 4),
    }


def sample_engine(random: Random, engine: str, underlying: float) -> Trade:
    """Return the parameters of an engine; those that need none have none."""
    if engine == "FdBlackScholesVanillaEngine":
        steps = random.choice((500, 700, 900))
        return {"timeSteps": steps + 1, "gridPoints": steps}
    if engine == "BinomialVanillaEngine":
        tree = random.choice(("JR", "CRR", "EQP", "Trigeorgis", "Tian", "LR", "Joshi4"))
        return {"timeSteps": random.choice((401, 801, 1201)), "tree": tree}
    if engine == "MCEuropeanEngine" and random.random() < 0.5:
        return {
            "random_source": "lowdiscrepancy",
            "timeSteps": 1,
            "requiredSamples": random.choice((16384, 32768, 65536)),
        }
    if engine == "MCEuropeanEngine":
        tolerance = round(underlying / 800, 4)
        seed = random.randint(1, 10**6)
        return {"random_source": "pseudorandom", "timeSteps": 1, "requiredTolerance": tolerance, "seed": seed}
    return {}
