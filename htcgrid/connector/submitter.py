"""A submission that goes on beside its caller: of a generator, or of a session that is open."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from enum import StrEnum

import msgspec

from htcgrid.connector.crew import Crew
from htcgrid.connector.cut import cut
from htcgrid.connector.intake import Intake, Source
from htcgrid.connector.patience import patiently
from htcgrid.connector.submission import Command, Seal, Submission
from htcgrid.errors import ConfigError, ConflictError, HtcGridError, ResultTimeoutError
from htcgrid.host import Host
from htcgrid.model import Session, SessionId
from htcgrid.model.error_text import is_a


class OnError(StrEnum):
    """What becomes of a session whose tasks cannot all be submitted."""

    #: It is cancelled.
    CANCEL = "cancel"
    #: What was accepted runs, and the session ends with it.
    RUN = "run"
    #: What was accepted runs, and the session stays open, to be submitted again under its id.
    LEAVE = "leave"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """How a submission goes on, and how it ends when it cannot."""

    on_error: OnError
    #: Most tasks that are accepted and have not ended.
    ahead: int
    #: Whether the caller chose the session's id. Then the cut is a pure function of the tasks, so that submitting again
    #: is recognised; else a bundle need not be full to be written.
    named: bool


def rule_of(on_error: object, ahead: object, *, named: bool) -> Rule:
    """Return the rule that a caller asked for; when nothing is said, only a session that is ``named`` stays open.

    Raises:
        ConfigError: there is no such rule.
    """
    if isinstance(ahead, bool) or not isinstance(ahead, int) or ahead < 1:
        raise ConfigError(f"ahead must be a whole number of tasks of at least 1, not {ahead!r}")
    if on_error is None:
        return Rule(on_error=OnError.LEAVE if named else OnError.CANCEL, ahead=ahead, named=named)
    try:
        return Rule(on_error=OnError(on_error), ahead=ahead, named=named)  # type: ignore[arg-type]
    except ValueError as error:
        raise ConfigError(f"on_error must be 'cancel', 'run' or 'leave', not {on_error!r}") from error


class Submitter:
    """Writes what comes to its intake, or from another source, in threads of a crew, and knows how that went.

    ``do`` carries a command out, ``ended`` tells how many tasks of the session have ended, and ``drop`` ends it.
    """

    #: Seconds between looks whether tasks have ended, while too many have not.
    _LOOK = 0.1
    #: Longest that whoever is told of a broken submission waits for its session to be left as asked: seconds.
    _LEAVING = 5.0

    def __init__(
        self,
        session: Session,
        written: Submission,
        *,
        do: Callable[[Command], None],
        ended: Callable[[], int],
        drop: Callable[[], object],
        bundle_tasks: int,
        rule: Rule,
        host: Host,
        crew: Crew,
        source: Source | None = None,
        check: Callable[[], object] = lambda: None,
    ) -> None:
        self._session = session
        self._written = written
        self._do = do
        #: Raises when it is in vain to wait for tasks to end.
        self._check_wait = check
        self._ended = ended
        self._drop = drop
        self._rule = rule
        self._host = host
        self._crew = crew
        #: Somebody wants no more tasks, and no error about it.
        self._stopped = False
        #: Whether the session is sealed at the end.
        self._seals = True
        #: Nothing waits for tasks to end any more.
        self._hurried = host.flag()
        #: The session ends with what was accepted, although not all was.
        self._runs_on = False
        self._done = host.flag()
        self._error: BaseException | None = None
        #: The tasks that had ended when it was last asked.
        self._known_ended = 0
        #: Whether a generator ends the submission; else its caller does.
        self.drawn = False
        #: Whether it waits for tasks to end, for too many have not.
        self.held_back = False
        self.intake = Intake(tasks=rule.ahead, host=host)
        self.source: Source = source or self.intake
        self._bundles = cut(session.id, self._payloads(), tasks=bundle_tasks, by_time=not rule.named)

    @property
    def accepted(self) -> int:
        """The tasks that are accepted so far."""
        return self._written.accepted

    @property
    def by_hand(self) -> bool:
        """Whether its caller adds tasks and seals it; else more come, or their end, without anybody's doing."""
        return not self.drawn and self.source is self.intake

    @property
    def done(self) -> bool:
        """Whether nothing more will be submitted."""
        return self._done.is_set()

    def start(self) -> None:
        """Write what comes from now on, in a thread while something does."""
        if self.source is not self.intake or not self.intake.rest(self._begin, soon=True):
            self._begin()

    def _begin(self) -> None:
        if self.source is self.intake:
            self._crew.begin(self._run)
        else:
            # Few sessions have another source, and none of them is to wait for a thread.
            self._host.thread(self._run, name=f"submit {self._session.id}").start()

    def draw(self, payloads: Iterable[bytes]) -> None:
        """Take payloads from a generator, in a thread of its own, until it ends."""
        self.drawn = True

        def draw() -> None:
            try:
                for payload in payloads:
                    self.intake.put(payload)
            except ConflictError as error:
                # Whoever sealed, cancelled or closed meanwhile knows; a conflict of the generator's own is told.
                if not self._stopped:
                    self.fail(error)
            except BaseException as error:  # noqa: BLE001 - the user's generator; the caller gets it
                self.fail(error)
            else:
                self.intake.end()

        self._host.thread(draw, name=f"draw {self._session.id}").start()

    def fail(self, error: BaseException) -> None:
        """End the submission with an error, unless it has ended."""
        if is_a(error, KeyboardInterrupt):
            # The threads that raise it, too, would add their lines to what the program's end shows.
            error = KeyboardInterrupt("the submission was interrupted")
        self._error = error if self._error is None else self._error
        self._hurried.set()
        self.source.end()

    def stop(self, *, seal: bool = True) -> None:
        """Take no more; what was taken in is still written. Safe to repeat.

        Without ``seal`` the session stays open for the caller to cancel: one that is sealed and has no task left to run
        has finished, and can be cancelled no more.
        """
        self._seals = self._seals and seal
        self._stopped = True
        self._hurried.set()
        self.source.end()

    @property
    def session(self) -> SessionId:
        """The session's id."""
        return self._session.id

    def wait_done(self, seconds: float) -> bool:
        """Return whether nothing more will be submitted, after so many seconds at most."""
        return self._done.wait(seconds)

    def wait(self, timeout: float | None = None) -> int:
        """Return the number of tasks once all are accepted.

        Raises:
            ResultTimeoutError: the time was up; the submission goes on.
            Exception: what broke the submission off.
        """
        if not self._done.wait(timeout):
            raise ResultTimeoutError(
                f"{self.accepted} tasks of session {self._session.id} were accepted after {timeout:g} s; it goes on"
            )
        self.check(ended=True)
        return self.accepted

    def leave(self, seconds: float | None = None) -> None:
        """Return once nothing more will be submitted, or after so long; raise nothing."""
        self._done.wait(seconds)

    def check(self, *, ended: bool = False) -> None:
        """Raise what broke the submission off; while accepted tasks run all the same, only once those have ``ended``.

        By then the session is cancelled, sealed or left open, as its caller asked, unless its store is too slow for it.
        Not for the submission's own thread, which would wait for itself.

        Raises:
            Exception: what broke it off.
        """
        if self._error is None or (
            self._rule.on_error is OnError.RUN and not ended and (self._runs_on or not self.done)
        ):
            return
        self._done.wait(self._LEAVING)
        raise self._error

    def _run(self) -> None:
        """Write what has come, until it ends, or a rest begins, after which what comes next is written in another run.

        So a process may hold thousands of sessions open, and all of them may get tasks at once: when other sessions
        wait for a thread, it is theirs after each batch.
        """
        try:
            for bundle in self._bundles:
                for command in self._written.flush() if bundle is None else self._written.take(bundle):
                    self._do_patiently(command)
                if bundle is None and self._leaves():
                    return
            for command in self._written.end() if self._seals else self._written.flush():
                self._do_patiently(command)
        except BaseException as error:  # noqa: BLE001 - the top of a thread; the caller gets it
            # One that was stopped, as by a cancel, is told by the store that the session takes no more.
            if self._error is None and not self._stopped:
                self._error = error
            self._give_up()
        self.stop()
        self._done.set()
        self.source.close()

    def _leaves(self) -> bool:
        """Return whether this run ends here, and another one follows when there is something to do."""
        if self.source is not self.intake:
            return False
        others = self._crew.is_wanted
        if self.intake.rest(self._begin, soon=others):
            return True
        if others:
            self._begin()
        return others

    def _do_patiently(self, command: Command) -> None:
        """Carry a command out, which may be repeated; a store that restarts does not end a submission of hours."""
        patiently(self._host, lambda: self._do(command), self._check_wanted)

    def _check_wanted(self) -> None:
        if self._error is not None:
            raise self._error

    def _payloads(self) -> Iterator[bytes | None]:
        for batch in self.source.batches():
            self._hold_back(len(batch))
            yield from batch
            yield None
        self._check_wanted()

    def _hold_back(self, more: int) -> None:
        """Wait until ``more`` tasks may be accepted: no more than allowed are to be accepted and not ended."""
        try:
            while self.accepted + more - self._known_ended > self._rule.ahead:
                self._check_wait()
                self.held_back = True
                self._known_ended = patiently(self._host, self._ended, self._check_wanted)
                if self.accepted + more - self._known_ended <= self._rule.ahead:
                    return
                with self._crew.aside() if self.source is self.intake else nullcontext():
                    if self._hurried.wait(self._LOOK):
                        return
        finally:
            self.held_back = False

    def _give_up(self) -> None:
        """Leave the session as its caller asked, as far as that can be done now."""
        # What broke the submission off says more than an error of this.
        with suppress(HtcGridError):
            if self._rule.on_error is OnError.CANCEL:
                self._drop()
            elif self._rule.on_error is OnError.RUN:
                self._do(Seal(self.accepted))
                self._runs_on = True
