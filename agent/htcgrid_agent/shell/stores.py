"""The agent's calls to state store, task queue and payload store."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import msgspec

from htcgrid.errors import EncodingError, ProviderError, ProviderUnavailableError
from htcgrid.host import Flag, Host, RealHost
from htcgrid.interfaces import PayloadStore, StateStore, TaskQueue, total_usage
from htcgrid.model import (
    AgentId,
    AgentReport,
    Delivery,
    Failure,
    Lease,
    Pack,
    outcome,
    pack_blocks,
    unpack_payloads,
)
from htcgrid_agent.core import commands, events
from htcgrid_agent.core.commands import CommitPart
from htcgrid_agent.core.seclusion import parted
from htcgrid_agent.shell.inputs import Inputs
from htcgrid_agent.shell.logs import Log
from htcgrid_agent.shell.notes import about

_Answer = TypeVar("_Answer")


class StoreCalls:
    """Carries out commands; each method takes a command and returns the event that answers it."""

    #: An object that is not there yet, or not whole, may be so a moment later.
    _LOOKS = 3

    def __init__(
        self,
        *,
        state: StateStore,
        queue: TaskQueue,
        payloads: PayloadStore,
        agent: AgentId,
        pool: str,
        lease: timedelta,
        inputs: Inputs,
        stopping: Flag,
        log: Log,
        about: AgentReport | None = None,
        host: Host | None = None,
    ) -> None:
        self._state = state
        self._queue = queue
        self._payloads = payloads
        self._agent = agent
        self._pool = pool
        self._lease = lease
        self._inputs = inputs
        self._stopping = stopping
        self._log = log
        self._host = host or RealHost()
        self._about = about or AgentReport(id=agent, pool=pool, started=self._host.now())
        #: Told of each delay after which a bundle is to be hinted, in seconds: the agent's reaper, if it has one.
        self.hasten: Callable[[float], None] = lambda _: None

    def acquire(self, command: commands.Acquire) -> events.Acquired:
        """Receive and claim, or only claim; what may take long comes after it: from now on leases are renewed."""
        if command.alone is not None:
            return msgspec.structs.replace(self._acquired([command.alone], []), alone=True)
        return self._acquired(*parted(self._queue.receive(command.limit, wait=self._wait(command), pool=self._pool)))

    def acquire_urgent(self, command: commands.AcquireUrgent) -> events.Acquired:
        """Do the same with hints of higher priorities."""
        deliveries = self._queue.receive(command.limit, wait=self._wait(command), pool=self._pool, above=command.above)
        return msgspec.structs.replace(self._acquired(*parted(deliveries)), urgent=True)

    def _wait(self, command: commands.Acquire | commands.AcquireUrgent) -> timedelta:
        # Who stops is woken once, which may have been before this.
        return timedelta(0) if self._stopping.is_set() else command.wait

    def _acquired(self, wanted: list[Delivery], left: list[Delivery]) -> events.Acquired:
        sent = self._host.monotonic()
        if self._stopping.is_set():
            # What comes to an agent that stops is for others.
            wanted, left = [], wanted + left
        keys = list(dict.fromkeys(delivery.hint.key for delivery in wanted))
        # The hints are received, and would not come again for long.
        claims = self._insisting(lambda: self._state.claim(keys, agent=self._agent, lease=self._lease)) if keys else []
        unreadable: dict[str, Failure] = {}
        for claim in claims:
            if claim.input.data is not None:
                try:
                    data = claim.input.checked(claim.input.data)
                    self._keep(claim.lease, data, first=claim.first, stop=claim.open.stop)
                except EncodingError as error:
                    unreadable[claim.lease.nonce] = _lost(str(error))
        return events.Acquired(
            sent=sent,
            claims=claims,
            # The others need no call, for which a thread would wake beside the worker's.
            deliveries=tuple(delivery for delivery in wanted if delivery.token),
            left=tuple(left),
            unreadable=unreadable,
        )

    def ack(self, command: commands.Ack) -> events.Acked:
        """Delete hints, and send some of them again; let those go who wait for some."""
        deliveries = command.deliveries
        try:
            if command.wake:
                self._queue.wake()
            if command.left:
                self._insisting(lambda: self._queue.send([delivery.hint for delivery in command.left]))
                deliveries += command.left
            if deliveries:
                self._queue.ack(deliveries)
        except ProviderError as error:
            # What was won is won, and what is left comes again: a hint that does is refused, and acknowledged then.
            self._log.warning("hints not acknowledged", error=str(error), hints=len(deliveries))
        return events.Acked()

    def load(self, command: commands.Load) -> events.Loaded:
        """Fetch payloads."""
        try:
            self._keep(command.lease, self._fetched(command.input), first=command.first, stop=command.stop)
        except ProviderError as error:
            self._log.warning("payloads not loaded", **about(command.lease), error=str(error))
            return events.Loaded(command=command, unavailable=True)
        except EncodingError as error:
            if self._stopping.is_set():
                # It was not waited for. Another agent finds out whether it is gone.
                return events.Loaded(command=command, unavailable=True)
            return events.Loaded(command=command, failure=_lost(str(error)))
        return events.Loaded(command=command)

    def commit(self, command: commands.Commit) -> events.CommitAnswered:
        """Put large packs into the payload store, then commit."""
        sent = self._host.monotonic()
        commits, blobs = [], {}
        for part in command.parts:
            pack = Pack.of(pack_blocks(list(part.blocks)))
            if pack.data is not None and pack.size > self._state.limits.inline:
                key = _pack_key(part)
                blobs[key] = pack.data
                pack = pack.moved_to(key)
            commits.append(
                outcome.Commit(
                    lease=part.lease, flush=part.flush, succeeded=part.succeeded, failed=part.failed, pack=pack
                )
            )
        if blobs:
            self._payloads.put(blobs)
        return events.CommitAnswered(sent=sent, parts=command.parts, answers=self._state.commit(commits))

    def renew(self, command: commands.Renew) -> events.Renewed:
        """Renew leases."""
        sent = self._host.monotonic()
        return events.Renewed(sent=sent, renewal=self._state.renew(command.leases))

    def give_back(self, command: commands.GiveBack) -> events.GiveBackAnswered:
        """Give back, and hint what was given back."""
        given = self._state.give_back(command.lease, command.remainders)
        if delays := [part.delay.total_seconds() for part in command.remainders if part.delay]:
            self.hasten(min(delays))
        if given is not None and given.hints:
            try:
                self._insisting(lambda: self._queue.send(given.hints))
            except ProviderError as error:
                # It is given back all the same, and the reaper hints it again.
                self._log.warning("hints not sent", **about(command.lease), error=str(error), hints=len(given.hints))
        return events.GiveBackAnswered(key=command.lease.key, nonce=command.lease.nonce, given=given)

    def register(self, command: commands.Register) -> events.Registered:
        """Tell the state store that this agent is there."""
        facts = {name: getattr(command, name) for name in command.__struct_fields__}
        usage = total_usage(service.usage() for service in (self._state, self._queue, self._payloads))
        self._state.register(msgspec.structs.replace(self._about, **facts, usage=usage))
        return events.Registered()

    def _insisting(self, call: Callable[[], _Answer]) -> _Answer:
        """Make a call without which others would have to do over what is done; ask a few times while it fails."""
        for look in range(self._LOOKS - 1):
            try:
                return call()
            except ProviderUnavailableError:
                if self._stopping.wait(0.05 * 4**look):
                    raise
        return call()

    def _keep(self, lease: Lease, data: bytes, *, first: int, stop: int) -> None:
        """Keep payloads for the loop.

        Raises:
            EncodingError: the pack is none, or has not those of all tasks.
        """
        payloads = unpack_payloads(data)
        if len(payloads) < stop - first:
            raise EncodingError(f"a pack has {len(payloads)} payloads, and tasks {first} to {stop - 1} are in it")
        self._inputs.keep(lease.nonce, first, payloads)

    def _fetched(self, pack: Pack) -> bytes:
        """Return the bytes of a pack from the payload store.

        Raises:
            EncodingError: they are not there, or others are.
        """
        key = pack.key or ""
        problem = EncodingError(f"pack {key!r} with the payloads is not in the payload store any more")
        for look in range(self._LOOKS):
            if look:
                self._stopping.wait(0.05 * 4 ** (look - 1))
            found = self._insisting(lambda: self._payloads.get([key])).get(key)
            try:
                if found is not None:
                    return pack.checked(found)
            except EncodingError as error:
                problem = error
        raise problem


def _lost(message: str) -> Failure:
    return Failure(type="PayloadLost", message=message, final=True)


def _pack_key(part: CommitPart) -> str:
    """Name an outcome pack: it holds bundle, nonce and flush number, so nothing is ever overwritten."""
    key = part.lease.key
    return f"{key.session}/out/{key.start}-{key.birth}-{part.lease.nonce}-{part.flush}"
