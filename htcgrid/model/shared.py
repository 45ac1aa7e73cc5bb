"""Shared inputs: data that many tasks read, stored once and named by a reference that travels in payloads."""

import hashlib

import msgspec

from htcgrid.errors import ConfigError
from htcgrid.model.decoding import number_of
from htcgrid.model.name import check_name
from htcgrid.model.session import SessionId

#: The handler of the sessions that stand for shared inputs: they have no tasks, and retention collects them as others.
SHARED = "htcgrid:shared"
_PREFIX = "htcgrid-shared"
#: In the bytes of every payload that holds a reference as text.
MARK = b"htcgrid-shared:"


class SharedRef(str):
    """A shared input's reference: text, so that every codec carries it, and of a type of its own where one can."""

    __slots__ = ()


class SharedInput(msgspec.Struct, frozen=True, kw_only=True):
    """What a reference says."""

    #: The session that it is collected with.
    session: SessionId
    codec: str
    size: int
    #: SHA-256 of the encoded bytes, in hex: equal inputs are fetched once, whoever put them.
    digest: str

    @classmethod
    def of(cls, session: SessionId, codec: str, data: bytes) -> "SharedInput":
        """Describe encoded ``data``."""
        return cls(session=session, codec=codec, size=len(data), digest=hashlib.sha256(data).hexdigest())

    @property
    def ref(self) -> SharedRef:
        """The reference."""
        return SharedRef(f"{_PREFIX}:{self.session}:{self.codec}:{self.size}:{self.digest}")

    @property
    def key(self) -> str:
        """Where the payload store has it: a session may have several."""
        return f"{self.session}/shared/{self.digest}"


def parse_shared(ref: object) -> SharedInput:
    """Return what a reference says.

    Raises:
        ConfigError: it is none.
    """
    parts = ref.split(":") if isinstance(ref, str) else []
    found = number_of(parts[3]) if len(parts) == 5 else None
    if found is None or parts[0] != _PREFIX or not _is_digest(parts[4]):
        raise ConfigError(f"a shared input is named by what grid.put returned, not by a value of type {_shown(ref)}")
    _, session, codec, _, digest = parts
    check_name("shared input's session", session)
    return SharedInput(session=SessionId(session), codec=codec, size=found, digest=digest)


def _is_digest(text: str) -> bool:
    return len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)


def _shown(ref: object) -> str:
    """Name a value by its type: it may be a payload."""
    return f"{type(ref).__name__}" + (f" of {len(ref)} letters" if isinstance(ref, str) else "")
