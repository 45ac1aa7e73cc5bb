"""Functions and classes of well-known modules that tasks have put others in place of, as tests do.

Nobody knows which modules have taken over what was there meanwhile, so they are not put back.
"""

import sys
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, NoReturn

#: What tests put their own in place of most, beside clocks and what :mod:`process_settings` has of ``os``; to look at
#: all that modules have would take as long as a short task.
_NAMES = {
    "asyncio": "run sleep wait_for",
    "concurrent.futures": "ThreadPoolExecutor as_completed",
    "copy": "copy deepcopy",
    "csv": "reader writer DictReader DictWriter",
    "decimal": "Decimal getcontext localcontext",
    "glob": "glob iglob",
    "hashlib": "md5 sha1 sha256 new",
    "http.client": "HTTPConnection HTTPSConnection",
    "io": "open BytesIO StringIO",
    "json": "dump dumps load loads",
    "logging": "getLogger basicConfig debug info warning error exception",
    "math": "sqrt exp log pow sin cos floor ceil isclose",
    "numpy": "array asarray arange zeros ones sum mean std exp log sqrt dot interp",
    "numpy.linalg": "solve inv norm cholesky eig lstsq",
    "numpy.random": "seed rand randn random randint normal uniform choice standard_normal default_rng",
    "os": "fork kill popen rename replace unlink mkdir rmdir walk",
    "pandas": "DataFrame Series Timestamp concat merge read_csv read_parquet read_sql to_datetime",
    "pickle": "dump dumps load loads",
    "posixpath": "exists expanduser getsize isdir isfile join",
    "random": "seed random randint randrange uniform choice choices sample shuffle gauss normalvariate",
    "re": "compile findall fullmatch match search split sub",
    "requests": "get post put delete request Session",
    "secrets": "choice randbelow token_bytes token_hex",
    "shutil": "copy copyfile move rmtree which",
    "socket": "socket create_connection getaddrinfo gethostbyname gethostname",
    "sqlite3": "connect",
    "statistics": "mean median stdev",
    "subprocess": "Popen call check_call check_output run",
    "tempfile": "NamedTemporaryFile TemporaryDirectory gettempdir mkdtemp mkstemp",
    "threading": "Event Lock Thread Timer",
    "urllib.request": "Request urlopen urlretrieve",
    "uuid": "uuid1 uuid4 uuid5",
}
#: The same of methods.
_METHODS = {
    ("json.encoder", "JSONEncoder"): "default encode iterencode",
    ("pathlib", "Path"): "cwd exists home is_dir is_file mkdir open read_bytes read_text unlink write_bytes write_text",
    ("requests.sessions", "Session"): "get post put delete request send",
    ("subprocess", "Popen"): "communicate poll wait",
}


class Names:
    """Looks what these names stand for, in the modules that are loaded."""

    def __init__(self) -> None:
        self._modules = 0
        #: Each returns the objects of one module, or class, as they are now.
        self._looks: list[tuple[Callable[[Any], Any], Any]] = []

    def look(self) -> list[Any]:
        """Return what they stand for.

        Raises:
            AttributeError: one has gone.
        """
        if len(sys.modules) != self._modules:
            self._modules = len(sys.modules)
            self._looks = [(attrgetter(*there), held) for held, names in _loaded() if (there := _there(held, names))]
        return [look(held) for look, held in self._looks]


def _loaded() -> Iterator[tuple[Any, list[str]]]:
    """Yield modules and classes that are there, with the names that are looked at."""
    for module, names in _NAMES.items():
        if (held := sys.modules.get(module)) is not None:
            yield held, names.split()
    for (module, name), names in _METHODS.items():
        if isinstance(held := getattr(sys.modules.get(module), name, None), type):
            yield held, names.split()


def _there(held: Any, names: list[str]) -> list[str]:
    """Return the names that a module has, or a class or what it inherits from: versions differ in what they have.

    No module is asked to make one.
    """
    holders = held.__mro__ if isinstance(held, type) else (held,)
    return [name for name in names if any(name in vars(holder) for holder in holders)]


def mocks() -> tuple[Any, ...]:
    """Return what :func:`unittest.mock.patch` has started, and nobody has stopped."""
    patch = getattr(sys.modules.get("unittest.mock"), "_patch", None)
    return tuple(getattr(patch, "_active_patches", ()))


def refuse(_was: object) -> NoReturn:
    """Do not put anything back.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError("whoever has taken over what was there in the meantime is not known")


def settings() -> Iterator[tuple[Callable[[], Any], Callable[[Any], None]]]:
    """Yield how each is looked at, and how it is set again: not at all."""
    yield Names().look, refuse
    yield mocks, refuse
