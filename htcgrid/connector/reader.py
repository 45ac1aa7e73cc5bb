"""Reading a session's log, from its beginning to its end."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import nullcontext, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from htcgrid.connector.agent_trouble import agent_trouble
from htcgrid.connector.bar import Bar
from htcgrid.connector.collection import Collection, batches
from htcgrid.connector.duration import seconds_of
from htcgrid.connector.encoding import codec_of_client
from htcgrid.connector.notices import Notices
from htcgrid.connector.outcome import Outcome
from htcgrid.connector.patience import patiently
from htcgrid.connector.seen import Seen
from htcgrid.connector.silence import Silence, accepted
from htcgrid.connector.submitter import Submitter
from htcgrid.connector.use import Use
from htcgrid.errors import AgentNotStartedError, EncodingError, ResultTimeoutError, SessionNotFoundError
from htcgrid.host import Host
from htcgrid.interfaces import PayloadStore, StateStore
from htcgrid.model import Entry, Pack, Part, Session, SessionState, SessionStatus
from htcgrid.plain_text import plain

if TYPE_CHECKING:
    from rich.console import Console

    from htcgrid.findings.standstill import Standstill

_Answer = TypeVar("_Answer")
#: How long one look at the log waits for news; a session whose total grew meanwhile is seen after it: seconds.
_WAIT = 1.0
#: Looks for packs that are missing or altered, and the first pause between two: seconds.
_LOOKS = 3
_PAUSE = 0.05


class Reader:
    """Makes the requests of any number of collections of one session."""

    def __init__(
        self,
        session: Session,
        state: StateStore,
        payloads: PayloadStore,
        *,
        total: int | None = None,
        submitter: Submitter | None = None,
        decode: Callable[[bytes], Any] | None = None,
        host: Host,
        check: Use,
        notices: Notices | None = None,
    ) -> None:
        self.session = session
        self.state = state
        self._payloads = payloads
        #: The number of tasks, when it is known to be final.
        self._total = total
        #: What goes on submitting to it, if this process does.
        self._submitter = submitter
        #: What makes a value of its bytes; the session's codec does when left out.
        self._decode = decode or codec_of_client(session, importing=True).decode
        self.host = host
        self.check = check
        #: What was last seen of the session, by whatever asked.
        self.seen = Seen(total)
        #: What tells whoever waits; nobody is told when left out.
        self.notices = notices or Notices(host=host, quiet=True)

    def status(self) -> SessionStatus:
        """Return how far the session is, whether agents can be started or not."""
        with suppress(AgentNotStartedError):
            self.check()
        status = self.state.status([self.session.id])[0]
        self.seen = self.seen.told(status)
        return status

    def collection(self) -> Collection:
        """Return a new reader's cursor and counts."""
        self.check()
        collection = Collection(self.session.id, self._decode)
        collection.silence = Silence(self.notices, partial(self._standstill, collection), self.session.id)
        if self._total is not None:
            collection.expect(self._total)
        else:
            collection.know(self._told(self.status))
        return collection

    def submitted(self, submitter: Submitter, seconds: float | None) -> int:
        """Return the number of tasks once all are accepted, for a session that this process submits.

        Raises:
            ResultTimeoutError: the time was up.
        """
        collection = Collection(self.session.id, self._decode)
        silence = Silence(self.notices, partial(self._standstill, collection), self.session.id)
        return accepted(submitter, seconds, silence, host=self.host, check=self.check)

    def look(self, collection: Collection, wait: float, *, until: float | None = None) -> list[tuple[Entry, Part]]:
        """Look at the log once, for up to ``wait`` seconds; return the parts with new outcomes.

        A store that cannot be reached is asked again until that time (monotonic seconds), or for a minute.
        """
        self.check()
        if wait and self.check.wait:
            # What has ended can be read from anywhere.
            parts = self.look(collection, 0.0, until=until)
            if not parts and not collection.finished and not collection.closed:
                self.check.wait()
            return parts
        if wait:
            # From now on it is this thread that shows what handlers print, and not one that nobody looks at.
            self.check.arrived()
        silence, began = collection.silence, self.host.monotonic()
        found = patiently(
            self.host,
            lambda: self._told(
                lambda: self.state.outcomes(self.session.id, collection.cursor, wait=timedelta(seconds=wait))
            ),
            self.check,
            until=until,
            told=None if silence is None else silence.unreachable,
        )
        self.check.arrived()
        parts = collection.take(found)
        self.seen = self.seen.read(collection)
        if self._submitter is not None:
            # Before the tasks that a broken submission cancelled are told: what broke it off says more.
            self._submitter.check()
        if collection.closed or (not parts and collection.total is None):
            collection.know(patiently(self.host, partial(self._told, self.status), self.check))
        if silence is not None and not collection.finished:
            silence.looked(self.host.monotonic() - began, news=bool(parts))
        return parts

    def looks(
        self, collection: Collection, timeout: float | timedelta | None, bar: Bar | None = None
    ) -> Iterator[list[tuple[Entry, Part]]]:
        """Yield what each look at the log brings, until everything has been read; move a ``bar`` that is shown.

        Raises:
            ResultTimeoutError: the time was up.
        """
        with bar or nullcontext():
            for parts in self._looks(collection, timeout):
                if bar is not None:
                    bar.show(ended=collection.ended, total=collection.total, failed=collection.failed)
                yield parts

    def _looks(self, collection: Collection, timeout: float | timedelta | None) -> Iterator[list[tuple[Entry, Part]]]:
        seconds = seconds_of(timeout)
        deadline = None if seconds is None else self.host.monotonic() + seconds
        while not collection.finished:
            yield self.look(collection, _WAIT if deadline is None else self._left(deadline), until=deadline)
            if deadline is not None and self.host.monotonic() >= deadline and not collection.finished:
                known = collection.total if collection.total is not None else self.status().total
                raise ResultTimeoutError(
                    f"{collection.ended} of {known} tasks of session {self.session.id} had ended after {seconds:g} s; "
                    f"the others go on{self.why(collection, seconds or 0.0)}"
                )
        if self._submitter is not None:
            self._submitter.wait()

    def outcomes(
        self,
        timeout: float | timedelta | None = None,
        collection: Collection | None = None,
        bar: Bar | None = None,
    ) -> Generator[Outcome, None, None]:
        """Yield every task's outcome as it becomes known, once each; a new ``collection`` can be looked at meanwhile.

        Raises:
            ResultTimeoutError: the time was up.
        """
        collection = collection or self.collection()
        for parts in self.looks(collection, timeout, bar):
            for batch in batches(parts):
                data = self.packs(part.pack for _, part in batch)
                for entry, part in batch:
                    yield from collection.outcomes(entry, part, data[part.pack.digest])
            if collection.closed:
                yield from collection.cancelled_outcomes()

    def bar(self, wanted: bool | None, console: "Console | None" = None) -> Bar:
        """Return a bar for one wait; see :class:`Bar`."""
        return Bar(self.notices, plain(self.session.handler.rpartition("/")[2]), wanted, console)

    def why(self, collection: Collection, seconds: float) -> str:
        """Return the end of an error's message after a wait of so many seconds: why no task runs, if none does."""
        found = "" if collection.silence is None else collection.silence.why(seconds)
        return f", but none runs now: {found}" if found else ""

    def packs(self, packs: Iterable[Pack]) -> dict[str, bytes]:
        """Return the bytes of packs, by digest; what comes altered is for whoever unpacks it to find.

        Raises:
            EncodingError: one is gone.
        """
        known = {pack.digest: pack for pack in packs}
        data = {digest: pack.data for digest, pack in known.items() if pack.data is not None}
        for look in range(_LOOKS):
            # One that is not there yet, or not whole, may be so a moment later.
            keyed = ((pack.key, pack) for pack in known.values() if pack.key is not None)
            wanted = {key: pack for key, pack in keyed if not pack.holds(data.get(pack.digest, b""))}
            if not wanted:
                break
            if look:
                self.host.sleep(_PAUSE * 4 ** (look - 1))
            found = patiently(self.host, partial(self._fetch, wanted), self.check)
            data |= {wanted[key].digest: blob for key, blob in found.items()}
        if missing := set(known) - set(data):
            raise EncodingError(
                f"{len(missing)} packs of session {self.session.id} are not in the payload store any more: "
                "was it emptied?"
            )
        return data

    def _standstill(self, collection: Collection) -> "Standstill | None":
        """Look why no task runs; see :func:`look_for_standstill`."""
        # Only whoever waits in vain needs it.
        from htcgrid.findings.standstill import Standstill, look_for_standstill  # noqa: PLC0415

        if embedded := self.notices.embedded:
            # Its tasks may run, and have ended, while it cannot say so.
            trouble = agent_trouble(Path(embedded) / "agents", self.host.now())
            if trouble is not None:
                return Standstill(text=trouble, reason=trouble, fleeting=False)
        submitter = self._submitter
        fills = submitter is not None and not submitter.done
        status = SessionStatus(
            session=self.session,
            state=SessionState.OPEN if collection.total is None else SessionState.SEALED,
            total=collection.ended if collection.total is None else collection.total,
            succeeded=collection.succeeded,
            failed=collection.failed,
            cancelled=collection.cancelled,
            running=0,
        )
        return look_for_standstill(
            self.state,
            status,
            now=self.host.now(),
            lease=self.notices.lease,
            embedded=embedded,
            filling=fills and submitter is not None and not submitter.by_hand,
            mine=fills,
        )

    def _told(self, call: Callable[[], _Answer]) -> _Answer:
        """Return what ``call`` returns; of a session that is gone, tell what made its submission give it up."""
        try:
            return call()
        except SessionNotFoundError:
            if self._submitter is not None:
                self._submitter.check()
            raise

    def _fetch(self, keys: Iterable[str]) -> dict[str, bytes]:
        return self._payloads.get(keys)

    def _left(self, deadline: float) -> float:
        return min(_WAIT, max(0.0, deadline - self.host.monotonic()))
