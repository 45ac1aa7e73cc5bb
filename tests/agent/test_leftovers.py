"""What a task leaves behind in its process, tried on a grid with one worker: another session sees nothing of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from htcgrid import Grid
from tests.agent import leaving
from tests.agent.leaving import outcomes

#: What costs the worker its place.
REPLACED = {
    "a clock that stands", "a mocked clock", "a mocked date", "frozen clocks", "a mocked function", "a mocked method",
    "mocked modules", "a patched function", "a function that is gone", "a patched function of a package",
    "a patched generator", "a patched method", "a class that is another",
}  # fmt: skip
#: What costs it as much, unless it may undo that.
PRIVILEGED = {"few open files for ever", "a lower priority"}


@pytest.fixture(scope="module")
def innocent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    """A grid whose worker nobody leaves anything in."""
    with Grid.open(folder=tmp_path_factory.mktemp("innocent"), workers=1) as grid:
        yield grid


#: What is done, and how it is seen.
LEFT = {
    "the folder": ("os.chdir('/')", "os.getcwd()"),
    "a folder that is gone": ("d = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d)", "os.stat(os.curdir).st_nlink > 0"),
    "the mask of new files": ("os.umask(0o777)", "(m := os.umask(0o22), os.umask(m))[0]"),
    "a variable": ("os.environ['LEFT'] = 'left'", "os.environ.get('LEFT')"),
    "a variable, for programs": (
        "os.environ['LEFT'] = 'left'",
        "subprocess.run('echo $LEFT', shell=True, capture_output=True, text=True).stdout",
    ),
    "a variable less": ("del os.environ['PATH']", "os.environ.get('PATH')"),
    "variables in another object": ("os.environ = {}", "os.environ.get('PATH')"),
    "the time zone": ("os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()", "time.localtime(0)"),
    "the time zone, and no variable": (
        "os.environ['TZ'] = 'Asia/Tokyo'; time.tzset(); del os.environ['TZ']",
        "time.localtime(0)",
    ),
    "a signal that is ignored": ("signal.signal(signal.SIGUSR1, signal.SIG_IGN)", "signal.getsignal(signal.SIGUSR1)"),
    "a signal that stops nothing": (
        "signal.signal(signal.SIGINT, lambda *_: None)",
        "signal.getsignal(signal.SIGINT) is signal.default_int_handler",
    ),
    "a signal that ends the worker": (
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)",
        "signal.getsignal(signal.SIGTERM) == signal.SIG_DFL",
    ),
    "a signal that is blocked": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})",
        "signal.pthread_sigmask(signal.SIG_BLOCK, ())",
    ),
    "an alarm": ("signal.alarm(1000)", "signal.getitimer(signal.ITIMER_REAL)[0] > 0"),
    "a timer": ("signal.setitimer(signal.ITIMER_PROF, 1000, 1000)", "signal.getitimer(signal.ITIMER_PROF)[1]"),
    "a descriptor that signals wake": (
        "r, w = socket.socketpair(); w.setblocking(False); signal.set_wakeup_fd(w.fileno())",
        "(n := signal.set_wakeup_fd(-1), signal.set_wakeup_fd(n))[0]",
    ),
    "the locale": ("locale.setlocale(locale.LC_NUMERIC, 'C.UTF-8')", "locale.setlocale(locale.LC_ALL)"),
    "the precision of decimals": ("decimal.getcontext().prec = 3", "decimal.Decimal(1) / 3"),
    "the rounding of decimals": (
        "decimal.setcontext(decimal.Context(prec=5, rounding='ROUND_UP'))",
        "decimal.Decimal(1) / 3",
    ),
    "a trap of decimals": ("decimal.getcontext().traps[decimal.Inexact] = True", "decimal.getcontext()"),
    "warnings that are errors": ("warnings.simplefilter('error')", "[f[:4:2] for f in warnings.filters]"),
    "warnings that are caught": (
        "warnings.catch_warnings(record=True).__enter__(); warnings.resetwarnings()",
        "(warnings.showwarning.__qualname__, [f[:4:2] for f in warnings.filters])",
    ),
    "warnings that are logged": ("logging.captureWarnings(True)", "warnings.showwarning.__module__"),
    "a folder of modules": ("sys.path.insert(0, '/left')", "'/left' in sys.path"),
    "another list of folders": ("sys.path = ['/left']", "sys.path == ['/left']"),
    "arguments": ("sys.argv = ['left']", "sys.argv == ['left']"),
    "the depth of calls": ("sys.setrecursionlimit(300)", "sys.getrecursionlimit()"),
    "a tracer": ("sys.settrace(lambda *_: None)", "sys.gettrace()"),
    "a profiler": ("sys.setprofile(lambda *_: None)", "sys.getprofile()"),
    "a tracer of threads": ("threading.settrace(print)", "threading.gettrace()"),
    "what shows errors": ("sys.excepthook = print", "sys.excepthook is print"),
    "what shows errors of threads": ("threading.excepthook = print", "threading.excepthook is print"),
    "the length of tracebacks": ("sys.tracebacklimit = 0", "getattr(sys, 'tracebacklimit', None)"),
    "no collection": ("gc.disable()", "gc.isenabled()"),
    "rare collection": ("gc.set_threshold(10**6)", "gc.get_threshold()"),
    "how often threads change": ("sys.setswitchinterval(1)", "sys.getswitchinterval()"),
    "how long numbers are": ("sys.set_int_max_str_digits(1000)", "sys.get_int_max_str_digits()"),
    "how long sockets wait": ("socket.setdefaulttimeout(0.001)", "socket.getdefaulttimeout()"),
    "a handler of logs": (
        "logging.basicConfig(level=1)",
        "(logging.root.level, len(logging.root.handlers))",
    ),
    "no logs": ("logging.disable()", "logging.getLogger('x').isEnabledFor(logging.ERROR)"),
    "one core": ("os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})", "os.sched_getaffinity(0)"),
    "errors of numpy": ("np.seterr(all='raise')", "np.geterr()"),
    "a function of Python's": ("builtins.sum = max", "sum([1, 2])"),
    "a function more of Python's": ("builtins.left = 1", "'left' in dir(builtins)"),
    "a function of the system's": ("os.getcwd = lambda: 'nowhere'", "os.getcwd()"),
    "few open files": (
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))",
        "resource.getrlimit(resource.RLIMIT_NOFILE)",
    ),
    "few open files for ever": (
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
        "resource.getrlimit(resource.RLIMIT_NOFILE)",
    ),
    "a lower priority": ("os.nice(3)", "os.nice(0)"),
    "how processes start": ("multiprocessing.set_start_method('spawn')", "multiprocessing.get_start_method(True)"),
    "no event loop": ("asyncio.run(asyncio.sleep(0))", "asyncio.get_event_loop_policy()._local._set_called"),
    "a context variable": ("VARIABLE.set('left')", "VARIABLE.get()"),
    "no input": ("sys.stdin.close()", "sys.stdin.closed"),
    "another input": ("sys.stdin = io.StringIO('left')", "sys.stdin.read()"),
    "the first output": ("sys.__stdout__ = None", "sys.__stdout__ is None"),
    "no dump of crashes": ("faulthandler.disable()", "faulthandler.is_enabled()"),
    "the precision of other threads' decimals": (
        "decimal.DefaultContext.prec = 5",
        "in_thread(lambda: decimal.getcontext().prec)",
    ),
    "a seed": ("random.seed(1)", "random.random() == 0.13436424411240122"),
    "a seed of numpy's": ("np.random.seed(1)", "np.random.random() == 0.417022004702574"),
    "a state of numpy's": (
        "np.random.set_state(np.random.RandomState(1).get_state())", "np.random.random() == 0.417022004702574",
    ),
    "a logger's level and handlers": (
        "log = logging.getLogger('lib'); log.setLevel(10); log.addHandler(logging.NullHandler())",
        "(logging.getLogger('lib').getEffectiveLevel(), logging.getLogger('lib').handlers)",
    ),
    "loggers that are silent": (
        "import logging.config; logging.config.dictConfig({'version': 1})",
        "[log for log in logging.root.manager.loggerDict.values() if hasattr(log, 'level') and log.disabled]",
    ),
    "names of levels": ("logging.addLevelName(5, 'TRACE'); logging.addLevelName(10, 'D')", "logging._levelToName"),
    "a finder of modules": ("sys.meta_path.insert(0, np)", "np in sys.meta_path"),
    "no hooks of folders": ("sys.path_hooks.clear()", "len(sys.path_hooks)"),
    "hooks of generators": ("sys.set_asyncgen_hooks(print)", "sys.get_asyncgen_hooks()"),
    "origins of coroutines": (
        "sys.set_coroutine_origin_tracking_depth(5)", "sys.get_coroutine_origin_tracking_depth()",
    ),
    "how libraries are opened": ("sys.setdlopenflags(1)", "sys.getdlopenflags()"),
    "a prompt": ("sys.ps1 = '>'", "hasattr(sys, 'ps1')"),
    "traced memory": ("import tracemalloc; tracemalloc.start()", "__import__('tracemalloc').is_tracing()"),
    "a thread's name": ("threading.current_thread().name = 'left'", "threading.current_thread().name"),
    "a process's name": ("multiprocessing.current_process().name = 'left'", "multiprocessing.current_process().name"),
    "the folder of temporary files": ("tempfile.tempdir = '/var/tmp'", "tempfile.gettempdir()"),
    "how fields are limited": ("import csv; csv.field_size_limit(5)", "__import__('csv').field_size_limit()"),
    "how objects are pickled": (
        "import copyreg; copyreg.pickle(complex, print)", "__import__('copyreg').dispatch_table[complex].__name__",
    ),
    "where time zones are": (
        "import zoneinfo; zoneinfo.reset_tzpath([tempfile.gettempdir()])", "__import__('zoneinfo').TZPATH",
    ),
    "an opener of addresses": (
        "import urllib.request; urllib.request.install_opener(1)", "__import__('urllib.request').request._opener",
    ),
    "options of pandas": ("pd.set_option('display.precision', 2)", "pd.get_option('display.precision')"),
    "pandas' strings": ("pd.set_option('future.infer_string', False)", "pd.Series(['a']).dtype"),
    "a small stack": (
        "resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))",
        "resource.getrlimit(resource.RLIMIT_STACK)",
    ),
    "a mocked function": ("unittest.mock.patch('json.dumps', return_value='left').start()", "json.dumps(1)"),
    "a mocked method": (
        "unittest.mock.patch.object(fractions.Fraction, '__str__', lambda _: 'left').start()",
        "str(fractions.Fraction(1))",
    ),
    "mocked modules": (
        "unittest.mock.patch.dict(sys.modules, left=unittest.mock.Mock()).start()",
        "'left' in sys.modules",
    ),
    "a patched function": ("math.sqrt = abs", "math.sqrt(4)"),
    "a function that is gone": ("os.fork = None", "os.fork"),
    "a patched function of a package": ("np.mean = np.sum", "np.mean([1, 2])"),
    "a patched generator": ("random.random = lambda: 0", "random.random() == 0"),
    "a patched method": ("pathlib.Path.exists = lambda _: True", "pathlib.Path('/no/such').exists()"),
    "a class that is another": ("socket.socket = None", "socket.socket"),
    "a clock that stands": ("time.time = lambda: 0", "time.time() > 0"),
    "a mocked clock": ("unittest.mock.patch('time.monotonic', return_value=0).start()", "time.monotonic() > 0"),
    "a mocked date": ("unittest.mock.patch('datetime.datetime').start()", "type(dt.datetime)"),
    "frozen clocks": ("freezegun.freeze_time('2001-01-01').start()", "dt.datetime.now().year > 2001"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_what_a_task_sets_is_not_seen_by_another_session(lone: Grid, innocent: Grid, name: str) -> None:
    code, look = LEFT[name]
    [fresh] = outcomes(innocent, leaving.see, look)
    [left] = outcomes(lone, leaving.leave, [code, look])
    assert (fresh.error, left.error) == (None, None)
    assert left.value[0] != fresh.value[0], "nothing is left"
    [after] = outcomes(lone, leaving.see, look)
    assert after.error is None
    assert (after.value[0], after.stdout) == (fresh.value[0], "seen\n")
    if name not in PRIVILEGED:
        assert (after.value[1] != left.value[1]) is (name in REPLACED)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Grid]:
    """A grid for one test, whose module leaves its marks."""
    with Grid.open(folder=tmp_path / "alone", workers=1) as grid:
        yield grid


HANDLERS = """
import os
import sys


def first(event):
    import lazy

    return lazy.__name__


def second(event):
    return [os.environ.get("LAZY"), "lazy" in sys.path]


def broken(event):
    import broken
"""
LAZY = "import os, sys\nos.environ['LAZY'] = 'set'\nsys.path.append('lazy')\n"


@pytest.fixture
def module(tmp_path: Path) -> str:
    (tmp_path / "lazily.py").write_text(HANDLERS)
    (tmp_path / "lazy.py").write_text(LAZY)
    (tmp_path / "broken.py").write_text("import math\nmath.sqrt(-1)\n")
    return f"{tmp_path}/lazily.py"


def test_what_a_module_sets_that_a_task_imports_stays_as_the_module_does(lone: Grid, module: str) -> None:
    outcomes(lone, leaving.leave, ["os.environ['LAZY'] = 'left'", "1"])
    for _ in range(2):
        assert [each.value for each in outcomes(lone, f"{module}:first", 1, 2)] == ["lazy"] * 2
        [outcome] = outcomes(lone, f"{module}:second", 1)
        assert outcome.value == ["set", True]


def test_a_worker_is_replaced_when_nobody_can_tell_what_is_the_module_s(alone: Grid, module: str) -> None:
    code = f"os.environ['LEFT'] = 'left'; sys.path.append({str(Path(module).parent)!r}); import lazy"
    [left] = outcomes(alone, leaving.leave, [code, "1"])
    [after] = outcomes(alone, leaving.see, "[os.environ.get('LEFT'), os.environ.get('LAZY')]")
    assert (left.error, after.value[0]) == (None, "[None, None]")
    assert after.value[1] != left.value[1]


def test_the_traceback_of_an_import_that_fails_shows_the_user_s_lines_alone(lone: Grid, module: str) -> None:
    [outcome] = outcomes(lone, f"{module}:broken", 1)
    assert outcome.error is not None
    assert outcome.error.type == "ValueError"
    files = re.findall(r'File "(.*)"', outcome.error.traceback)
    assert [Path(file).name for file in files] == ["lazily.py", "broken.py"]


#: What an import does before it fails, and how it is seen.
HALF = {
    "a variable": ("os.environ['HALF'] = 'left'", "os.environ.get('HALF')"),
    "the folder": ("os.chdir('/')", "os.getcwd()"),
    "a seed": ("random.seed(7)", "random.getstate() == random.Random(7).getstate()"),
    "warnings that are errors": ("warnings.simplefilter('error')", "[f[:4:2] for f in warnings.filters]"),
    "the precision of decimals": ("decimal.getcontext().prec = 3", "decimal.Decimal(1) / 3"),
    "the mask of new files": ("os.umask(0o777)", "(m := os.umask(0o22), os.umask(m))[0]"),
    "a level of the log": ("logging.getLogger().setLevel(1)", "logging.getLogger().level"),
}


@pytest.mark.parametrize("name", HALF)
def test_what_an_import_does_that_fails_is_not_seen_by_another_session(
    tmp_path: Path, lone: Grid, innocent: Grid, name: str
) -> None:
    code, look = HALF[name]
    imports = "import decimal, logging, os, random, warnings"
    (tmp_path / "half.py").write_text(f"{imports}\n{code}\nraise RuntimeError('half-way')\n")
    [failed] = outcomes(lone, f"{tmp_path}/half.py:handler", 1)
    assert failed.error is not None
    assert "half-way" in failed.error.message
    [after], [fresh] = (outcomes(grid, leaving.see, look) for grid in (lone, innocent))
    assert (after.error, after.value[0]) == (None, fresh.value[0])


OWN = """
import io
import os
import signal
import sys
import warnings

FOUND = os.getcwd(), os.environ.get("LEFT"), sys.stdout.encoding
os.environ["OWN"] = "import"
sys.stdout = io.TextIOWrapper(sys.stdout.buffer, "latin-1")
sys.stderr.reconfigure(encoding="ascii", errors="replace")
warnings.simplefilter("ignore", UserWarning)


def setup():
    os.chdir("/")
    signal.signal(signal.SIGUSR1, setup)
    sys.setrecursionlimit(2_000)


def see(event):
    print("caf\u00e9")
    print("caf\u00e9", file=sys.stderr)
    handler = signal.getsignal(signal.SIGUSR1)
    return [os.getcwd(), os.environ["OWN"], handler is setup, sys.getrecursionlimit(), warnings.filters[0][2].__name__]


def found(event):
    return FOUND
"""


def test_what_a_module_sets_at_its_import_and_in_its_setup_stays(tmp_path: Path, alone: Grid) -> None:
    (tmp_path / "own.py").write_text(OWN)
    own = ["/", "import", True, 2_000, "UserWarning"]
    here = outcomes(alone, leaving.see, "os.getcwd()")[0].value[0]
    # The module is loaded where another session has left much.
    outcomes(alone, leaving.leave, ["os.chdir('/tmp'); os.environ['LEFT'] = 'left'; sys.stdout.detach()", "1"])
    [found] = outcomes(alone, f"{tmp_path}/own.py:found", 1)
    assert found.error is None
    assert found.value == (here, None, "utf-8")
    undo = "os.chdir('/tmp'); del os.environ['OWN']; signal.signal(signal.SIGUSR1, signal.SIG_DFL)"
    for guilty in (
        undo,
        "warnings.resetwarnings()",
        "sys.setrecursionlimit(900)",
        "sys.stdout = None; sys.stderr.detach()",
    ):
        [outcome] = outcomes(alone, f"{tmp_path}/own.py:see", 1)
        assert (outcome.error, outcome.value) == (None, own)
        assert (outcome.stdout, outcome.stderr) == ("caf\ufffd\n", "caf?\n")
        outcomes(alone, leaving.leave, [guilty, "1"])


SEEDED = """
import random
import numpy as np
random.seed(1)
np.random.seed(1)

def draw(event):
    return [random.random(), float(np.random.random())]
"""


def test_the_seed_that_a_module_sets_is_there_for_each_session(tmp_path: Path, alone: Grid) -> None:
    (tmp_path / "seeded.py").write_text(SEEDED)
    found = []
    for _ in range(2):
        found.append(sorted(each.value for each in outcomes(alone, f"{tmp_path}/seeded.py:draw", 1, 2)))
        outcomes(alone, leaving.leave, ["random.seed(5); np.random.seed(5)", "1"])
    assert found[0] == found[1]
    assert found[0][0] == [0.13436424411240122, 0.417022004702574]


DRAWING = "import random\nimport numpy as np\nUSED = random.random(), np.random.random(2_000)\n"


def test_a_module_that_draws_at_its_import_has_set_no_seed(tmp_path: Path, alone: Grid) -> None:
    text = f"{DRAWING}def draw(event): return [random.random(), float(np.random.random())]\n"
    found = []
    for name in "ab":
        (tmp_path / f"drawing_{name}.py").write_text(text)
        outcomes(alone, leaving.leave, ["random.seed(5); np.random.seed(5)", "1"])
        for _ in range(2):
            [outcome] = outcomes(alone, f"{tmp_path}/drawing_{name}.py:draw", 1)
            found += outcome.value
    assert len(set(found)) == 8


def test_sessions_draw_other_numbers_each_time_when_nobody_seeds(lone: Grid) -> None:
    look = "(random.random(), np.random.random(), np.random.default_rng().random())"
    drawn = [outcomes(lone, leaving.see, look)[0].value[0] for _ in range(5)]
    assert len(set(drawn)) == 5


def test_a_warning_that_was_shown_to_one_session_is_shown_to_the_next(lone: Grid) -> None:
    for _ in range(2):
        first, second = outcomes(
            lone, leaving.do, *["warnings.warn_explicit('left', UserWarning, 'a', 1, registry=SHOWN)"] * 2
        )
        assert (first.error, "left" in first.stderr, "left" in second.stderr) == (None, True, False)


def test_what_a_task_sets_stays_for_its_own_session(lone: Grid) -> None:
    first, second = outcomes(lone, leaving.leave, ["os.environ['LEFT'] = 'left'", "1"], ["pass", "os.environ['LEFT']"])
    assert (first.error, second.value[0]) == (None, "left")
