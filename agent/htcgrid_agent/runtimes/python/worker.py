"""The loop of a worker: read a run, run its tasks, report them."""

import faulthandler
import os
import signal
import socket
import sys
import threading
import time
from types import CoroutineType
from typing import Any

from htcgrid.errors import ConfigError, EncodingError
from htcgrid.model.codec import PICKLE, Codec
from htcgrid.model.codec.leaves import text_of
from htcgrid.model.error_text import is_a
from htcgrid.model.outcome import Block, Failure
from htcgrid.model.python_client import PythonClient, python_client
from htcgrid.model.session import KeepOutput
from htcgrid_agent.runtimes.python import calls
from htcgrid_agent.runtimes.python.carried import Carried
from htcgrid_agent.runtimes.python.channel import LATE, Channel
from htcgrid_agent.runtimes.python.codecs import Codecs
from htcgrid_agent.runtimes.python.context import Context
from htcgrid_agent.runtimes.python.coroutines import Coroutines
from htcgrid_agent.runtimes.python.faults import failure_of, said_of_what, unloadable
from htcgrid_agent.runtimes.python.forked import OwnProcess
from htcgrid_agent.runtimes.python.leftovers import Leftovers
from htcgrid_agent.runtimes.python.loader import HandlerError, Handlers, Loaded, SetupError
from htcgrid_agent.runtimes.python.memory import limit_memory
from htcgrid_agent.runtimes.python.recorder import Recorder
from htcgrid_agent.runtimes.python.script import Script
from htcgrid_agent.runtimes.python.search_path import begin_path, extend_path
from htcgrid_agent.runtimes.python.shared import SharedValues
from htcgrid_agent.runtimes.python.sources import Sources
from htcgrid_agent.runtimes.python.stopping import leave_stopping_to_agent
from htcgrid_agent.runtimes.python.teardown import tear_down
from htcgrid_agent.runtimes.python.wear import Wear
from htcgrid_agent.workers.cell import SINCE, STOP, TASK, Cell
from htcgrid_agent.workers.journal import SHORT, Journal
from htcgrid_agent.workers.messages import Report, RunTasks, Setup

#: Outcomes are reported when this has passed since the last report: seldom enough to cost nothing. Until then they are
#: in the journal.
_REPORT_NS = 25_000_000


class Worker:
    """Runs tasks one after the other; a task can crash, leak or hang this process only."""

    # Attributes of a class: libraries that stop the time look for the functions themselves in all modules.
    _wall = staticmethod(time.time)
    _monotonic = staticmethod(time.monotonic)
    # The clock of time.monotonic(), by which the agent sees how long a task takes, and which fewer of them replace.
    _tick = staticmethod(time.perf_counter_ns)
    _exit = staticmethod(os._exit)

    def __init__(self, channel: Channel, cell: Cell, setup: Setup) -> None:
        self._channel = channel
        self._cell = cell
        self._journal = Journal(cell.memory)
        self._setup = setup
        self._recorder = Recorder()
        self._leftovers = Leftovers(self._recorder)
        self._script = Script()
        self._sources = Sources()
        self._handlers = Handlers(self._script, self._sources)
        #: The session of the last run, and the digest of the code that it runs.
        self._session = ""
        self._code = ""
        #: Its client, and whether the session's handler is of the client's script.
        self._client = PythonClient()
        self._main = False
        #: A file that was edited since it was imported; this worker goes on without.
        self._edited = ""
        self._codecs = Codecs(setup, self._script, self._leftovers.importing)
        self._context = Context(setup.worker, self._shared)
        self._values = SharedValues(channel.ask, self._codecs.shared)
        self._carried = Carried(self._shared, self._codecs.load_script, self._sources)
        self._wear = Wear(setup.recycle_tasks, setup.recycle_bytes)
        self._process = OwnProcess()
        self._coroutines = Coroutines()
        #: Handlers that were loaded.
        self._known: set[tuple[str, bool, bool]] = set()

    def run(self) -> None:
        """Work until the agent closes the channel."""
        os.nice(self._setup.nice)
        limit_memory(self._setup.memory_bytes)
        self._recorder.install()
        if self._setup.argv is not None:
            sys.argv[:] = map(text_of, self._setup.argv)
        begin_path(self._setup)
        self._leftovers.install()
        self._channel.report(Report(0, None, done=True))
        while (tasks := self._channel.run()) is not None:
            self._run(tasks)
        self._process.leave_if_child()
        if self._handlers.teardowns:
            tear_down(self._handlers.teardowns)
            # What threads of handlers still do is waited for by nobody.
            self._exit(0)

    def _shared(self, ref: str) -> Any:
        if not self._channel.is_open:
            raise RuntimeError(LATE)
        context = self._context
        return self._values.get(ref, context.session_id, (context.session_id, context.index, context.try_number))

    def _run(self, tasks: RunTasks) -> None:
        # A handler whose import kills the process is blamed on the first task.
        self._cell.begin(tasks.start, tasks.start + len(tasks.payloads))
        if self._is_unfit(tasks):
            # The agent has the tasks back, for the worker that takes this one's place.
            self._cell.rest()
            self._channel.report(Report(tasks.run, None, done=True, worn=True, teardown=bool(self._handlers.teardowns)))
            return
        try:
            handler, self._code = self._load(tasks)
            codec = self._codecs.of(tasks)
            if tasks.calls or calls.is_pickled(tasks):
                codec = calls.codec_of_calls(codec, tasks, self._shared, self._codecs.load_script)
        except (HandlerError, ConfigError, SetupError) as error:
            self._process.leave_if_child(error)
            self._refuse(tasks, unloadable(error, tasks))
            return
        context = self._context
        context.session_id, context.labels, context.deadline = tasks.session, tasks.labels, None
        self._channel.open()
        block, last = self._leftovers.run(self._run_all, tasks, handler, codec, context)
        self._cell.rest()
        self._channel.close()
        worn = self._leftovers.spoilt or self._wear.worn
        left = block if last > block.start else None
        self._channel.report(
            Report(tasks.run, left, done=True, worn=worn, edited=self._edited, teardown=bool(self._handlers.teardowns))
        )
        # By now nobody waits for this.
        self._sources.note()
        self._leftovers.settle()

    def _is_unfit(self, tasks: RunTasks) -> bool:
        """Return whether these tasks are for another process: this has another script, old code or what others left."""
        if tasks.session != self._session:
            self._session = tasks.session
            self._client = python_client(tasks.codec_options)
            self._main = self._client.defines(tasks.handler)
            if (wanted := self._client.wanted(tasks.handler)) and not self._script.suits(wanted):
                return True
            self._edited = self._sources.edited() or ""
            if self._edited and self._setup.reload:
                return True
        # All pickled calls have one handler, and functions that travel may have the same name.
        travels = calls.is_pickled(tasks) or self._client.function is not None
        owner = tasks.session if travels else tasks.handler
        self._coroutines.begin(owner)
        return not self._leftovers.begin(tasks.session, owner)

    def _load(self, tasks: RunTasks) -> Loaded:
        """Return the handler; what its module has set by then is the module's."""
        if self._client.paths and extend_path(self._setup, self._client):
            self._leftovers.look()
            self._leftovers.keep()
        main = self._main
        if self._setup.argv is None:
            # Another list: a task may have put anything there.
            sys.argv = [tasks.handler.rpartition(":")[0]]
        if (function := self._client.function) is not None:
            return self._carried.find(tasks, self._client, function)
        name = (tasks.handler, tasks.calls, main)
        if name in self._known:
            return self._handlers.find(tasks.handler, calls=tasks.calls, main=main)
        self._leftovers.look()
        try:
            found = self._handlers.find(tasks.handler, calls=tasks.calls, main=main)
        except SetupError:
            self._leftovers.keep()
            raise
        self._process.leave_if_child()
        self._known.add(name)
        self._leftovers.keep()
        return found

    def _run_all(self, tasks: RunTasks, handler: Any, codec: Codec, context: Context) -> tuple[Block, int]:  # noqa: C901, PLR0912, PLR0915
        """Run the tasks; return the outcomes that were not reported yet, and one more than the last task.

        It is long, and has many branches, for each call would cost every task as much as the rest of it.
        """
        slots, decode, encode, tick = self._cell.slots, codec.decode, codec.encode, self._tick
        limit, tries, timeout = self._setup.result_limit, tasks.tries, tasks.timeout
        output, recorder = tasks.output, self._recorder
        printed, leave_if_child = recorder.printed, self._process.leave_if_child
        own, coroutine, awaited = self._process.mark, CoroutineType, self._coroutines.run
        recorder.renew()
        marks, (out, err) = recorder.marks, recorder.watched
        journal, odd = self._journal, False
        write, memory, slot, put, room = journal.write, journal.memory, journal.STEP, journal.put, journal.room
        block, place, stamp = self._block(tasks, tasks.start)
        values, durations = block.values, block.durations
        began = reported = tick()
        index, stop = tasks.start, tasks.start + len(tasks.payloads)
        value: Any
        for payload in self._wear.bound(tasks.payloads):
            slots[SINCE] = began
            slots[TASK] = index
            if index >= slots[STOP]:
                break
            context.index = index
            context.try_number = tries.get(index, 0) + 1 if tries else 1
            if timeout is not None:
                context.deadline = self._monotonic() + timeout
            try:
                result = handler(decode(payload), context)
                if type(result) is coroutine:
                    result = awaited(result)
                if not own[0]:
                    leave_if_child()
                value = encode(result)
                size = len(value)
                if size > limit:
                    _refuse_length(size, limit)
            except BaseException as error:  # noqa: BLE001 - the user's handler: sys.exit() must not cost a worker
                leave_if_child(error)
                # The journal takes more of it than a value.
                value, size, odd = None, 0, True
                block.failures[index] = failure_of(said_of_what(error, codec), tasks)
                if codec.name == PICKLE:
                    value = calls.raised(codec, error)
                # What it left behind must not cost the next task its memory: that begins in a new process.
                self._wear.spent |= is_a(error, MemoryError)
            values.append(value)
            ended = tick()
            duration = (ended - began) // 1000
            durations.append(duration)
            # As printed() begins: a call would cost more than all of this.
            try:
                quiet = sys.stdout is out and sys.stderr is err and not (marks.used or marks.changed)
            except AttributeError:
                quiet = False
            if not quiet:
                if printed():
                    odd |= self._keep(block, index, output)
                ended = tick()
                out, err = recorder.watched
            began = ended
            index += 1
            if index == stop:
                # This outcome goes with the report that the run is done.
                break
            place += slot
            stamp += 1
            due = ended - reported > _REPORT_NS or self._wear.spent
            if odd:
                odd = False
                due = due or not journal.add(place, stamp, block)
            elif size <= SHORT:
                if not due:
                    write(memory, place, value, duration, size, stamp)
            elif due or size > room():
                due = True
            else:
                put(value)
                write(memory, place, b"", duration, size, stamp)
            if due:
                self._channel.report(Report(tasks.run, block, done=False))
                block, place, stamp = self._block(tasks, index)
                values, durations = block.values, block.durations
                began = reported = tick()
                if self._wear.full:
                    break
        self._wear.count(index - tasks.start)
        return block, index

    def _keep(self, block: Block, index: int, output: KeepOutput) -> bool:
        """Keep what the task printed, if the session wants it; return whether it does."""
        if output is KeepOutput.ALL or (output is KeepOutput.FAILED and index in block.failures):
            block.printed[index] = self._recorder.take()
            return True
        self._recorder.drop()
        return False

    def _block(self, tasks: RunTasks, start: int) -> tuple[Block, int, int]:
        """Begin a report; return it with where the journal is."""
        self._recorder.report()
        block = Block(start, [], self._wall(), [], self._setup.worker, {}, {}, {}, self._code)
        return block, *self._journal.begin(tasks.run, start, block.began, self._code)

    def _refuse(self, tasks: RunTasks, failure: Failure) -> None:
        count = len(tasks.payloads)
        failures = dict.fromkeys(range(tasks.start, tasks.start + count), failure)
        block = Block(tasks.start, [None] * count, self._wall(), [0] * count, self._setup.worker, failures, {})
        self._cell.rest()
        # What an import that failed has done to the streams is no module's.
        self._recorder.renew()
        self._recorder.restore()
        self._channel.report(Report(tasks.run, block, done=True, teardown=bool(self._handlers.teardowns)))


def _refuse_length(length: int, limit: int) -> None:
    raise EncodingError(f"the result is {length} bytes long, more than the {limit} that are allowed")


def _die_with_agent(lifeline: int) -> None:
    """End the process, and what its handlers started, when the agent is gone: its work is another's by then."""
    # Looked up by then: handlers may leave these patched.
    leave, kill, leads = os._exit, os.kill, os.getpgrp() == os.getpid()
    os.read(lifeline, 1)
    if leads:
        # 0 is the group, of which the process is one.
        kill(0, signal.SIGKILL)
    leave(1)


def main(channel: int, cell: int, lifeline: int) -> None:
    """Run a worker on the descriptors that its agent made."""
    # Should a library crash the process, the agent reads where, and keeps it with the task's failure.
    faulthandler.enable(all_threads=False)
    leave_stopping_to_agent()
    threading.Thread(target=_die_with_agent, args=(lifeline,), daemon=True).start()
    with socket.socket(fileno=channel) as connection:
        try:
            agent = Channel(connection)
            if setup := agent.setup():
                Worker(agent, Cell(cell), setup).run()
        except (ConnectionError, BrokenPipeError):
            # The agent is gone; so is whoever would read a message.
            sys.exit(1)
