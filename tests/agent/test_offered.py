"""The allow list's other half: of the modules that it allows, what they offer runs, and nothing that they only have."""

import sys
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htcgrid import handler
from htcgrid.model.handlers import allows
from htcgrid.model.offered import NotOfferedError, offered
from htcgrid_agent.runtimes.python.loader import HandlerError, Handlers
from tests.agent import offering

HOME = "tests.agent.offering"


def _words(text: str) -> list[str]:
    return text.split()


#: Of a module that defines, makes and imports all kinds of things.
OFFERED = _words(
    """
    price awaited _private cached dispatched by_another_s_decorator decorated_often managed own_decorator
    marked_behind_a_decorator Model Model.method Model.static Model.of_class Model.cached Model.marked Model.Inner
    Model.Inner.static Derived Derived.own Opened Trade Trade.value Side Side.flipped Point Abstract Abstract.value
    listed_import listed_object ListedHelper ListedHelper.method Path_of_ours Path_of_ours.unlink marked_object
    marked_partial marked_import marked_method lambda_of_ours
    """
)
REFUSED = _words(
    """
    os os.system os.environ os.environ.get os.path.join subprocess subprocess.run module_alias module_alias.getenv
    json.dumps environ environ.get environ.setdefault environ.copy getenv listdir remove system path path.join
    output Path Path.cwd Path.home Path.unlink Path.write_text HERE HERE.unlink HERE.write_text HERE.rmdir Popen
    Popen.communicate check_output getoutput Opened.communicate Opened.wait Opened.kill sqrt root star itemgetter
    attrgetter methodcaller methods getter reduce whole partial lru_cache dumped chosen typing.cast Any NamedTuple
    anything listing np np.sin np.fromfile random_of_numpy seeded.seed ufunc ARRAY ARRAY.tofile ARRAY.dump generator
    generator.normal Mock mock mock.anything magic MagicMock magic.return_value model model.method model.static
    model.of_class model.called bound bound_of_class bound_elsewhere helped helped.method Helper Helper.method
    helper renamed Base Base.inherited decorated silent by_a_decorator_that_says_nothing Derived.inherited
    own_partial own_partial.func partial_of_another partial_of_another.func cached_import cached_import.cache_clear
    cached_helper cached.cache_clear cached.__wrapped__ wrapped_import wrapped_twice logger logger.info
    logger.manager logger.addHandler logging.getLogger lock lock.acquire event_object.set threading.Thread PATTERN
    PATTERN.match names names.get functions functions.append functions.pop number number.bit_length text text.format
    nothing listed_number appended re.compile others others.count no_such missing enum.Enum abc.ABC
    dataclasses.dataclass Model.scale Model.stolen Model.stolen_static Model.stolen_path Model.stolen_path.unlink
    Model.stolen_partial Model.helper Model.cached_stolen Model.valued Model.called Model.Inner.stolen Model.mro
    Model.no_such Model.method.__func__ Model.__init__ Model.__call__ Model.__class__ Model.__subclasses__
    Model.__dict__.get price.__globals__ price.__globals__.get price.__code__ price.__call__ price.__get__
    price.__defaults__ __builtins__ __builtins__.get __loader__.get_data __spec__ __import__ __dict__.get Side.BUY
    Side.BUY.flipped Side.mro Trade.__init__ Point._make Point._replace Abstract.register marked_object.method
    marked_method.__func__ marked_partial.func listed_object.__call__ managed.__wrapped__ claimed
    """
)


def test_there_are_enough_names() -> None:
    assert len(OFFERED) + len(REFUSED) >= 200
    assert not set(OFFERED) & set(REFUSED)


@pytest.mark.parametrize("calls", [False, True], ids=["events", "calls"])
@pytest.mark.parametrize("name", OFFERED)
def test_what_a_module_offers_is_found(name: str, calls: bool) -> None:
    assert callable(offered(offering, name))
    if name not in {"managed", "Abstract.value", "Point", "Path_of_ours.unlink"}:
        with_arguments = Handlers().load(f"{HOME}:{name}", calls=True)
        assert callable(with_arguments)


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_module_only_has_is_refused_with_the_reason(name: str) -> None:
    for calls in (False, True):
        with pytest.raises(HandlerError, match="handler '") as caught:
            Handlers().load(f"{HOME}:{name}", calls=calls)
        assert isinstance(caught.value.__cause__, NotOfferedError)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("environ.get", "'environ' is a _Environ, and cannot be called"),
        (
            "getenv",
            "'getenv' is imported from 'os', and not a function or a class that .* defines: name it there",
        ),
        (
            "own_partial",
            "'own_partial' is a partial, and not .*: mark it with htcgrid.handler, or list it in the __all__",
        ),
        (
            "model.method",
            "'model' is a Model, and not a function or a class that 'tests.*' defines: mark",
        ),
        ("os.system", "'os' is a module that 'tests.agent.offering' imports: name that one"),
        (
            "Model.stolen",
            "'stolen' of class 'Model' is not a function that 'tests.*' defines: mark",
        ),
        ("Derived.inherited", "the body of class 'Derived' defines no 'inherited'"),
        ("price.__globals__", "'price' is a function, whose '__globals__' anybody may have defined"),
        ("missing", "'tests.agent.offering' has no attribute 'missing'"),
        ("listed_number", "'listed_number' is a int, and cannot be called"),
    ],
)
def test_the_reason_says_what_to_do(name: str, reason: str) -> None:
    with pytest.raises(NotOfferedError, match=reason):
        offered(offering, name)


def _names_of(thing: object) -> list[str]:
    try:
        return [name for name in dir(thing) if name.isidentifier()]
    except Exception:  # noqa: BLE001 - some things have no list of names
        return []


@st.composite
def paths(draw: st.DrawFn) -> str:
    """Draw a way from the module to anything that it leads to."""
    found: Any = offering
    path: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        if not (names := _names_of(found)):
            break
        path.append(draw(st.sampled_from(names)))
        found = getattr(found, path[-1], None)
    return ".".join(path)


def _is_in_the_rule(found: Any, path: str) -> bool:
    """Say once more, and as plainly as can be, what the rule is."""
    first = path.partition(".")[0]
    if first in offering.__all__ and "." not in path:
        return True
    if getattr(getattr(found, "__func__", found), "__dict__", {}).get("__htcgrid_handler__"):
        return True
    home = offering if first not in offering.__all__ else sys.modules[getattr(offering, first).__module__]
    inner: Any = getattr(found, "__func__", found)
    while getattr(inner, "__wrapped__", None) is not None:
        inner = inner.__wrapped__
    if isinstance(inner, type):
        return inner.__module__ == home.__name__
    if isinstance(inner, BuiltinFunctionType):
        return inner.__self__ is home
    return isinstance(inner, FunctionType) and inner.__globals__ is vars(home)


@given(paths())
def test_whatever_is_found_is_in_the_rule(path: str) -> None:
    try:
        found = offered(offering, path)
    except NotOfferedError:
        return
    assert callable(found)
    assert _is_in_the_rule(found, path)
    assert not any(part.startswith("__") for part in path.split("."))


def test_what_is_written_in_c_is_of_its_own_module() -> None:
    for module, name in (("math", "sqrt"), ("builtins", "len"), ("time", "sleep"), ("_operator", "add")):
        assert callable(offered(__import__(module), name))
    # Of numpy's compiled functions.
    numpy = __import__("numpy.random._generator", fromlist=["default_rng"])
    assert callable(offered(numpy, "default_rng"))
    with pytest.raises(NotOfferedError, match="imported from"):
        offered(__import__("operator"), "_abs")


def test_names_that_a_module_makes_when_they_are_asked_for_are_had_if_it_lists_them() -> None:
    module = ModuleType("lazy")
    asked = []

    def make(name: str) -> Any:
        asked.append(name)
        if name == "price":
            return len
        raise AttributeError(name)

    vars(module).update(__getattr__=make, __all__=("price",))
    assert offered(module, "price") is len
    with pytest.raises(NotOfferedError, match="has no attribute 'other'"):
        offered(module, "other")
    assert set(asked) == {"price"}


@pytest.mark.parametrize("odd", [None, 5, "price", {"price": 1}, [5, None], object()])
def test_an_odd_list_of_names_lists_nothing(odd: object) -> None:
    module = ModuleType("odd")
    vars(module).update(__all__=odd, price=len)
    with pytest.raises(NotOfferedError):
        offered(module, "price")


@pytest.mark.parametrize("function", [len, 5, None, "name", "text".upper])
def test_what_takes_no_mark_is_told(function: Any) -> None:
    with pytest.raises(TypeError, match=r"only what can be called|cannot be marked as a handler"):
        handler(function)


@pytest.mark.parametrize(
    ("pattern", "name", "allowed"),
    [
        ("pricing:*", "pricing:price", True),
        ("pricing:*", "pricing:Model.price", True),
        ("pricing:*", "pricing:/evil.py:f", False),
        ("pricing:*", "pricing:evil:f", False),
        ("pricing:*", "pricing.evil:f", False),
        ("pricing.*:*", "pricing.swaps.vanilla:f", True),
        ("pricing*:*", "pricing_too:f", True),
        ("*:*", "pricing:price", True),
        ("*:*", "/evil.py:f", False),
        ("*:price", "pricing:price", True),
        ("*:price", "/evil/pricing:price", False),
        ("*", "/srv/any.py:f", True),
        ("*", "pricing:price", True),
        ("*", "/srv/../etc/any.py:f", False),
        ("**", "pricing:price", False),
        ("**:*", "/srv/any.py:f", True),
        ("/srv/tasks/*:*", "/srv/tasks/job.py:f", True),
        ("/srv/tasks/*:*", "/srv/tasks/below/job.py:f", False),
        ("/srv/tasks/*", "/srv/tasks/job.py:f", False),
        ("/srv/tasks/**:*", "/srv/tasks/below/job.py:f", True),
        ("/srv/tasks/**:*", "/srv/tasks/../job.py:f", False),
        ("/srv/tasks/*.py:*", "/srv/tasks/job.pyc:f", False),
        ("pricing:price?", "pricing:price2", True),
        ("pricing:price?", "pricing:price", False),
        ("pricing:price?", "pricing:price:", False),
        ("pricing:[ab]", "pricing:a", False),
        ("pricing:.", "pricing:a", False),
        ("pricing:*\n", "pricing:a", False),
        ("pricing:*", "pricing:a\nb", True),
    ],
)
def test_a_pattern_matches_within_one_part_of_a_name(pattern: str, name: str, allowed: bool) -> None:
    assert allows([pattern], name) is allowed
