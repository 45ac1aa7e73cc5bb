"""The loop of a worker: read a run, run its tasks, report them."""

import faulthandler
import os
import socket
import sys
import threading
import time
import traceback
from types import TracebackType
from typing import Any

import msgspec

from htcgrid.errors import ConfigError, EncodingError
from htcgrid.model import codec
from htcgrid.model.codec import Codec, codec_of
from htcgrid.model.outcome import Block, Failure
from htcgrid.model.session import KeepOutput
from htcgrid_agent.runtimes.python import loader
from htcgrid_agent.runtimes.python.context import Context
from htcgrid_agent.runtimes.python.loader import HandlerError, Handlers
from htcgrid_agent.runtimes.python.recorder import Recorder
from htcgrid_agent.workers.cell import Cell
from htcgrid_agent.workers.messages import Frames, Report, RunTasks, Setup, frame

#: Outcomes are reported when this has passed since the last report: seldom enough to cost nothing, often enough that a
#: worker that dies takes little along.
_REPORT_NS = 10_000_000
_TRACEBACK = 8_000
_MESSAGE = 2_000
#: The files that call handlers and codecs.
_OWN = frozenset((__file__, loader.__file__, codec.__file__))


class Worker:
    """Runs tasks one after the other; a task can crash, leak or hang this process only."""

    def __init__(self, channel: socket.socket, cell: Cell) -> None:
        self._channel = channel
        self._cell = cell
        self._frames = Frames()
        self._bodies: list[bytes] = []
        self._encoder = msgspec.msgpack.Encoder()
        self._handlers = Handlers()
        self._context = Context()
        self._recorder = Recorder()
        self._setup = Setup("", [], 0, 0)

    def run(self) -> None:
        """Work until the agent closes the channel."""
        runs = msgspec.msgpack.Decoder(RunTasks)
        first = self._next()
        if first is None:
            return
        self._setup = msgspec.msgpack.decode(first, type=Setup)
        os.nice(self._setup.nice)
        self._recorder.install()
        sys.path[:0] = [folder for folder in self._setup.path if folder not in sys.path]
        self._report(0, None, done=True)
        while (body := self._next()) is not None:
            self._run(runs.decode(body))

    def _next(self) -> bytes | None:
        while not self._bodies:
            data = self._channel.recv(1 << 20)
            if not data:
                return None
            self._bodies.extend(self._frames.feed(data))
        return self._bodies.pop(0)

    def _report(self, run: int, block: Block | None, *, done: bool) -> None:
        self._channel.sendall(frame(self._encoder.encode(Report(run, block, done))))

    def _run(self, tasks: RunTasks) -> None:
        # A handler whose import kills the process is blamed on the first task.
        self._cell.begin(tasks.start, tasks.start + len(tasks.payloads))
        try:
            handler = self._handlers.load(tasks.handler)
            codec = codec_of(tasks.codec)
        except (HandlerError, ConfigError) as error:
            shown = "".join(traceback.format_exception(error.__cause__)) if error.__cause__ else ""
            message, shown = _carried(str(error)[:_MESSAGE]), _carried(shown[-_TRACEBACK:])
            self._refuse(tasks, Failure(type=type(error).__name__, message=message, traceback=shown, final=True))
            return
        context = self._context
        context.session_id, context.labels, context.deadline = tasks.session, tasks.labels, None
        block, last = self._run_all(tasks, handler, codec, context)
        self._cell.rest()
        self._report(tasks.run, block if last > block.start else None, done=True)

    def _run_all(self, tasks: RunTasks, handler: Any, codec: Codec, context: Context) -> tuple[Block, int]:
        """Run the tasks; return the outcomes that were not reported yet, and one more than the last task."""
        enter, decode, encode, tick = self._cell.enter, codec.decode, codec.encode, time.perf_counter_ns
        limit, tries, timeout = self._setup.result_limit, tasks.tries, tasks.timeout
        output, recorder = tasks.output, self._recorder
        recorder.drop()
        block = self._block(tasks.start)
        values, durations = block.values, block.durations
        began = reported = tick()
        index = tasks.start
        for payload in tasks.payloads:
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
                values.append(None)
                block.failures[index] = _failure(error)
            else:
                values.append(value)
            ended = tick()
            durations.append((ended - began) // 1000)
            if recorder.used:
                self._keep(block, index, output)
                ended = tick()
            began = ended
            index += 1
            if ended - reported > _REPORT_NS:
                self._report(tasks.run, block, done=False)
                block = self._block(index)
                values, durations = block.values, block.durations
                began = reported = tick()
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
        self._report(tasks.run, block, done=True)


def _refuse_length(length: int, limit: int) -> None:
    raise EncodingError(f"the result is {length} bytes long, more than the {limit} that are allowed")


def _failure(error: BaseException) -> Failure:
    frames = _users_frames(error)
    # What the codec refuses says so itself: there is no line of the user's to show, and another try is no better.
    final = frames is None and isinstance(error, EncodingError)
    shown = "" if final else "".join(traceback.format_exception(error.with_traceback(frames)))
    return Failure(
        type=_carried(type(error).__name__),
        message=_carried(_message(error)),
        traceback=_carried(shown[-_TRACEBACK:]),
        final=final,
    )


def _carried(text: str) -> str:
    """Return text that can be sent: names of files, and so messages, may hold what no encoding has."""
    return text.encode("utf-8", "backslashreplace").decode()


def _message(error: BaseException) -> str:
    try:
        return str(error)[:_MESSAGE]
    except Exception as second:  # noqa: BLE001 - the user's code
        return f"(its message cannot be had: __str__ raises {type(second).__name__})"


def _users_frames(error: BaseException) -> TracebackType | None:
    """Return the traceback without the frames above the handler, which tell a user nothing."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename in _OWN:
        frames = frames.tb_next
    return frames


def _die_with_agent(lifeline: int) -> None:
    """End the process when the agent is gone: its work is another's by then."""
    os.read(lifeline, 1)
    os._exit(1)


def main(channel: int, cell: int, lifeline: int) -> None:
    """Run a worker on the descriptors that its agent made."""
    # Should a library crash the process, the agent reads where, and keeps it with the task's failure.
    faulthandler.enable(all_threads=False)
    threading.Thread(target=_die_with_agent, args=(lifeline,), daemon=True).start()
    with socket.socket(fileno=channel) as connection:
        try:
            Worker(connection, Cell(cell)).run()
        except (ConnectionError, BrokenPipeError):
            # The agent is gone; so is whoever would read a message.
            sys.exit(1)
