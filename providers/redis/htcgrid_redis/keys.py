"""Which key holds what. All keys that a script needs share a hash tag, so that a cluster has them in one place."""

import zlib
from typing import NamedTuple

from htcgrid.errors import UnreadableError
from htcgrid.model import BundleKey, SessionId
from htcgrid.model.decoding import number_of


class SessionKeys(NamedTuple):
    """The keys of a session."""

    #: A hash: what the session is, and its counts.
    header: str
    #: A hash: by ``start/birth``, the bundles that have open tasks.
    bundles: str
    #: A sorted set: the same bundles, by their start.
    open: str
    #: A stream: the entries of the log.
    log: str
    #: A hash: by start, the payloads of the bundles as they were submitted.
    inputs: str
    #: A sorted set: ``start/stop/digest`` of the bundles as they were submitted, by their start.
    roots: str


class Shard(NamedTuple):
    """The keys that the sessions of one part of a cluster share."""

    prefix: str

    @property
    def due(self) -> str:
        """A sorted set: bundles by when somebody has to look at them."""
        return f"{self.prefix}due"

    @property
    def wait(self) -> str:
        """A sorted set by its members: the pending bundles of each pool by when they may be claimed."""
        return f"{self.prefix}wait"

    @property
    def sweep(self) -> str:
        """A set: sessions that are over and have bundles."""
        return f"{self.prefix}sweep"

    @property
    def damaged(self) -> str:
        """A hash: sessions and bundles that cannot be read, until when nobody looks at them, and why."""
        return f"{self.prefix}damaged"

    @property
    def ends(self) -> str:
        """A sorted set: sessions by when they are to be collected."""
        return f"{self.prefix}ends"

    @property
    def sessions(self) -> str:
        """A sorted set by its members: when each session was created, and its id."""
        return f"{self.prefix}sessions"

    def session(self, session: SessionId) -> SessionKeys:
        """Return the keys of a session."""
        return SessionKeys(*(f"{self.prefix}{letter}:{session}" for letter in "sbolir"))


class Layout:
    """The keys of one grid."""

    def __init__(self, name: str, shards: int) -> None:
        self._name = name
        self.shards = [Shard(f"{name}:{{{number}}}:") for number in range(shards)]
        #: Agents by when they were heard of, the same by pool, and what they said.
        self.agents = tuple(f"{name}:{{agents}}:{what}" for what in ("heard", "pools", "reports"))
        #: What all who use the grid must agree on.
        self.grid = f"{name}:grid"

    def hints(self, pool: str, rank: int) -> str:
        """Return the list of a pool's hints of a rank."""
        return f"{self._name}:{{q:{pool}}}:{rank}"

    def held(self, pool: str) -> str:
        """Return the sorted set of a pool's hints that were received, by when they are there again."""
        return f"{self._name}:{{q:{pool}}}:held"

    def bell(self, pool: str, name: str) -> str:
        """Return a list with which somebody who waits for a pool's hints is woken."""
        return f"{self._name}:{{q:{pool}}}:bell:{name}"

    def objects(self, top: str) -> str:
        """Return the set of the objects whose keys begin with a word."""
        return f"{self._name}:{{o:{top}}}"

    def shard(self, session: SessionId) -> Shard:
        """Return the shard of a session; of an id that no key can have, any: there is none of it."""
        return self.shards[zlib.crc32(session.encode(errors="surrogatepass")) % len(self.shards)]


def field_of(key: BundleKey) -> str:
    """Return the name of a bundle within its session."""
    return f"{key.start}/{key.birth}"


def key_of(session: SessionId, field: str) -> BundleKey:
    """Return the bundle of this name.

    Raises:
        UnreadableError: there can be none.
    """
    start, _, birth = field.partition("/")
    found = number_of(start)
    if found is None:
        raise UnreadableError("the name of a bundle", f"{session}/{field}", "it has no number of a task")
    return BundleKey(session, found, birth)


def parse_name(name: str) -> BundleKey:
    """Return the bundle of a name within the grid: ``session/start/birth``.

    Raises:
        UnreadableError: there can be none.
    """
    session, _, rest = name.partition("/")
    return key_of(SessionId(session), rest)
