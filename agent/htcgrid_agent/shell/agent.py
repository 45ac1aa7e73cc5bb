"""The agent's one loop: events from workers, lanes and signals go to the decisions, whose commands are carried out."""

import fcntl
import os
import selectors
import signal
import socket
import termios
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import FrameType
from typing import Any

import msgspec

from htcgrid.host import RealHost
from htcgrid.model import defaults
from htcgrid.model.client_process import ClientProcess
from htcgrid.model.codec.leaves import text_bytes
from htcgrid_agent.core import AgentCore, commands, events
from htcgrid_agent.shell.inputs import Inputs
from htcgrid_agent.shell.journal_reader import Held
from htcgrid_agent.shell.lane import Lane, lanes_of
from htcgrid_agent.shell.leaving import Leaving
from htcgrid_agent.shell.logs import Log
from htcgrid_agent.shell.notes import Notes, about
from htcgrid_agent.shell.printed import Printed
from htcgrid_agent.shell.process import WorkerProcess
from htcgrid_agent.shell.shared import Fetch, Fetched, SharedFiles
from htcgrid_agent.shell.stores import StoreCalls
from htcgrid_agent.shell.worker_starts import WorkerStarts
from htcgrid_agent.workers.messages import Need, Report, RunTasks, Setup

#: Reads of the channel of a worker that has ended; a socket holds less than one brings.
_LAST_READS = 4


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How worker processes are started."""

    #: Folders from which handlers are imported.
    path: Sequence[str] = ()
    #: All their variables; those of the agent when left out.
    environment: dict[str, str] | None = None
    #: What their priority in the operating system is lowered by.
    nice: int = 0
    #: Whether they may unpickle.
    pickle: bool = False
    #: They are replaced after this many tasks, or once they hold this many bytes of memory.
    recycle_tasks: int | None = None
    recycle_bytes: int | None = None
    #: Most bytes of data that one may reserve.
    memory_bytes: int | None = None
    #: Patterns of what they may import.
    handlers: list[str] = []
    #: Whether they are replaced when code that they have imported was edited.
    reload: bool = False
    #: The process whose agent this is, if it is an embedded grid's.
    client: ClientProcess = ClientProcess()


class Agent:
    """Runs until it was told to stop and has nothing left, or until a part of it breaks."""

    #: Seconds between looks at the workers while events keep coming.
    _TICK = 0.05

    def __init__(
        self,
        core: AgentCore,
        calls: StoreCalls,
        inputs: Inputs,
        *,
        name: str,
        workers: WorkerSettings,
        grace: float = 0.0,
        shared: SharedFiles,
        log: Log,
        stopping: threading.Event,
    ) -> None:
        self._core = core
        self._inputs = inputs
        self._name = name
        self._settings = workers
        self._log = log
        self._notes = Notes(log, core)
        self._stopping = stopping
        self._selector = selectors.DefaultSelector()
        self._events: deque[events.Event] = deque()
        self._wake_end, self._wakeup = socket.socketpair()
        self._wake_end.setblocking(False)
        self._wakeup.setblocking(False)
        self._selector.register(self._wake_end, selectors.EVENT_READ, self._woken)
        self._workers: dict[int, WorkerProcess] = {}
        self._printed: dict[int, Printed] = {}
        #: The idle workers that are to end by themselves, and those that do.
        self._tidy: set[int] = set()
        self._leaving = Leaving(self._selector, log)
        #: Until when workers may go on once it was told to stop (monotonic seconds); and whether it is to end at once.
        self._grace = grace
        self._stop_at: float | None = None
        self._hurried = self._told = False
        #: The workers that have ended a run in this turn.
        self._ended_runs: set[int] = set()
        #: The workers whose channel is watched for room, too.
        self._unsent: set[int] = set()
        self._ticked = 0.0
        #: The signals that are watched.
        self._signals: tuple[signal.Signals, ...] = ()
        self._status: int | None = None
        self._crashed: BaseException | None = None
        self._starts = WorkerStarts(log, self.crash if workers.client.argv is not None else None)
        host = RealHost()
        self._lanes = lanes_of(calls, self.post, self.crash, host=host)
        self._fetches = Lane("fetch", shared.fetch, self.post, self.crash, host=host)
        self._doers: dict[type, Callable[[Any], None]] = {
            commands.StartWorker: self._start_worker,
            commands.KillWorker: self._kill_worker,
            commands.Run: self._run_tasks,
            commands.Shorten: self._shorten,
            commands.Forget: self._forget,
            commands.Exit: self._exit,
        }

    def post(self, event: events.Event) -> None:
        """Hand an event to the loop, from any thread."""
        self._events.append(event)
        self._wake()

    def crash(self, error: BaseException) -> None:
        """Let :meth:`run` end by raising what broke a part of the agent, from any thread."""
        self._crashed = error
        self._wake()

    def stop(self) -> None:
        """Tell the agent to stop; a second call ends its grace. From any thread or signal handler."""
        # Nothing here may wait for a lock: a second signal comes in the middle of the first one's handler.
        self.post(events.Stop())

    def watch_signals(self) -> None:
        """Let SIGTERM and SIGINT stop the agent; for the main thread."""

        def stop(_signal: int, _frame: FrameType | None) -> None:
            self._hurried |= self._told
            self._told = True
            self.stop()

        self._signals = (signal.SIGTERM, signal.SIGINT)
        for number in self._signals:
            signal.signal(number, stop)

    def watch_lifeline(self, fd: int) -> None:
        """Stop at once when whoever started this agent says so by a pipe, or is gone: see htcgrid.lifeline."""

        def closed() -> None:
            self._selector.unregister(fd)
            # A word leaves workers the time to end by themselves.
            self._hurried |= not _has_word(fd)
            self.stop()
            self.stop()

        self._selector.register(fd, selectors.EVENT_READ, closed)

    def run(self, **facts: object) -> int:
        """Work until the end; return the exit status. The log begins with ``facts``."""
        self._log.info("agent started", pid=os.getpid(), **facts)
        try:
            self._handle(events.Tick())
            while self._status is None and self._crashed is None:
                self._turn()
            self._end_workers()
        finally:
            self._leaving.kill()
            for worker in list(self._workers.values()):
                worker.kill()
                worker.end()
                worker.close()
            self._selector.close()
        if self._crashed is not None:
            raise self._crashed
        self._log.info("agent ended")
        return self._status or 0

    def close(self) -> None:
        """End the lanes, and free what wakes the loop; for the main thread, if it watches signals."""
        for number in self._signals:
            # There is nothing left to stop. Python ends by giving signals their defaults back, unless they are ignored:
            # one more would change the status of what has ended well.
            signal.signal(number, signal.SIG_IGN)
        for lane in (*self._lanes.values(), self._fetches):
            lane.close()
        self._wakeup.close()
        self._wake_end.close()

    def _turn(self) -> None:
        now = time.monotonic()
        for key, _ in self._selector.select(min(self._core.wake_at(now), self._leaving.until) - now):
            key.data()
        self._leaving.look()
        while self._ended_runs:
            # What its tasks have printed was read in this turn, at the latest.
            if printed := self._printed.get(self._ended_runs.pop()):
                printed.settle()
        if not self._events or now - self._ticked > self._TICK:
            self._ticked = now
            self._bury_dead()
            self._take_held_up(now)
            self._events.append(events.Tick(running=self._looks()))
        while self._events and self._status is None:
            event = self._events.popleft()
            if isinstance(event, Fetched):
                self._fetched(event)
            else:
                self._handle(event)

    def _bury_dead(self) -> None:
        """Find workers that ended while a process that they started holds their channel open, or that say no more."""
        now = time.monotonic()
        for worker in list(self._workers.values()):
            if worker.ended or worker.is_stuck(now):
                self._bury(worker, kill=False)

    def _take_held_up(self, now: float) -> None:
        """Take outcomes that workers cannot report, for they are at a task that takes long, or are stopped."""
        for worker in self._workers.values():
            if held := worker.journal.settled(now):
                self._held(worker, held)

    def _looks(self) -> dict[int, tuple[int, float]]:
        looks = ((number, worker.cell.look()) for number, worker in self._workers.items())
        return {number: look for number, look in looks if look is not None}

    def _handle(self, event: events.Event) -> None:
        self._notes.take(event)
        now = time.monotonic()
        if isinstance(event, events.Stop) and not self._stopping.is_set():
            self._stopping.set()
            self._stop_at = now + self._grace
        # Workers first: a thread that wakes takes the interpreter from this one, and a worker would wait for both.
        calls = self._do(self._core.take(event, now)) + self._do(self._core.follow(now))
        for command in calls:
            self._lanes[type(command)].send(command)

    def _do(self, decided: list[commands.Command]) -> list[commands.Command]:
        """Carry out what needs no call of a store; return the others."""
        calls = []
        for command in decided:
            if type(command) in self._lanes:
                calls.append(command)
            else:
                self._doers[type(command)](command)
        return calls

    def _wake(self) -> None:
        try:
            self._wakeup.send(b"\0")
        except BlockingIOError:
            # The loop has not read the earlier ones yet, so it will wake.
            return

    def _woken(self) -> None:
        try:
            self._wake_end.recv(4096)
        except BlockingIOError:
            return

    # Commands.

    def _start_worker(self, command: commands.StartWorker) -> None:
        number = command.worker
        self._starts.begin(number)
        try:
            settings, name = self._settings, f"{self._name}/{number}"
            worker = WorkerProcess(number, settings.environment, settings.client.flags, name=name)
        except OSError as error:
            self._starts.failed(number, f"could not be: {error}")
            # No memory, no process or no descriptor is left, now; the decisions wait before they try again.
            self._log.warning("worker cannot be started", worker=number, error=error.strerror or str(error))
            self._events.append(events.WorkerDied(worker=number, task=None, reason="could not be started"))
            return
        self._workers[number] = worker
        self._printed[number] = Printed(number, worker.outputs, self._selector, self._log)
        self._selector.register(worker.channel, selectors.EVENT_READ, lambda: self._from_worker(worker))
        client = self._settings.client
        worker.send(
            Setup(
                worker.name,
                [text_bytes(folder) for folder in self._settings.path],
                defaults.PAYLOAD_BYTES,
                self._settings.nice,
                self._settings.pickle,
                self._settings.recycle_tasks,
                self._settings.recycle_bytes,
                self._settings.memory_bytes,
                None if client.argv is None else [text_bytes(word) for word in client.argv],
                client.script or "",
                self._settings.handlers,
                self._settings.reload,
            )
        )
        self._watch_channel(worker)

    def _kill_worker(self, command: commands.KillWorker) -> None:
        if worker := self._workers.get(command.worker):
            if command.worker in self._tidy:
                self._let_leave(worker, self._grace)
            else:
                self._bury(worker, kill=True)

    def _run_tasks(self, command: commands.Run) -> None:
        worker = self._workers.get(command.worker)
        if worker is None:
            return
        self._tidy.discard(command.worker)
        self._printed[command.worker].begin(about(command.lease))
        session = command.session
        timeout = None if session.timeout is None else session.timeout.total_seconds()
        payloads = self._inputs.cut(command.lease.nonce, command.start, command.stop)
        worker.hand(command.run, command.start, command.stop, time.monotonic())
        worker.send(
            RunTasks(
                command.run,
                session.id,
                session.handler,
                session.codec,
                timeout,
                session.labels,
                command.start,
                payloads,
                command.tries,
                session.output,
                session.retry,
                session.codec_options,
                session.calls,
            )
        )
        self._watch_channel(worker)

    def _shorten(self, command: commands.Shorten) -> None:
        if worker := self._workers.get(command.worker):
            worker.cell.shorten(command.stop)

    def _forget(self, command: commands.Forget) -> None:
        self._inputs.forget(command.nonce)

    def _exit(self, _command: commands.Exit) -> None:
        self._status = 0

    # Workers.

    def _watch_channel(self, worker: WorkerProcess) -> None:
        if worker.unsent or worker.number in self._unsent:
            writing = selectors.EVENT_WRITE if worker.unsent else 0
            self._selector.modify(worker.channel, selectors.EVENT_READ | writing, lambda: self._from_worker(worker))
            (self._unsent.add if worker.unsent else self._unsent.discard)(worker.number)

    def _from_worker(self, worker: WorkerProcess) -> None:
        if worker.unsent and worker.flush():
            self._watch_channel(worker)
        for report in worker.receive():
            if report is None:
                self._bury(worker, kill=False)
            elif isinstance(report, Need):
                self._fetches.send(Fetch(worker=worker.number, pid=worker.pid, ref=report.ref))
            elif report.run == 0:
                self._starts.ready()
                self._events.append(events.WorkerReady(worker=worker.number))
            else:
                self._reported(worker, report)
                if report.done:
                    self._ended_runs.add(worker.number)
                    if report.teardown:
                        self._tidy.add(worker.number)

    def _reported(self, worker: WorkerProcess, report: Report) -> None:
        if report.block is not None:
            worker.journal.reported(report.block.stop)
        self._events.append(
            events.WorkerReported(
                worker=worker.number,
                run=report.run,
                block=report.block,
                done=report.done,
                worn=report.worn,
                edited=report.edited,
                size=worker.size,
            )
        )

    def _held(self, worker: WorkerProcess, held: Held) -> None:
        if printed := self._printed.get(worker.number):
            # Whoever has the outcomes is to have seen what their tasks printed.
            printed.read()
            printed.settle()
        self._events.append(
            events.WorkerReported(
                worker=worker.number, run=held.run, block=held.block, done=False, size=held.size, since=held.since
            )
        )

    def _last_words(self, worker: WorkerProcess) -> None:
        """Read all that a worker that has ended reported, and what it had no time to report."""
        # Who has its channel now, as a process that a handler forked, may say more for ever.
        for _ in range(_LAST_READS):
            for report in worker.receive():
                if isinstance(report, Report) and report.run:
                    self._reported(worker, report)
        if held := worker.journal.rest():
            self._held(worker, held)

    def _fetched(self, event: Fetched) -> None:
        """Hand a shared input to the worker that waits for it, if that is still there."""
        worker = self._workers.get(event.worker)
        if worker is not None and worker.pid == event.pid:
            worker.send(event.found)
            self._watch_channel(worker)

    def _end_workers(self) -> None:
        """Let workers end by themselves that want to, in what is left of the grace."""
        if self._crashed is not None or self._hurried:
            return
        left = 0.0 if self._stop_at is None else self._stop_at - time.monotonic()
        for number in sorted(self._tidy):
            self._let_leave(self._workers[number], left)
        self._leaving.finish(lambda: self._hurried)

    def _let_leave(self, worker: WorkerProcess, seconds: float) -> None:
        """Let an idle worker end by itself, within so long; another may take its place now."""
        self._leaving.add(worker, self._forget_worker(worker), seconds)
        self._events.append(events.WorkerDied(worker=worker.number, task=None, reason="was ended by its agent"))

    def _forget_worker(self, worker: WorkerProcess) -> Printed:
        """Watch a worker no more; return what it prints."""
        self._unsent.discard(worker.number)
        self._tidy.discard(worker.number)
        del self._workers[worker.number]
        self._selector.unregister(worker.channel)
        return self._printed.pop(worker.number)

    def _bury(self, worker: WorkerProcess, *, kill: bool) -> None:
        """Free what belonged to a worker, and tell which task it was at."""
        if self._workers.get(worker.number) is not worker:
            return
        printed = self._forget_worker(worker)
        now = time.monotonic()
        if kill:
            worker.kill()
        reason = worker.end()
        # Only now nothing moves any more.
        tail, facts = printed.close(), printed.facts
        task, since = worker.cell.look() or (None, now)
        ran = timedelta(seconds=max(0.0, now - since))
        if kill:
            reason = "was ended by its agent"
        if not kill:
            self._starts.failed(worker.number, reason, tail)
        self._last_words(worker)
        worker.close()
        self._log.info("worker ended", **facts, worker=worker.number, reason=reason, killed=kill)
        began = time.time() - ran.total_seconds()
        self._events.append(
            events.WorkerDied(worker=worker.number, task=task, reason=reason, began=began, ran=ran, printed=tail)
        )


def _has_word(fd: int) -> bool:
    """Return whether something was written into a pipe, whose end shows in the same way."""
    try:
        return any(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))
    except OSError:
        # It is no pipe, but a process.
        return False
