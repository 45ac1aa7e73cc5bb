"""Enums and dataclasses that the tests of codecs send, at the top of a module that both sides import."""

from dataclasses import InitVar, dataclass, field
from enum import Enum, Flag, IntEnum, IntFlag, StrEnum
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

_T = TypeVar("_T")


class Side(Enum):
    BUY = "buy"
    SELL = "sell"
    ASK = "sell"  # noqa: PIE796 - an alias


class Shape(Enum):
    POINT = (0, 0)
    BOX = [1, 2]  # noqa: RUF012 - a value that cannot be hashed


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Currency(StrEnum):
    EUR = "EUR"
    USD = "USD"


class Right(Flag):
    READ = 1
    WRITE = 2


class Bit(IntFlag):
    ONE = 1
    TWO = 2


@dataclass
class Point:
    x: float
    y: Any = None


@dataclass(frozen=True)
class Frozen:
    name: str
    level: Level = Level.LOW


@dataclass(slots=True)
class Slotted:
    a: int
    b: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, order=True)
class FrozenSlots:
    a: int


@dataclass(kw_only=True)
class KeywordOnly:
    count: int
    #: Made by what comes after __init__, which does not run again.
    double: int = field(init=False)
    factor: InitVar[int] = 2
    made: ClassVar[list[int]] = []

    def __post_init__(self, factor: int) -> None:
        self.double = self.count * factor
        self.made.append(self.count)


@dataclass
class Derived(Point):
    z: float = 0.0


class Outer:
    @dataclass
    class Inner:
        value: Any

    class Kind(Enum):
        A = 1


@dataclass
class Box(Generic[_T]):
    held: _T


@dataclass
class Cached:
    base: int

    @cached_property
    def square(self) -> int:
        return self.base**2


@dataclass(eq=False)
class Tree:
    children: tuple["Tree", ...] = ()


@dataclass
class Unset:
    first: int
    second: int = field(init=False)


@dataclass
class Listed(list[int]):
    a: int = 1


@dataclass
class Failing(Exception):  # noqa: N818 - as users name them
    code: int = 1


@dataclass
class Hidden:
    a: Any


@dataclass
class Moody:
    """Raises what it holds when it is asked for its attributes."""

    a: BaseException

    def __getattribute__(self, name: str) -> Any:
        if name == "__dict__":
            raise object.__getattribute__(self, name)["a"]
        return object.__getattribute__(self, name)


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Real(float):
    pass


class Table(dict[str, int]):
    pass


class Row(list[int]):
    pass


class Raw(bytes):
    pass
