"""The loop of a worker: read a run, run its tasks, report them."""

import faulthandler
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from htcgrid.errors import ConfigError, EncodingError
from htcgrid.model.call import FUNCTION
from htcgrid.model.codec import PICKLE, Codec, codec_of
from htcgrid.model.outcome import Block, Failure
from htcgrid.model.session import KeepOutput
from htcgrid_agent.runtimes.python import calls
from htcgrid_agent.runtimes.python.channel import LATE, Channel
from htcgrid_agent.runtimes.python.context import Context
from htcgrid_agent.runtimes.python.faults import failure_of, unloadable
from htcgrid_agent.runtimes.python.loader import HandlerError, Handlers, SetupError
from htcgrid_agent.runtimes.python.memory import limit_memory
from htcgrid_agent.runtimes.python.recorder import Recorder
from htcgrid_agent.runtimes.python.shared import SharedValues
from htcgrid_agent.runtimes.python.stopping import leave_stopping_to_agent
from htcgrid_agent.runtimes.python.wear import Wear
from htcgrid_agent.workers.cell import Cell
from htcgrid_agent.workers.messages import Report, RunTasks, Setup

#: Outcomes are reported when this has passed since the last report: seldom enough to cost nothing, often enough that a
#: worker that dies takes little along.
_REPORT_NS = 25_000_000


class Worker:
    """Runs tasks one after the other; a task can crash, leak or hang this process only."""

    def __init__(self, channel: Channel, cell: Cell, setup: Setup) -> None:
        self._channel = channel
        self._cell = cell
        self._setup = setup
        self._handlers = Handlers()
        self._context = Context(setup.worker, self._shared)
        self._recorder = Recorder()
        self._values = SharedValues(channel.ask, self._decoder)
        self._wear = Wear(setup.recycle_tasks, setup.recycle_bytes)

    def run(self) -> None:
        """Work until the agent closes the channel."""
        os.nice(self._setup.nice)
        limit_memory(self._setup.memory_bytes)
        self._recorder.install()
        sys.path[:0] = [folder for folder in self._setup.path if folder not in sys.path]
        self._channel.report(Report(0, None, done=True))
        while (tasks := self._channel.run()) is not None:
            self._run(tasks)

    def _decoder(self, name: str) -> Callable[[Any], Any]:
        """Return what makes a shared input of its bytes, if this worker may."""
        if name in {PICKLE, FUNCTION} and not self._setup.pickle:
            raise ConfigError(
                "a shared input is pickled, and this agent does not unpickle, which can run any code: set "
                "'pickle = true' in its [agent], or put it with codec 'json', 'msgpack' or 'bytes'"
            )
        return calls.Function if name == FUNCTION else codec_of(name).decode

    def _shared(self, ref: str) -> Any:
        if not self._channel.is_open:
            raise RuntimeError(LATE)
        return self._values.get(ref)

    def _run(self, tasks: RunTasks) -> None:
        # A handler whose import kills the process is blamed on the first task.
        self._cell.begin(tasks.start, tasks.start + len(tasks.payloads))
        try:
            handler = self._handlers.load(tasks.handler, calls=tasks.calls)
            codec = codec_of(tasks.codec)
            if tasks.calls or calls.is_pickled(tasks):
                codec = calls.codec_of_calls(codec, tasks, self._shared)
        except (HandlerError, ConfigError, SetupError) as error:
            self._refuse(tasks, unloadable(error, tasks))
            return
        context = self._context
        context.session_id, context.labels, context.deadline = tasks.session, tasks.labels, None
        self._channel.open()
        block, last = self._run_all(tasks, handler, codec, context)
        self._cell.rest()
        self._channel.close()
        self._channel.report(Report(tasks.run, block if last > block.start else None, done=True, worn=self._wear.worn))

    def _run_all(self, tasks: RunTasks, handler: Any, codec: Codec, context: Context) -> tuple[Block, int]:
        """Run the tasks; return the outcomes that were not reported yet, and one more than the last task."""
        enter, decode, encode, tick = self._cell.enter, codec.decode, codec.encode, time.perf_counter_ns
        limit, tries, timeout = self._setup.result_limit, tasks.tries, tasks.timeout
        output, recorder = tasks.output, self._recorder
        recorder.renew()
        block = self._block(tasks.start)
        values, durations = block.values, block.durations
        began = reported = tick()
        index, stop = tasks.start, tasks.start + len(tasks.payloads)
        for payload in self._wear.bound(tasks.payloads):
            if not enter(index):
                break
            context.index = index
            context.try_number = tries.get(index, 0) + 1 if tries else 1
            if timeout is not None:
                context.deadline = time.monotonic() + timeout
            try:
                value = encode(handler(decode(payload), context))
                if len(value) > limit:
                    _refuse_length(len(value), limit)
            except BaseException as error:  # noqa: BLE001 - the user's handler: sys.exit() must not cost a worker
                block.failures[index] = failure_of(error, tasks)
                values.append(calls.raised(codec, error) if codec.name == PICKLE else None)
                # What it left behind must not cost the next task its memory: that begins in a new process.
                self._wear.spent |= isinstance(error, MemoryError)
            else:
                values.append(value)
            ended = tick()
            durations.append((ended - began) // 1000)
            if recorder.used:
                self._keep(block, index, output)
                ended = tick()
            began = ended
            index += 1
            # The outcome of the last task goes with the report that the run is done.
            if index < stop and (ended - reported > _REPORT_NS or self._wear.spent):
                self._channel.report(Report(tasks.run, block, done=False))
                block = self._block(index)
                values, durations = block.values, block.durations
                began = reported = tick()
                if self._wear.full:
                    break
        self._wear.count(index - tasks.start)
        return block, index

    def _keep(self, block: Block, index: int, output: KeepOutput) -> None:
        """Keep what the task printed, if the session wants it."""
        if output is KeepOutput.ALL or (output is KeepOutput.FAILED and index in block.failures):
            block.printed[index] = self._recorder.take()
        else:
            self._recorder.drop()

    def _block(self, start: int) -> Block:
        self._recorder.report()
        return Block(start, [], time.time(), [], self._setup.worker, {}, {}, {})

    def _refuse(self, tasks: RunTasks, failure: Failure) -> None:
        count = len(tasks.payloads)
        failures = dict.fromkeys(range(tasks.start, tasks.start + count), failure)
        block = Block(tasks.start, [None] * count, time.time(), [0] * count, self._setup.worker, failures, {})
        self._cell.rest()
        self._channel.report(Report(tasks.run, block, done=True))


def _refuse_length(length: int, limit: int) -> None:
    raise EncodingError(f"the result is {length} bytes long, more than the {limit} that are allowed")


def _die_with_agent(lifeline: int) -> None:
    """End the process when the agent is gone: its work is another's by then."""
    os.read(lifeline, 1)
    os._exit(1)


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
