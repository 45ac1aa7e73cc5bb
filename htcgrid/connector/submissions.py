"""The sessions that this process submits: at once, or beside the caller."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial

from htcgrid.connector import submission
from htcgrid.connector.crew import Crew
from htcgrid.connector.cut import cut
from htcgrid.connector.intake import Source
from htcgrid.connector.notices import Notices
from htcgrid.connector.open_session import OpenSession
from htcgrid.connector.options import check_kept
from htcgrid.connector.session import SessionHandle
from htcgrid.connector.submitter import OnError, Rule, Submitter
from htcgrid.connector.use import Use
from htcgrid.errors import HtcGridError, ProviderUnavailableError, SessionNotFoundError
from htcgrid.host import Host
from htcgrid.interfaces import PayloadStore, StateStore, TaskQueue
from htcgrid.model import Bundle, Session, SessionId

#: What the payload store is to have, by key.
Blobs = Mapping[str, bytes]
#: How long a submission that is broken off may take to write its last bundles: seconds.
_PATIENCE = 10.0


class Submissions:
    """Carries out what a :class:`submission.Submission` decides, on the stores of one grid."""

    def __init__(
        self,
        state: StateStore,
        queue: TaskQueue,
        payloads: PayloadStore,
        *,
        host: Host,
        check: Use,
        notices: Notices,
    ) -> None:
        self._state = state
        self._queue = queue
        self._payloads = payloads
        self._host = host
        self._check = check
        self._notices = notices
        self._lock = host.lock()
        self._crew = Crew(host)
        #: Those that may not have ended.
        self._submitters: list[Submitter] = []

    def wait(self) -> None:
        """Return when the generators that were submitted have ended; when this is interrupted, break them off.

        Sessions that their callers left open are sealed.
        """
        try:
            for submitter in self._submitters:
                if not submitter.drawn:
                    submitter.source.end()
                # Whoever asks for the session's results is told what went wrong.
                submitter.leave()
        except BaseException as error:
            self.break_off(error)
            raise

    def break_off(self, error: BaseException) -> None:
        """Take no more from generators, and leave their sessions as their callers asked."""
        for submitter in self._submitters:
            submitter.fail(error)
        for submitter in self._submitters:
            submitter.leave(_PATIENCE)

    def forget_ended(self) -> None:
        """Let go of the submissions that have ended, and of their threads."""
        with self._lock:
            self._submitters = [submitter for submitter in self._submitters if not submitter.done]

    def submit_all(
        self, session: Session, payloads: Iterable[bytes], rule: Rule, blobs: Blobs | None = None
    ) -> SessionHandle:
        """Submit in this thread; all tasks are accepted when this returns, and have ``blobs`` in the payload store."""
        check_kept(session, self._payloads.limits)
        written = submission.Submission(session, inline=self._state.limits.inline, blobs=blobs)
        try:
            for bundle in cut(session.id, payloads, tasks=self._state.limits.bundle_tasks):
                for command in written.take(bundle):
                    self._do(session.id, command)
            for command in written.end():
                self._do(session.id, command)
        except BaseException:
            self._give_up(session.id, written, rule)
            raise
        return SessionHandle(
            session,
            self._state,
            self._payloads,
            total=written.accepted,
            host=self._host,
            check=self._check,
            notices=self._notices,
        )

    def submit_beside(
        self, session: Session, payloads: Iterable[bytes], rule: Rule, blobs: Blobs | None = None
    ) -> SessionHandle:
        """Submit in threads beside the caller's; the session is recorded when this returns."""
        submitter = self.submit_drawn(session, payloads, rule, blobs)
        return SessionHandle(
            session,
            self._state,
            self._payloads,
            submitter=submitter,
            host=self._host,
            check=self._check,
            notices=self._notices,
        )

    def submit_drawn(
        self, session: Session, payloads: Iterable[bytes], rule: Rule, blobs: Blobs | None = None
    ) -> Submitter:
        """Submit in threads beside the caller's; return what does."""
        submitter = self._started(session, rule, blobs=blobs)
        submitter.draw(payloads)
        return submitter

    def open(self, session: Session, rule: Rule, limit: int, blobs: Blobs | None = None) -> OpenSession:
        """Record a session that takes tasks of at most ``limit`` bytes from its caller."""
        submitter = self._started(session, rule, blobs=blobs)
        return OpenSession(
            session,
            self._state,
            self._payloads,
            submitter=submitter,
            limit=limit,
            host=self._host,
            check=self._check,
            notices=self._notices,
        )

    def submit_from(self, session: Session, source: Source, rule: Rule) -> Submitter:
        """Submit what comes from a source, in a thread beside the caller's; the session is recorded when this returns.

        Whoever has the source ends it.
        """
        return self._started(session, rule, source)

    def _started(
        self, session: Session, rule: Rule, source: Source | None = None, *, blobs: Blobs | None = None
    ) -> Submitter:
        check_kept(session, self._payloads.limits)
        written = submission.Submission(session, inline=self._state.limits.inline, blobs=blobs)
        for command in written.begin():
            self._do(session.id, command)
        submitter = Submitter(
            session,
            written,
            do=partial(self._do, session.id),
            ended=lambda: self._state.status([session.id])[0].ended,
            drop=partial(self._drop, session.id, written, named=rule.named),
            bundle_tasks=self._state.limits.bundle_tasks,
            rule=rule,
            host=self._host,
            crew=self._crew,
            source=source,
            check=self._check,
        )
        self.forget_ended()
        with self._lock:
            self._submitters.append(submitter)
        submitter.start()
        return submitter

    def _give_up(self, session: SessionId, written: submission.Submission, rule: Rule) -> None:
        """Leave a half-submitted session as its caller asked, as far as that can be done now."""
        if not written.created or rule.on_error is OnError.LEAVE:
            return
        # The error that broke the submission off says more than one of these.
        with suppress(HtcGridError):
            if rule.on_error is OnError.RUN and written.accepted:
                self._state.seal(session, written.accepted)
            else:
                self._drop(session, written, named=rule.named)

    def _drop(self, session: SessionId, written: submission.Submission, *, named: bool) -> None:
        """Cancel a session that is not to be finished.

        One without tasks, whose id nobody knows, is deleted. One that its caller named may have tasks of an earlier
        submission.
        """
        if written.accepted or named:
            self._state.cancel([session])
        else:
            self._state.delete(session)

    def _do(self, session: SessionId, command: submission.Command) -> None:
        match command:
            case submission.PutPacks(blobs):
                self._payloads.put(blobs)
            case submission.Create(header, bundles, sealed):
                self._state.create(header, bundles, sealed=sealed)
            case submission.Add(bundles):
                self._add(session, bundles)
            case submission.Seal(total):
                self._state.seal(session, total)
            case submission.SendHints(hints):
                # The tasks are accepted; hints that are lost cost time only, for the reaper sends them again.
                with suppress(ProviderUnavailableError):
                    self._queue.send(hints)

    def _add(self, session: SessionId, bundles: list[Bundle]) -> None:
        try:
            self._state.add(session, bundles)
        except SessionNotFoundError:
            # It was recorded, and deleted since, maybe long ago: of its last packs nobody else would ever know.
            with suppress(HtcGridError):
                self._payloads.delete(prefix=session)
            raise
