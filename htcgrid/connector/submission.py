"""The decisions of a submit: what is written when, and what has been accepted."""

from collections.abc import Iterator, Mapping

import msgspec

from htcgrid.model import Bundle, Hint, Session


class PutPacks(msgspec.Struct, frozen=True):
    """Put packs that are too large for the state store into the payload store."""

    blobs: Mapping[str, bytes]


class Create(msgspec.Struct, frozen=True):
    """Record the session with its first bundles."""

    session: Session
    bundles: list[Bundle]
    sealed: bool


class Add(msgspec.Struct, frozen=True):
    """Record more bundles."""

    bundles: list[Bundle]


class Seal(msgspec.Struct, frozen=True):
    """Record that no more tasks come."""

    total: int


class SendHints(msgspec.Struct, frozen=True):
    """Hint the bundles that were recorded."""

    hints: list[Hint]


Command = PutPacks | Create | Add | Seal | SendHints


class Submission:
    """Takes bundles in, gives commands out, in the order that makes accepted tasks safe: packs, records, hints.

    A session that fits one write is created, filled and sealed by it. One with packs for the payload store is created
    before them: packs that no session stands for would never be collected.
    """

    #: Bundles, and bytes of payloads, that one write holds at most: about a tenth of a second of work for a store.
    _BUNDLES = 128
    _BYTES = 8 << 20

    def __init__(self, session: Session, *, inline: int, blobs: Mapping[str, bytes] | None = None) -> None:
        """Begin with a session; its first tasks need ``blobs`` in the payload store."""
        self._session = session
        self._inline = inline
        self._bundles: list[Bundle] = []
        self._blobs = dict(blobs or {})
        self._bytes = 0
        #: Whether the session was recorded, once the commands given out so far were carried out.
        self.created = False
        self._end = 0
        #: The tasks that the state store has taken, once the commands given out so far were carried out.
        self.accepted = 0

    def take(self, bundle: Bundle) -> Iterator[Command]:
        """Take in the next bundle; yield what is to be done now, in order."""
        self._end = bundle.stop
        self._bytes += bundle.input.size
        self._bundles.append(self._placed(bundle))
        if len(self._bundles) >= self._BUNDLES or self._bytes >= self._BYTES:
            yield from self._write(sealed=False)

    def begin(self) -> Iterator[Command]:
        """Yield what records the session before it has tasks."""
        if not self.created:
            yield Create(self._session, [], sealed=False)
            self.created = True

    def flush(self) -> Iterator[Command]:
        """Yield what records the bundles that were taken in."""
        if self._bundles:
            yield from self._write(sealed=False)

    def end(self) -> Iterator[Command]:
        """Yield what is to be done when no more bundles come."""
        if not self.created and not self._blobs:
            yield from self._write(sealed=True)
            return
        yield from self.begin()
        yield from self.flush()
        yield Seal(self._end)

    def _write(self, *, sealed: bool) -> Iterator[Command]:
        bundles, blobs = self._bundles, self._blobs
        self._bundles, self._blobs, self._bytes = [], {}, 0
        if blobs:
            yield from self.begin()
            yield PutPacks(blobs)
        yield Add(bundles) if self.created else Create(self._session, bundles, sealed)
        self.created = True
        self.accepted = self._end
        session = self._session
        if bundles:
            yield SendHints(
                [
                    Hint(key=bundle.key, pool=session.pool, priority=session.priority, tasks=bundle.tasks)
                    for bundle in bundles
                ]
            )

    def _placed(self, bundle: Bundle) -> Bundle:
        data = bundle.input.data
        if data is None or len(data) <= self._inline:
            return bundle
        key = f"{bundle.key.session}/in/{bundle.key.start}-{bundle.input.digest[:16]}"
        self._blobs[key] = data
        return Bundle(key=bundle.key, stop=bundle.stop, input=bundle.input.moved_to(key))
