"""A thread that carries out one kind of store call, one after the other, so that no kind delays another."""

from collections.abc import Callable
from typing import Any

from htcgrid.errors import HtcGridError, ProviderUnavailableError
from htcgrid.host import Host, Queue
from htcgrid_agent.core import commands
from htcgrid_agent.core.commands import Command
from htcgrid_agent.core.events import CallFailed, Event
from htcgrid_agent.shell.stores import StoreCalls


class Lane:
    """Takes commands, posts events."""

    def __init__(
        self,
        name: str,
        work: Callable[[Any], Event],
        post: Callable[[Event], None],
        crash: Callable[[BaseException], None],
        *,
        host: Host,
    ) -> None:
        self._work = work
        self._post = post
        self._crash = crash
        self._commands: Queue[Command | None] = host.queue()
        self._thread = host.thread(self._loop, name=name)
        self._thread.start()

    def send(self, command: Command) -> None:
        """Queue a command."""
        self._commands.put(command)

    def close(self) -> None:
        """End the thread once it has done what is queued."""
        self._commands.put(None)
        self._thread.join(timeout=5)

    def _loop(self) -> None:
        try:
            while (command := self._commands.get()) is not None:
                self._post(self._answer(command))
        except BaseException as error:  # noqa: BLE001 - the top of a thread; the loop raises it again
            # A lane that ends silently would leave an agent that holds leases and does nothing.
            self._crash(error)

    def _answer(self, command: Command) -> Event:
        try:
            return self._work(command)
        except HtcGridError as error:
            final = not isinstance(error, ProviderUnavailableError)
            return CallFailed(command=command, error=f"{type(error).__name__}: {error}", final=final)


def lanes_of(
    calls: StoreCalls, post: Callable[[Event], None], crash: Callable[[BaseException], None], *, host: Host
) -> dict[type[Command], Lane]:
    """Return a lane for each kind of store call, by the command that asks for it."""
    works: dict[type[Command], Callable[[Any], Event]] = {
        commands.Acquire: calls.acquire,
        commands.AcquireUrgent: calls.acquire_urgent,
        commands.Ack: calls.ack,
        commands.Load: calls.load,
        commands.Commit: calls.commit,
        commands.Renew: calls.renew,
        commands.GiveBack: calls.give_back,
        commands.Register: calls.register,
    }
    return {kind: Lane(kind.__name__.lower(), work, post, crash, host=host) for kind, work in works.items()}
