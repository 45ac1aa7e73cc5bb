"""Whatever can be called, on an embedded grid, whose agents are its client's own."""

import functools
import json
import operator
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from htcgrid import Grid, RetryPolicy
from htcgrid.errors import ConfigError, EncodingError, TaskFailedError

ONCE = RetryPolicy(tries=1)


class Desk:
    def __init__(self, factor: int) -> None:
        self.factor = factor
        self.seen = 0

    def price(self, event: Any) -> Any:
        return event * self.factor

    def told(self, event: Any, context: Any = None) -> Any:
        return [event, context is not None]

    def counted(self, event: Any) -> Any:
        self.seen += 1
        return self.seen

    def __call__(self, event: Any) -> Any:
        return event + self.factor

    @classmethod
    def name(cls, event: Any) -> Any:
        return [cls.__name__, event]


class Child(Desk):
    pass


class Waits:
    async def __call__(self, event: Any) -> Any:
        return [event]


def closure(factor: int) -> Callable[[Any], Any]:
    def inner(event: Any) -> Any:
        return event * factor

    return inner


async def waits(event: Any, context: Any = None) -> Any:
    import asyncio

    await asyncio.sleep(0)
    return [event, context is not None]


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


def numpy() -> Any:
    return pytest.importorskip("numpy")


#: A callable, its one argument, and its results: as a handler, and when it is called.
CALLABLES: dict[str, tuple[Any, Any, Any, Any]] = {
    "a lambda": (lambda event: event + 1, 3, 4, 4),
    "a lambda with a context": (lambda event, context=None: [event, context is not None], 3, [3, True], [3, False]),
    "a closure": (closure(7), 3, 21, 21),
    "a partial": (functools.partial(operator.mul, 4), 3, 12, 12),
    "a partial of a partial": (functools.partial(functools.partial(max, 1), 2), 3, 3, 3),
    "a method of an object": (Desk(5).price, 3, 15, 15),
    "a method with a context": (Desk(5).told, 3, [3, True], [3, False]),
    "a class method": (Desk.name, 3, ["Desk", 3], ["Desk", 3]),
    "an inherited class method": (Child.name, 3, ["Child", 3], ["Child", 3]),
    "an object that can be called": (Desk(4), 3, 7, 7),
    "a decorated function": (plain(closure(2)), 3, 6, 6),
    "what remembers": (functools.lru_cache(closure(3)), 3, 9, 9),
    "what dispatches": (functools.singledispatch(closure(3)), 3, 9, 9),
    "an item's getter": (operator.itemgetter(1), [1, 2], 2, 2),
    "an attribute's getter": (operator.attrgetter("real"), 3, 3, 3),
    "a built-in": (len, "abc", 3, 3),
    "a class": (int, "17", 17, 17),
    "a method of a class of C": (str.upper, "a", "A", "A"),
    "a method of a text": (", ".join, ["a", "b"], "a, b", "a, b"),
    "a coroutine function": (waits, 3, [3, True], [3, False]),
    "a partial of one": (functools.partial(waits), 3, [3, True], [3, False]),
    "an object whose call is one": (Waits(), 3, [3], [3]),
    "a lambda that gives one": (lambda event, scale=1: waits(scale * event), 3, [3, False], [3, False]),
}


@pytest.mark.parametrize("name", CALLABLES)
def test_whatever_can_be_called_is_submitted_mapped_and_executed(grid: Grid, name: str) -> None:
    function, argument, handled, called = CALLABLES[name]
    assert grid.submit(function, [argument]).results(timeout=60) == [handled]
    assert grid.submit(function, iter([argument])).results(timeout=60) == [handled]
    with grid.open_session(function, codec="json") as session:
        session.add(argument)
    assert session.results(timeout=60) == [handled]
    assert list(grid.map(function, [argument])) == [called]
    for codec in ("typed", "msgpack"):
        with grid.executor(codec=codec) as executor:
            assert executor.submit(function, argument).result(timeout=60) == called


def test_functions_of_arrays_go_along_too(grid: Grid) -> None:
    np = numpy()
    assert grid.submit(np.sqrt, [4.0, 9.0]).results(timeout=60) == [2.0, 3.0]
    assert list(grid.map(np.add, [1, 2], [3, 4])) == [4, 6]
    assert list(grid.map(np.add.reduce, [[1, 2], [3, 4]])) == [3, 7]


def test_values_keep_the_session_s_codec_and_no_more_travels_than_with_a_name(grid: Grid) -> None:
    factor = {1}
    with pytest.raises(EncodingError, match="a value of type object at"):
        grid.submit(lambda event: event, [[object()]])
    with pytest.raises(TaskFailedError, match="the result: a value of type object"):
        grid.submit(lambda _event: [object()], [1], retry=ONCE).results(timeout=60)
    # What the function captures is pickled.
    assert grid.submit(lambda event: event in factor, [1, 2]).results(timeout=60) == [True, False]


def test_no_task_sees_what_another_changed_in_its_function(grid: Grid) -> None:
    seen: list[int] = []

    def notes(event: int) -> int:
        seen.append(event)
        return len(seen)

    assert grid.submit(notes, range(20)).results(timeout=60) == [1] * 20
    assert grid.submit(Desk(1).counted, range(20)).results(timeout=60) == [1] * 20
    assert list(grid.map(notes, range(20))) == [1] * 20


def test_a_large_function_goes_along_once(grid: Grid) -> None:
    large = b"x" * 5_000_000
    assert grid.submit(lambda event: len(large) + event, range(50)).results(timeout=60) == list(
        range(5_000_000, 5_000_050)
    )


def test_a_session_is_known_by_its_function_s_name_and_line(grid: Grid) -> None:
    session = grid.submit(lambda event: event, [1])
    assert "<lambda> at test_any_callable.py:" in session.handler
    session.results(timeout=60)
    (outcome,) = session.outcomes()
    assert outcome.code


def test_a_function_that_has_no_name_can_be_submitted_again(grid: Grid, tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def fails_first(event: int) -> int:
        if event == 1 and not mark.exists():
            raise ValueError("not yet")
        return event

    first = grid.submit(fails_first, [0, 1, 2], retry=ONCE, id="carried-again")
    assert first.wait(timeout=60).failed == 1
    # As one submission, although it is pickled anew.
    assert grid.submit(fails_first, [0, 1, 2], retry=ONCE, id="carried-again").wait(timeout=60).failed == 1
    mark.touch()
    assert grid.retry(first.id).results(timeout=60) == [1]
    other = grid.session(first.id)
    assert other.results(timeout=60, return_exceptions=True)[2] == 2


def test_what_a_function_raises_is_told_with_its_own_lines_alone(grid: Grid) -> None:
    async def fails(event: Any) -> None:
        raise ValueError("so it is")

    handlers: list[Any] = [lambda event: event["no"], fails]
    for function, message in zip(handlers, ("'no'", "so it is"), strict=True):
        (outcome,) = grid.submit(function, [{}], retry=ONCE).outcomes(timeout=60)
        assert outcome.error is not None
        assert outcome.error.message == message
        assert "test_any_callable.py" in outcome.error.traceback
        assert "asyncio" not in outcome.error.traceback
        assert "htcgrid_agent" not in outcome.error.traceback


def test_what_cannot_be_pickled_is_told_at_once(grid: Grid) -> None:
    lock = __import__("threading").Lock()
    for ask in (lambda f: grid.submit(f, [1]), lambda f: grid.map(f, [1]), lambda f: grid.executor().submit(f, 1)):
        with pytest.raises(
            EncodingError, match=r"<lambda>.*cannot be pickled: TypeError: cannot pickle '_thread.lock'"
        ):
            ask(lambda event: lock)


def generates(event: Any) -> Any:
    yield event


async def generates_late(event: Any) -> Any:
    yield event


@pytest.mark.parametrize("function", [generates, functools.partial(generates), generates_late, None, 5, json, [len]])
def test_what_gives_no_result_is_refused_with_what_to_do(grid: Grid, function: Any) -> None:
    with grid.executor() as executor:
        for ask in (
            lambda: grid.submit(function, [1]),
            lambda: grid.open_session(function),
            lambda: grid.map(function, [1]),
            lambda: grid.map(function, [1], codec="pickle"),
            lambda: executor.submit(function, 1),
        ):
            with pytest.raises(ConfigError, match=r"let it return its results, as|must be a function|can be called"):
                ask()


class Raising:
    """Answers no question about itself."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __call__(self, event: Any) -> Any:
        return event

    def __getattribute__(self, name: str) -> Any:
        raise object.__getattribute__(self, "_error")


class Anything:
    """Has every attribute, and another object each time."""

    def __call__(self, event: Any) -> Any:
        return event

    def __getattr__(self, name: str) -> Any:
        return Anything()


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (Raising(ValueError("no luck")), "ValueError: no luck"),
        (Raising(SystemExit(3)), "SystemExit: 3"),
        (Raising(RecursionError()), "RecursionError"),
        (Raising(AssertionError("ask nothing")), "AssertionError: ask nothing"),
    ],
    ids=["ValueError", "SystemExit", "RecursionError", "AssertionError"],
)
def test_what_cannot_be_looked_at_is_refused_with_the_reason(grid: Grid, function: Any, reason: str) -> None:
    with grid.executor() as executor:
        for ask in (
            lambda: grid.submit(function, [1]),
            lambda: grid.open_session(function),
            lambda: grid.map(function, [1]),
            lambda: executor.submit(function, 1),
        ):
            with pytest.raises(ConfigError, match=f"of type Raising cannot be looked at: {reason}; define a function"):
                ask()


def test_an_object_that_has_every_attribute_is_told_at_once(grid: Grid) -> None:
    with pytest.raises(ConfigError, match="of type Anything cannot be looked at"):
        grid.submit(Anything(), [1])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: 1, "takes no argument; it must take"),
        (lambda event, context, curve: 1, "needs 3 arguments; it must take"),
        (lambda event, *, curve: 1, "needs the argument 'curve' by its name; it must take"),
    ],
)
def test_a_handler_that_cannot_take_an_event_is_refused_at_once(grid: Grid, function: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        grid.submit(function, [1])


def handler(event: Any, context: Any) -> Any:
    return event


@pytest.mark.parametrize("function", [handler, functools.partial(handler), lambda event, context: event, divmod])
def test_a_map_of_a_handler_with_a_context_says_what_it_wants(grid: Grid, function: Any) -> None:
    with pytest.raises(ConfigError, match=r"one item of each iterable, 1 here, and it takes \(.*: missing .*submit"):
        grid.map(function, [1])


#: Coroutines that leave something behind, and what the next task finds.
LEAVING = """
import asyncio, contextvars, json, sys
from htcgrid import Grid

WORD = contextvars.ContextVar("WORD", default="none")
LOOPS = []
ENDED = []

async def ends_late():
    try:
        await asyncio.sleep(3600)
    finally:
        ENDED.append(1)

async def leaves(event, context):
    WORD.set("left")
    asyncio.create_task(ends_late())
    await asyncio.sleep(0)
    LOOPS.append(asyncio.get_running_loop())
    return len(asyncio.all_tasks())

async def finds(event, context):
    LOOPS.append(asyncio.get_running_loop())
    return [len(asyncio.all_tasks()), WORD.get(), len(ENDED), LOOPS[0] is LOOPS[-1]]

def both(event, context):
    return leaves(event, context) if event == "leave" else finds(event, context)

async def exits(event, context):
    sys.exit(3)

async def stops(event, context):
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

if __name__ == "__main__":
    with Grid.open(workers=1) as grid:
        # One session after the other, for the tasks of one may be run in any order.
        said = [grid.submit(both, [what]).results(timeout=60)[0] for what in ("leave", "find", "find")]
        for bad in (exits, stops):
            (outcome,) = grid.submit(bad, [1], retry=None).outcomes(timeout=60)
            said.append(outcome.error.type)
        said.append(grid.submit(finds, ["find"]).results(timeout=60)[0][0])
        print(json.dumps(said))
"""


def test_what_a_coroutine_leaves_running_ends_with_its_task(tmp_path: Path) -> None:
    assert run(LEAVING, tmp_path) == [2, [1, "none", 1, True], [1, "none", 1, True], "SystemExit", "RuntimeError", 1]


CLASSES = """
import dataclasses, enum, json
from htcgrid import Grid

@dataclasses.dataclass
class Trade:
    notional: float

class Side(enum.Enum):
    BUY = 1

{main}
    with Grid.open(workers=1) as grid:
        same = lambda trade: isinstance(trade, Trade) and Trade(trade.notional + 1)
        said = []
        said.append(grid.submit(same, [Trade(1.0)]).results(timeout=60) == [Trade(2.0)])
        said.append(list(grid.map(same, [Trade(1.0)])) == [Trade(2.0)])
        with grid.executor() as executor:
            said.append(executor.submit(same, Trade(1.0)).result(timeout=60) == Trade(2.0))
            said.append(executor.submit(lambda side: side is Side.BUY, Side.BUY).result(timeout=60))
        print(json.dumps(said))
"""


def test_a_function_without_a_name_knows_its_script_s_classes(tmp_path: Path) -> None:
    assert run(CLASSES.format(main='if __name__ == "__main__":'), tmp_path) == [True] * 4


#: Functions that workers do not find by a name, which each multiply by another number.
NOT_FOUND = """
import functools, importlib.util, json, runpy, sys, types
from pathlib import Path
from htcgrid import Grid

def wrapping(function):
    @functools.wraps(function)
    def wrapper(event):
        return function(event)
    return wrapper

def loaded(name, file, known):
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    if known:
        sys.modules[name] = module
    spec.loader.exec_module(module)
    return module

def of_code(code, **variables):
    exec(code, variables)
    return variables["function"]

if "__main__" == __name__:
    def guarded(event): return event * 1

    class Desk:
        @staticmethod
        def price(event): return event * 2
        @classmethod
        def value(cls, event): return event * 3
        def __call__(self, event): return event * 4

    if True:
        def deeper(event): return event * 5

    @wrapping
    def wrapped(event): return guarded(event) * 6

    exec("def executed(event): return event * 7")
    cases = [guarded, Desk.price, Desk.value, Desk(), deeper, wrapped, executed]
    cases.append(of_code("def function(event): return event * 8", __name__="__main__"))
    cases.append(of_code("def function(event): return event * 9", __name__="elsewhere"))
    cases.append(of_code("def function(event): return event * 10"))
    Path("away").mkdir()
    source = "FACTOR = {}\\ndef inner(event): return event * FACTOR\\ndef function(event): return inner(event)\\n"
    for number in range(11, 17):
        Path(f"away/part{number}.py").write_text(source.format(number))
    cases.append(loaded("part11", "away/part11.py", known=True).function)
    cases.append(loaded("part12", "away/part12.py", known=False).function)
    cases.append(loaded("package.part13", "away/part13.py", known=True).function)
    # What is imported by this name is another.
    cases.append(loaded("colorsys", "away/part14.py", known=True).function)
    part = loaded("part15", "away/part15.py", known=True)
    cases.append(lambda event: part.function(event))
    cases.append(runpy.run_path("away/part16.py")["function"])
    made = sys.modules["made"] = types.ModuleType("made")
    exec("class Desk:\\n  @staticmethod\\n  def price(event): return event * 17", made.__dict__)
    cases.append(made.Desk.price)
    cases.append(types.FunctionType((lambda event: event * 18).__code__, globals(), "renamed"))

    with Grid.open(workers=1) as grid, grid.executor() as executor:
        said = []
        for case in cases:
            (value,) = grid.submit(case, [1]).results(timeout=60)
            said.append([value, *grid.map(case, [1]), executor.submit(case, 1).result(60)])
        print(json.dumps(said))
"""


def test_functions_that_workers_do_not_find_go_along(tmp_path: Path) -> None:
    assert run(NOT_FOUND, tmp_path) == [[number] * 3 for number in range(1, 19)]


UNGUARDED = """
import dataclasses, json
from htcgrid import Grid

@dataclasses.dataclass
class Trade:
    notional: float

def price(notional):
    return Trade(notional).notional * FACTOR

FACTOR = 3
with Grid.open(workers=1) as grid:
    print(json.dumps([grid.submit(lambda event: price(event) + 1, [1, 2]).results(timeout=60)]))
"""


def test_a_script_without_a_guard_can_submit_what_has_no_name(tmp_path: Path) -> None:
    assert run(UNGUARDED, tmp_path) == [[4, 7]]


REOPENED = """
import json, sys
from htcgrid import Grid

if __name__ == "__main__":
    with Grid.open(folder="kept", workers=1) as grid:
        if sys.argv[1] == "submit":
            factor = 7
            grid.submit(lambda event: event * factor, [1, 2, 3], id="kept")
            print("[]")
        else:
            print(json.dumps(grid.session("kept").results(timeout=60)))
"""


def test_a_folder_that_another_process_opens_later_goes_on_with_such_sessions(tmp_path: Path) -> None:
    run(REOPENED, tmp_path, "submit")
    assert run(REOPENED, tmp_path, "read", name="other.py") == [7, 14, 21]
    shown = subprocess.run(
        [Path(sys.executable).with_name("htcgrid"), "results", "kept"],
        cwd=tmp_path,
        env={**os.environ, "HTCGRID_CONFIG": "kept/embedded.toml"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "21" in shown.stdout, shown.stderr


PROMPT = """
import json
from htcgrid import Grid
def square(event, context): return event * event

class Desk:
    def __call__(self, event): return square(event, None) + 1

grid = Grid.open(workers=1)
print(json.dumps([grid.submit(square, [3]).results(timeout=60), list(grid.map(Desk(), [3]))]))
grid.close()
"""


def typed(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Type code into Python's prompt."""
    words = [sys.executable, "-q", "-i"]
    return subprocess.run(words, cwd=folder, input=code, capture_output=True, text=True, timeout=100, check=False)


def test_a_prompt_s_functions_go_along(tmp_path: Path) -> None:
    done = typed(PROMPT, tmp_path)
    assert "[[9], [10]]" in done.stdout, done.stderr


def run(code: str, folder: Path, *words: str, name: str = "client.py") -> Any:
    (folder / name).write_text(code)
    done = subprocess.run(
        [sys.executable, name, *words], cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    assert lines, (done.stdout + done.stderr)[-3000:]
    return json.loads(lines[-1])


def test_with_agents_of_others_both_sides_must_want_it(grid: Grid) -> None:
    assert grid.config is not None
    with Grid.open(grid.config.folder / "embedded.toml") as other:
        for ask in (
            lambda f: other.submit(f, [1]),
            lambda f: other.map(f, [1]),
            lambda f: other.executor().submit(f, 1),
        ):
            with pytest.raises(ConfigError, match=r"use codec='pickle', .* 'pickle = true' in their \[agent\]"):
                ask(lambda event: event)
        # Its agents allow it.
        assert other.submit(lambda event: {event}, [1], codec="pickle").results(timeout=60) == [{1}]
        failing = other.submit(lambda event: [][event], [1], codec="pickle", retry=ONCE)
        with pytest.raises(TaskFailedError, match="IndexError"):
            failing.results(timeout=60)


#: A class that is typed into a prompt, on its way in any direction.
PROMPT_S_CLASS = """
import dataclasses, json
from htcgrid import Grid
@dataclasses.dataclass
class Trade:
    notional: float

def told(handler, payload, **options):
    try:
        return str(grid.submit(handler, [payload], **options).results(timeout=60))
    except Exception as error:
        return str(error)

grid = Grid.open(workers=1)
said = [told(lambda event: 1, Trade(1.0)), told(lambda event: Trade(event), 1.0)]
print(json.dumps([*said, told(lambda event: Trade(event.notional), Trade(1.0), codec="pickle")]))
grid.close()
"""


def test_what_to_do_for_a_prompt_s_classes_is_said_in_both_directions(tmp_path: Path) -> None:
    done = typed(PROMPT_S_CLASS, tmp_path)
    there, back, pickled = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("[")))
    for said in (there, back):
        assert "a prompt or a notebook: use codec='pickle', or put the class into a module" in said
        assert "imports from" not in said
    assert pickled == "[Trade(notional=1.0)]"
