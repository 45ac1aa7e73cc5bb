"""A worker process as its agent sees it."""

import contextlib
import os
import signal
import socket
import subprocess
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, cast

import msgspec

from htcgrid.errors import UnreadableError
from htcgrid.model import defaults
from htcgrid.model.decoding import Decoder
from htcgrid.model.interpreter import interpreter
from htcgrid.pause import has_ended
from htcgrid_agent.shell.expected import Expected
from htcgrid_agent.shell.group import end_group_with
from htcgrid_agent.shell.journal_reader import JournalReader
from htcgrid_agent.workers.cell import Cell
from htcgrid_agent.workers.messages import Frames, Need, Report, frame

_encoder = msgspec.msgpack.Encoder()
_decode: Decoder[Report | Need] = Decoder(Report | Need, "a message of worker")
#: Most bytes of a message: a result of the greatest length, and what may be reported with it.
_MOST = defaults.PAYLOAD_BYTES + (16 << 20)
#: For how long the rest of a message may not come: seconds.
_PATIENCE = 2.0


class WorkerProcess:
    """One process with its channel, its cell, its journal and its output; only its end is waited for.

    Raises:
        OSError: it cannot be started now, for want of memory, processes or descriptors.
    """

    def __init__(
        self,
        number: int,
        environment: Mapping[str, str] | None = None,
        flags: Sequence[str] = (),
        *,
        name: str = "",
    ) -> None:
        self.number = number
        #: Its name in outcomes.
        self.name = name
        self._environment = environment
        #: Arguments of the interpreter.
        self._flags = flags
        self._unsent: deque[memoryview] = deque()
        self._frames = Frames(_MOST)
        self._expected = Expected(name)
        #: The bytes that had come at the last look of :meth:`is_stuck`, when that was, and for how long none came.
        self._read = 0
        self._looked = self._still = 0.0
        #: What it sent that is no message for its agent; nothing that it sends after that counts.
        self.wrong = ""
        #: Bytes of the message that :meth:`receive` yielded last.
        self.size = 0
        with contextlib.ExitStack() as kept, contextlib.ExitStack() as lent:
            self.cell = Cell.create()
            kept.callback(self.cell.close)
            self.journal = JournalReader(self.cell.memory, name)
            self.channel, theirs = socket.socketpair()
            kept.enter_context(self.channel)
            lent.enter_context(theirs)
            read_end, self._lifeline = os.pipe()
            kept.callback(os.close, self._lifeline)
            lent.callback(os.close, read_end)
            self._process = self._start(theirs.fileno(), self.cell.fd, read_end)
            end_group_with(read_end, self._process.pid)
            kept.pop_all()
        self.channel.setblocking(False)
        for pipe in self.outputs.values():
            os.set_blocking(pipe.fileno(), False)

    def _start(self, *descriptors: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [interpreter(), *self._flags, "-P", "-m", "htcgrid_agent.runtimes.python", *map(str, descriptors)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=descriptors,
            env=self._environment,
            # Ctrl-C in a terminal is for the agent, which ends its workers in good order; and what handlers start is in
            # the group that this makes, and ends with it.
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    @property
    def outputs(self) -> dict[str, IO[bytes]]:
        """What handlers print, by stream."""
        return {
            "stdout": cast("IO[bytes]", self._process.stdout),
            "stderr": cast("IO[bytes]", self._process.stderr),
        }

    @property
    def unsent(self) -> bool:
        """Whether bytes wait until the channel takes them."""
        return bool(self._unsent)

    def send(self, message: msgspec.Struct) -> None:
        """Send a message, as much of it as the channel takes; :meth:`flush` sends the rest."""
        self._unsent.append(memoryview(frame(message, _encoder)))
        self.flush()

    def flush(self) -> bool:
        """Send what waits; return whether all is sent. That a channel is broken is told by :meth:`receive`."""
        try:
            while self._unsent:
                sent = self.channel.send(self._unsent[0])
                if sent == len(self._unsent[0]):
                    self._unsent.popleft()
                else:
                    self._unsent[0] = self._unsent[0][sent:]
        except BlockingIOError:
            return False
        except OSError:
            self._unsent.clear()
        return True

    def hand(self, run: int, start: int, stop: int, now: float) -> None:
        """Note that it is handed a run, tasks ``start`` to ``stop - 1``: it may tell of these."""
        self._expected.hand(run, start, stop)
        self.journal.hand(run, start, stop, now)

    def receive(self) -> Iterator[Report | Need | None]:
        """Yield the messages that have come; None, last, when the channel has ended or what came is no message."""
        if self.wrong:
            return
        try:
            bodies = self._frames.read(self.channel)
            if bodies is None:
                yield None
                return
            for body in bodies:
                self.size = len(body)
                message = _decode(body, self.name)
                if isinstance(message, Report):
                    self._expected.check(message)
                yield message
        except BlockingIOError:
            return
        except OSError:
            yield None
        except (UnreadableError, ValueError) as error:
            self.wrong = str(error)
            yield None

    def is_stuck(self, now: float) -> bool:
        """Return whether it has begun a message, and the rest does not come; to be asked again and again."""
        passed, self._looked = now - self._looked, now
        if not self._frames.is_amid or self._frames.count != self._read:
            self._read, self._still = self._frames.count, 0.0
            return False
        # What is long for a moment is long for the whole machine.
        self._still += min(passed, 0.25)
        if self._still < _PATIENCE:
            return False
        self.wrong = self.wrong or f"the rest of a message has not come for {_PATIENCE:g} s"
        return True

    def leave(self) -> None:
        """Let the process, which has nothing to do, call what its modules want to be called, and end."""
        with contextlib.suppress(OSError):
            self.channel.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """End the process, and whatever it started in its process group, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> str:
        """Make sure that the process is gone; return how it ended, in words. What it has said can still be read."""
        reason = None
        if self.wrong:
            reason = f"sent what is no message for its agent, and was killed: {self.wrong}"
            self.kill()
        # A process that is dying by itself closes its channel a moment before its status can be had.
        if not has_ended(self._process, 0.2):
            self.kill()
            reason = reason or "closed its connection to the agent, and was killed"
        code = self._process.wait()
        self.kill()
        return reason or _ending(code)

    def close(self) -> None:
        """Free what belongs to a process that is gone."""
        self.channel.close()
        self.cell.close()
        os.close(self._lifeline)
        for pipe in self.outputs.values():
            pipe.close()


def _ending(code: int) -> str:
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return f"was killed by {name}{hint}"
    return f"exited with status {code}"
