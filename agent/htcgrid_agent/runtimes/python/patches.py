"""Functions and classes of well-known modules that tasks have put others in place of, as tests do.

Nobody knows which modules have taken over what was there meanwhile, so they are not put back.
"""

import sys
from operator import is_
from types import ModuleType
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
_SPLIT = [(place, names.split()) for place, names in _NAMES.items()]
_SPLIT_METHODS = [(place, names.split()) for place, names in _METHODS.items()]
_ABSENT = object()


class Names:
    """What some names stand for; equal to another as long as none stands for something else."""

    def __init__(self) -> None:
        modules = sys.modules
        #: By module or class.
        self._held: dict[object, list[Any]] = {}
        for module, names in _SPLIT:
            if module in modules:
                get = vars(modules[module]).get
                self._held[module] = [get(name, _ABSENT) for name in names]
        for place, names in _SPLIT_METHODS:
            kind = getattr(modules.get(place[0]), place[1], None)
            if isinstance(kind, type):
                found = vars(kind)
                self._held[place] = [found.get(name, _ABSENT) for name in names]

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        """Compare what both have; a module that only one has was imported between them."""
        if not isinstance(other, Names):
            return NotImplemented
        theirs = other._held
        return all(all(map(is_, held, theirs[place])) for place, held in self._held.items() if place in theirs)


def mocks() -> tuple[Any, ...]:
    """Return what :func:`unittest.mock.patch` has started, and nobody has stopped."""
    patch = getattr(sys.modules.get("unittest.mock"), "_patch", None)
    return tuple(getattr(patch, "_active_patches", ()))


def stand_ins() -> set[type]:
    """Return the types of what stands in :data:`sys.modules`, but for modules."""
    return {kind for kind in set(map(type, sys.modules.values())) if not issubclass(kind, ModuleType)}


def refuse(_was: object) -> NoReturn:
    """Do not put anything back.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError("whoever has taken over what was there in the meantime is not known")


#: How each is looked at, and how it is set again.
ALL = ((Names, refuse), (mocks, refuse), (stand_ins, refuse))
