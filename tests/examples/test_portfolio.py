"""The portfolio example: what it reads, what it makes of it, and what it says of what it cannot read."""

import copy
import importlib.util
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import QuantLib as ql

EXAMPLE = Path(__file__).parents[2] / "examples" / "portfolio"
TREES = ("JR", "CRR", "EQP", "Trigeorgis", "Tian", "LR", "Joshi4")
CLOSE = 1e-6

Json = dict[str, Any]

CALL: Json = {
    "evaluationDate": "15 5 1998",
    "exerciseDate": "17 5 1999",
    "payoff": 8.0,
    "underlying": 7.0,
    "dividendYield": 0.03,
    "volatility": 0.10,
    "riskFreeRate": 0.05,
}
PUT: Json = CALL | {"payoff": 40.0, "underlying": 36.0, "dividendYield": 0.01, "volatility": 0.2, "riskFreeRate": 0.06}


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"portfolio_example_{name}", EXAMPLE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", name="client")
def the_client() -> ModuleType:
    return load("client")


@pytest.fixture(scope="module", name="handler")
def the_handler() -> ModuleType:
    return load("handler")


@pytest.fixture(scope="module", name="price")
def the_pricer(handler: ModuleType) -> Callable[..., list[Any]]:
    """Prices trades as one task."""

    def price(*trades: object) -> list[Any]:
        output = handler.handler({"portfolio": list(trades)}, None)
        assert list(output) == ["results"]
        return list(output["results"])

    return price


def european(engine: str = "AnalyticEuropeanEngine", parameters: Json | None = None, **changes: object) -> Json:
    return trade("European", engine, parameters or {}, CALL | changes)


def american(engine: str, parameters: Json | None = None, **changes: object) -> Json:
    return trade("American", engine, parameters or {}, PUT | changes)


def trade(exercise: str, engine: str, parameters: Json, market: Json) -> Json:
    return {
        "tradeType": "option",
        "exercise": exercise,
        "engineName": engine,
        "engineParameters": parameters,
        "tradeParameters": market,
    }


def without(trade: Json, *path: str) -> Json:
    changed = copy.deepcopy(trade)
    table = changed
    for key in path[:-1]:
        table = table[key]
    del table[path[-1]]
    return changed


# --- QuantLib, called directly ----------------------------------------------------------------------------------------


class Direct:
    """QuantLib's objects for the two markets above, written out without the example's help."""

    def __init__(self, *, put: bool) -> None:
        strike, spot, dividend, volatility, rate = (40.0, 36.0, 0.01, 0.2, 0.06) if put else (8.0, 7.0, 0.03, 0.1, 0.05)
        today, expiry = ql.Date(15, ql.May, 1998), ql.Date(17, ql.May, 1999)
        ql.Settings.instance().evaluationDate = today
        days = ql.Actual365Fixed()
        self.spot = ql.QuoteHandle(ql.SimpleQuote(spot))
        self.dividend = ql.YieldTermStructureHandle(ql.FlatForward(today, dividend, days))
        self.rate = ql.YieldTermStructureHandle(ql.FlatForward(today, rate, days))
        flat = ql.BlackConstantVol(today, ql.NullCalendar(), volatility, days)
        self.process = ql.BlackScholesMertonProcess(
            self.spot, self.dividend, self.rate, ql.BlackVolTermStructureHandle(flat)
        )
        exercise = ql.AmericanExercise(today, expiry) if put else ql.EuropeanExercise(expiry)
        self.option = ql.VanillaOption(
            ql.PlainVanillaPayoff(ql.Option.Put if put else ql.Option.Call, strike), exercise
        )

    def heston(self) -> Any:
        process = ql.HestonProcess(self.rate, self.dividend, self.spot, 0.01, 1.0, 0.01, 0.0001, 0.0)
        return ql.HestonModel(process)

    def value(self, engine: Any) -> float:
        self.option.setPricingEngine(engine)
        return float(self.option.NPV())


FINITE_DIFFERENCES = {"timeSteps": 201, "gridPoints": 200}
PSEUDORANDOM = {"random_source": "pseudorandom", "timeSteps": 1, "requiredTolerance": 0.02, "seed": 42}
SEVERAL_STEPS = {"random_source": "pseudorandom", "timeSteps": 5, "requiredTolerance": 0.01, "seed": 7}
LOW_DISCREPANCY = {"random_source": "lowdiscrepancy", "timeSteps": 1, "requiredSamples": 8191}

EUROPEAN: dict[str, tuple[str, Json, Callable[[Direct], Any]]] = {
    "analytic": ("AnalyticEuropeanEngine", {}, lambda on: ql.AnalyticEuropeanEngine(on.process)),
    "heston": ("AnalyticHestonEngine", {}, lambda on: ql.AnalyticHestonEngine(on.heston())),
    "heston-cos": ("COSHestonEngine", {}, lambda on: ql.COSHestonEngine(on.heston())),
    "integral": ("IntegralEngine", {}, lambda on: ql.IntegralEngine(on.process)),
    "differences": (
        "FdBlackScholesVanillaEngine",
        FINITE_DIFFERENCES,
        lambda on: ql.FdBlackScholesVanillaEngine(on.process, 201, 200),
    ),
    "pseudorandom": (
        "MCEuropeanEngine",
        PSEUDORANDOM,
        lambda on: ql.MCPREuropeanEngine(on.process, timeSteps=1, requiredTolerance=0.02, seed=42),
    ),
    "pseudorandom-steps": (
        "MCEuropeanEngine",
        SEVERAL_STEPS,
        lambda on: ql.MCPREuropeanEngine(on.process, timeSteps=5, requiredTolerance=0.01, seed=7),
    ),
    "lowdiscrepancy": (
        "MCEuropeanEngine",
        LOW_DISCREPANCY,
        lambda on: ql.MCLDEuropeanEngine(on.process, timeSteps=1, requiredSamples=8191),
    ),
}
AMERICAN: dict[str, tuple[str, Json, Callable[[Direct], Any]]] = {
    "barone-adesi-whaley": (
        "BaroneAdesiWhaleyApproximationEngine",
        {},
        lambda on: ql.BaroneAdesiWhaleyApproximationEngine(on.process),
    ),
    "bjerksund-stensland": (
        "BjerksundStenslandApproximationEngine",
        {},
        lambda on: ql.BjerksundStenslandApproximationEngine(on.process),
    ),
    "differences": (
        "FdBlackScholesVanillaEngine",
        FINITE_DIFFERENCES,
        lambda on: ql.FdBlackScholesVanillaEngine(on.process, 201, 200),
    ),
}


@pytest.mark.parametrize("name", EUROPEAN)
def test_a_european_engine_gives_the_value_of_quantlib_called_directly(
    price: Callable[..., list[Any]], name: str
) -> None:
    engine, parameters, build = EUROPEAN[name]
    on = Direct(put=False)
    expected = on.value(build(on))
    assert expected > 0.02
    assert price(european(engine, parameters)) == [pytest.approx(expected, abs=CLOSE)]


@pytest.mark.parametrize("name", AMERICAN)
def test_an_american_engine_gives_the_value_of_quantlib_called_directly(
    price: Callable[..., list[Any]], name: str
) -> None:
    engine, parameters, build = AMERICAN[name]
    on = Direct(put=True)
    expected = on.value(build(on))
    assert expected > 4
    assert price(american(engine, parameters)) == [pytest.approx(expected, abs=CLOSE)]


@pytest.mark.parametrize("tree", TREES)
def test_every_tree_gives_the_value_of_quantlib_called_directly(price: Callable[..., list[Any]], tree: str) -> None:
    parameters = {"timeSteps": 101, "tree": tree}
    call, put = Direct(put=False), Direct(put=True)
    expected = [on.value(ql.BinomialVanillaEngine(on.process, tree, 101)) for on in (call, put)]
    values = price(european("BinomialVanillaEngine", parameters), american("BinomialVanillaEngine", parameters))
    assert values == pytest.approx(expected, abs=CLOSE)


def test_the_trees_are_told_apart(price: Callable[..., list[Any]]) -> None:
    values = price(*(european("BinomialVanillaEngine", {"timeSteps": 21, "tree": tree}) for tree in TREES))
    assert len({round(value, 7) for value in values}) == len(TREES)


def closed_form(market: Json, days: int) -> float:
    """The Black-Scholes-Merton value of a call."""
    spot, strike, vol = market["underlying"], market["payoff"], market["volatility"]
    rate, dividend, years = market["riskFreeRate"], market["dividendYield"], days / 365
    spread = vol * math.sqrt(years)
    d1 = (math.log(spot / strike) + (rate - dividend + vol * vol / 2) * years) / spread
    d2 = d1 - spread
    first, second = (math.erfc(-d / math.sqrt(2)) / 2 for d in (d1, d2))
    return float(spot * math.exp(-dividend * years) * first - strike * math.exp(-rate * years) * second)


@pytest.mark.parametrize(
    ("changes", "days"),
    [
        ({}, 367),
        ({"evaluationDate": "29 2 2000", "exerciseDate": "1 3 2000", "payoff": 7}, 1),
        ({"evaluationDate": "3 4 2024", "exerciseDate": "04 03 2025"}, 335),
        ({"riskFreeRate": -0.01, "dividendYield": 0.02, "volatility": 0.35, "underlying": 9}, 367),
    ],
)
def test_an_analytic_value_is_that_of_the_closed_form(
    price: Callable[..., list[Any]], changes: Json, days: int
) -> None:
    assert price(european(**changes)) == [pytest.approx(closed_form(CALL | changes, days), abs=CLOSE)]


def test_the_heston_engines_price_with_their_own_fixed_variance(price: Callable[..., list[Any]]) -> None:
    calm, wild = price(*(european("AnalyticHestonEngine", volatility=volatility) for volatility in (0.1, 0.4)))
    assert calm == wild == pytest.approx(closed_form(CALL | {"volatility": 0.1}, 367), abs=1e-5)


def test_trades_of_one_task_are_priced_each_at_its_own_evaluation_date(price: Callable[..., list[Any]]) -> None:
    now, later = european("IntegralEngine"), european("IntegralEngine", evaluationDate="16 11 1998")
    trades = [now, later, now]
    first, between, last = price(*trades)
    assert first == last > between
    assert [first, between] == [price(one)[0] for one in trades[:2]]


def test_a_value_does_not_depend_on_the_evaluation_date_that_the_process_had_before(
    price: Callable[..., list[Any]],
) -> None:
    trades = european(), american("BinomialVanillaEngine", {"timeSteps": 51, "tree": "LR"})
    values = price(*trades)
    for year in (1950, 2100):
        ql.Settings.instance().evaluationDate = ql.Date(1, ql.January, year)
        assert price(*trades) == values
    assert min(values) > 0


def test_values_stand_in_the_order_of_the_trades(price: Callable[..., list[Any]]) -> None:
    strikes = [9.0, 6.0, 8.0, 5.0, 7.0]
    values = dict(zip(strikes, price(*(european(payoff=strike) for strike in strikes)), strict=True))
    assert sorted(values, key=values.__getitem__) == sorted(strikes, reverse=True)


# --- trades that cannot be priced -------------------------------------------------------------------------------------

FD, TREE, MC = "FdBlackScholesVanillaEngine", "BinomialVanillaEngine", "MCEuropeanEngine"

BAD: dict[str, tuple[object, str]] = {
    "no object": (["option"], "must be an object"),
    "null": (None, "must be an object"),
    "no tradeType": (without(european(), "tradeType"), "has no tradeType"),
    "a swap": (european() | {"tradeType": "swap"}, "tradeType 'swap'"),
    "no exercise": (without(european(), "exercise"), "has no exercise"),
    "a Bermudan": (european() | {"exercise": "Bermudan"}, "exercise 'Bermudan'"),
    "no engine": (without(european(), "engineName"), "has no engineName"),
    "an unknown engine": (european("CrystalBallEngine"), "engineName 'CrystalBallEngine'"),
    "an engine that is no text": (european() | {"engineName": {"a": 1}}, "engineName {'a': 1}"),
    "a European engine for an American": (american("AnalyticEuropeanEngine"), "engines for American options"),
    "an American engine for a European": (
        european("BaroneAdesiWhaleyApproximationEngine"),
        "engines for European options",
    ),
    "no tradeParameters": (without(european(), "tradeParameters"), "has no tradeParameters"),
    "tradeParameters in a list": (european() | {"tradeParameters": [CALL]}, "tradeParameters must be an object"),
    "engineParameters as text": (european() | {"engineParameters": "none"}, "engineParameters must be an object"),
    **{f"no {key}": (without(european(), "tradeParameters", key), f"tradeParameters has no {key}") for key in CALL},
    **{
        f"{key} as text": (
            trade("European", "IntegralEngine", {}, CALL | {key: "0.1"}),
            f"tradeParameters.{key} must be a number",
        )
        for key in ("payoff", "underlying", "dividendYield", "volatility", "riskFreeRate")
    },
    "a true volatility": (european(volatility=True), "volatility must be a number"),
    "no riskFreeRate but null": (european(riskFreeRate=None), "riskFreeRate must be a number"),
    "a rate that is not a number": (european(riskFreeRate=math.nan), "riskFreeRate must be a number"),
    "an infinite underlying": (european(underlying=math.inf), "underlying must be a number"),
    "an underlying beyond all floats": (european(underlying=10**400), "underlying must be a number"),
    "a negative volatility": (european(volatility=-0.1), "volatility must be a number of at least 0, not -0.1"),
    "a negative strike": (european("IntegralEngine", payoff=-1.0), "payoff must be a number of at least 0"),
    "a worthless underlying": (european("IntegralEngine", underlying=0), "underlying must be a number above 0"),
    "no such day": (european(exerciseDate="31 2 1999"), "exerciseDate must be a date"),
    "no such month": (european(exerciseDate="1 13 1999"), "exerciseDate must be a date"),
    "a date of another form": (european(evaluationDate="1998-05-15"), "evaluationDate must be a date"),
    "a date of another order": (european(evaluationDate="1998 5 15"), "evaluationDate must be a date"),
    "a date that is no text": (european(evaluationDate=19980515), "evaluationDate must be a date"),
    "a date before the calendar": (european(evaluationDate="1 1 1900"), "of the years 1901 to 2199"),
    "a date after the calendar": (european(exerciseDate="1 1 2200"), "of the years 1901 to 2199"),
    "exercised before": (european(exerciseDate="14 5 1998"), "expired"),
    "exercised on the day": (european(exerciseDate="15 5 1998"), "expired"),
    "an American exercised before": (
        american("BjerksundStenslandApproximationEngine", exerciseDate="1 1 1998"),
        "expired",
    ),
    "no engineParameters where needed": (
        without(european(FD), "engineParameters"),
        "engineParameters has no timeSteps",
    ),
    "no gridPoints": (european(FD, {"timeSteps": 10}), "engineParameters has no gridPoints"),
    "one grid point": (european(FD, {"timeSteps": 10, "gridPoints": 1}), "gridPoints must be a whole number from 2"),
    "no steps": (european(FD, {"timeSteps": 0, "gridPoints": 10}), "timeSteps must be a whole number from 1"),
    "negative steps": (european(TREE, {"timeSteps": -5, "tree": "CRR"}), "timeSteps must be a whole number from 2"),
    "half a step": (european(TREE, {"timeSteps": 100.5, "tree": "CRR"}), "timeSteps must be a whole number"),
    "true steps": (european(TREE, {"timeSteps": True, "tree": "CRR"}), "timeSteps must be a whole number"),
    "absurd steps": (american(TREE, {"timeSteps": 10**12, "tree": "CRR"}), "from 2 to 100000, not 1000000000000"),
    "an unknown tree": (european(TREE, {"timeSteps": 100, "tree": "Oak"}), "tree 'Oak'"),
    "no tree": (european(TREE, {"timeSteps": 100}), "engineParameters has no tree"),
    "an unknown random source": (european(MC, PSEUDORANDOM | {"random_source": "dice"}), "random_source 'dice'"),
    "no tolerance": (european(MC, without(PSEUDORANDOM, "requiredTolerance")), "has no requiredTolerance"),
    "a tolerance of nothing": (european(MC, PSEUDORANDOM | {"requiredTolerance": 0}), "requiredTolerance must be"),
    "no seed": (european(MC, without(PSEUDORANDOM, "seed")), "engineParameters has no seed"),
    "a seed beyond all integers": (european(MC, PSEUDORANDOM | {"seed": 2**64}), "seed must be a whole number"),
    "no samples": (european(MC, without(LOW_DISCREPANCY, "requiredSamples")), "has no requiredSamples"),
    "absurd draws": (
        european(MC, LOW_DISCREPANCY | {"timeSteps": 100_000, "requiredSamples": 10_001}),
        "requiredSamples must be",
    ),
    "absurd samples": (european(MC, LOW_DISCREPANCY | {"requiredSamples": 10**10}), "requiredSamples must be"),
    "what QuantLib refuses": (european(riskFreeRate=1e5), "QuantLib could not price it: discount"),
    "what QuantLib makes no number of": (european("IntegralEngine", volatility=0), "QuantLib's value is nan"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_trade_is_an_error_that_names_it_while_its_neighbours_are_priced(
    price: Callable[..., list[Any]], name: str
) -> None:
    bad, complaint = BAD[name]
    before, entry, after = price(european(), bad, european(payoff=6.0))
    assert [before, after] == price(european(), european(payoff=6.0))
    assert list(entry) == ["error"]
    named = bad if isinstance(bad, dict) else {}
    names = [named[key] for key in ("exercise", "engineName") if isinstance(named.get(key), str)]
    assert entry["error"].startswith(f"trade 1 ({' '.join(names) or 'of no known kind'}): ")
    assert complaint in entry["error"]
    json.dumps(entry, allow_nan=False)


def test_a_tolerance_out_of_reach_ends_in_an_error(price: Callable[..., list[Any]]) -> None:
    [entry] = price(european("MCEuropeanEngine", PSEUDORANDOM | {"requiredTolerance": 1e-9}))
    assert "still above tolerance" in entry["error"]


def test_a_message_stays_short_whatever_a_trade_holds(price: Callable[..., list[Any]]) -> None:
    [entry] = price(european("E" * 10_000))
    assert len(entry["error"]) < 600


def test_whole_numbers_and_parameters_that_no_engine_reads_are_fine(price: Callable[..., list[Any]]) -> None:
    plain = european(payoff=6.0) | {"engineParameters": {"timeSteps": "many"}, "book": "A"}
    assert price(without(european(payoff=6), "engineParameters"), plain) == price(european(payoff=6.0)) * 2


@pytest.mark.parametrize("event", [None, [], {}, {"portfolio": {}}, {"trades": []}])
def test_a_task_of_another_form_is_refused_by_the_handler(handler: ModuleType, event: object) -> None:
    with pytest.raises(ValueError, match=r'a task must be \{"portfolio": \[trades\]\}'):
        handler.handler(event, None)


# --- the client -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trades_per_task", [1, 2, 3, 7, 23, 24, 100])
def test_split_and_merge_give_one_entry_per_trade_in_order(client: ModuleType, trades_per_task: int) -> None:
    document = {"portfolio": [{"id": index} for index in range(24)]}
    tasks = list(client.split(document, trades_per_task=trades_per_task))
    assert all(list(task) == ["portfolio"] and 1 <= len(task["portfolio"]) <= trades_per_task for task in tasks)
    assert len(tasks) == math.ceil(24 / trades_per_task)
    results = [{"results": [float(trade["id"]) for trade in task["portfolio"]]} for task in tasks]
    assert client.merge(document, results) == {"results": [float(index) for index in range(24)]}


def test_a_portfolio_priced_in_parts_is_worth_what_it_is_in_one(client: ModuleType, handler: ModuleType) -> None:
    document = json.loads((EXAMPLE / "portfolio.json").read_text())
    whole = handler.handler(document, None)
    assert all(isinstance(value, float) for value in whole["results"])
    parts = [handler.handler(json.loads(json.dumps(task)), None) for task in client.split(document, trades_per_task=5)]
    assert len(parts) == 3
    assert client.merge(document, parts) == whole


def test_merge_names_a_bad_trade_by_its_index_in_the_document(client: ModuleType, handler: ModuleType) -> None:
    document = {"portfolio": [european() for _ in range(7)] + [european("Oracle"), None]}
    parts = [handler.handler(task, None) for task in client.split(document, trades_per_task=3)]
    output = client.merge(document, parts)["results"]
    assert output[:7] == handler.handler({"portfolio": [european()] * 7}, None)["results"]
    assert output[7]["error"].startswith("trade 7 (European Oracle): engineName 'Oracle'")
    assert output[8]["error"].startswith("trade 8 (of no known kind): ")


def test_a_task_that_failed_is_an_error_for_each_of_its_trades(client: ModuleType) -> None:
    document = {"portfolio": [european(), american("BinomialVanillaEngine"), european(), european(), european()]}
    assert [len(task["portfolio"]) for task in client.split(document, trades_per_task=2)] == [1, 2, 2]
    output = client.merge(document, [{"results": [0.5]}, TimeoutError("after 3 tries"), {"results": [1.5, 2.5]}])
    assert output["results"][0] == 0.5
    assert output["results"][3:] == [1.5, 2.5]
    for index, kind in ((1, "American BinomialVanillaEngine"), (2, "European AnalyticEuropeanEngine")):
        error = output["results"][index]["error"]
        assert error == f"trade {index} ({kind}): its task failed: TimeoutError: after 3 tries"


@pytest.mark.parametrize("answer", [None, {}, {"results": [1.0]}, {"results": [1.0, 2.0, 3.0]}, [1.0, 2.0]])
def test_an_answer_that_does_not_fit_its_task_shifts_no_other_value(client: ModuleType, answer: object) -> None:
    document = {"portfolio": [european() for _ in range(4)]}
    first, second, *rest = client.merge(document, [answer, {"results": [3.0, 4.0]}])["results"]
    assert "for 2 trades" in first["error"]
    assert "for 2 trades" in second["error"]
    assert rest == [3.0, 4.0]


def test_an_empty_portfolio_has_no_tasks_and_no_results(client: ModuleType) -> None:
    assert list(client.split({"portfolio": []})) == []
    assert client.merge({"portfolio": []}, []) == {"results": []}
    assert [tuple(row) for row in client.summarise({"portfolio": []}, {"results": []})] == [("total", "", 0, 0, 0.0)]


@pytest.mark.parametrize("count", [0, 3])
def test_results_of_another_portfolio_are_refused(client: ModuleType, count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} results cannot be those of 2 trades"):
        client.merge({"portfolio": [european(), european()]}, [{"results": [1.0]}] * count)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([european()], "is of type list"),
        (None, "is of type NoneType"),
        ({}, 'no "portfolio"; its keys are: none'),
        ({"trades": []}, 'no "portfolio"; its keys are: trades'),
        ({"portfolio": {"0": european()}}, '"portfolio" in this one is not a list, it is of type dict'),
        ({"portfolio": None}, '"portfolio" in this one is not a list, it is of type NoneType'),
    ],
)
def test_a_document_of_another_form_is_refused_before_any_task_is_made(
    client: ModuleType, document: object, complaint: str
) -> None:
    with pytest.raises(ValueError, match=r'must be \{"portfolio": \[trades\]\}') as refusal:
        client.split(document)
    assert complaint in str(refusal.value)


@pytest.mark.parametrize("count", [0, -1, 2.5, "2", True])
def test_a_number_of_trades_per_task_that_cannot_be_is_refused(client: ModuleType, count: object) -> None:
    with pytest.raises(ValueError, match="trades_per_task must be a whole number of at least 1"):
        client.split({"portfolio": [european()]}, trades_per_task=count)


def test_the_summary_adds_up_by_kind_and_in_all(client: ModuleType) -> None:
    put = american("BinomialVanillaEngine")
    document = {"portfolio": [european(), put, european(), None, european(), put]}
    output = {"results": [1.25, 10.0, 2.5, {"error": "…"}, {"error": "…"}, 20.0]}
    rows = client.summarise(document, output)
    assert [tuple(row) for row in rows] == [
        ("American", "BinomialVanillaEngine", 2, 0, 30.0),
        ("European", "AnalyticEuropeanEngine", 3, 1, 3.75),
        ("unknown", "unknown", 1, 1, 0.0),
        ("total", "", 6, 2, 33.75),
    ]
    assert (rows[1].trades, rows[1].errors, rows[1].value) == (3, 1, 3.75)


def test_the_client_works_on_a_machine_without_quantlib() -> None:
    script = (
        "import sys; sys.modules['QuantLib'] = None; import client; print(len(list(client.split(client.sample(9)))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=EXAMPLE, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == ("5", "")


# --- the sample -------------------------------------------------------------------------------------------------------


def test_a_sample_is_the_same_for_the_same_seed_and_a_beginning_of_a_longer_one(client: ModuleType) -> None:
    assert client.sample(50, seed=3) == client.sample(50, seed=3) != client.sample(50, seed=4)
    assert client.sample(20)["portfolio"] == client.sample(50)["portfolio"][:20]
    assert json.loads(json.dumps(client.sample(50))) == client.sample(50)


def test_the_sample_holds_every_engine_tree_and_random_source(client: ModuleType, handler: ModuleType) -> None:
    trades = client.sample()["portfolio"]
    assert len(trades) == 4000
    kinds = {(trade["exercise"], trade["engineName"]) for trade in trades}
    assert kinds == {(exercise, engine) for exercise, engines in handler.ENGINES.items() for engine in engines}
    assert {trade["engineParameters"].get("tree") for trade in trades} == {None, *TREES}
    assert {trade["engineParameters"].get("random_source") for trade in trades} == {
        None,
        "pseudorandom",
        "lowdiscrepancy",
    }


def test_the_sample_is_priced_without_an_error(client: ModuleType, handler: ModuleType) -> None:
    document = client.sample(150)
    output = handler.handler(document, None)
    assert client.summarise(document, output)[-1].errors == 0
    assert all(value >= -1e-6 for value in output["results"])
