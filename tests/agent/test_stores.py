"""The agent's store calls: what they cost when a service fails in the middle of them."""

import threading
from collections.abc import Iterable, Sequence
from datetime import timedelta

import msgspec
import pytest
from structlog.testing import CapturingLogger

from htcgrid.errors import ProviderUnavailableError
from htcgrid.model import AgentId, Block, Bundle, Delivery, Hint, Pack, Ranges, Remainder, Session
from htcgrid.testing.memory import MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue
from htcgrid.testing.samples import bundle_of, bundles_of, session_of
from htcgrid_agent.core import commands, events
from htcgrid_agent.shell.inputs import Inputs
from htcgrid_agent.shell.stores import StoreCalls

NAME = AgentId("a")
RECEIVE = commands.Acquire(limit=8, wait=timedelta(0))


class Queue(MemoryTaskQueue):
    """A queue that can be made to refuse."""

    away = False

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        self._check()
        super().ack(deliveries)

    def send(self, hints: Sequence[Hint]) -> None:
        self._check()
        super().send(hints)

    def _check(self) -> None:
        if self.away:
            raise ProviderUnavailableError("the queue is away")


class Payloads(MemoryPayloadStore):
    """A payload store that can be made to fail, and that counts what it is asked."""

    away = False
    asked = 0

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        self.asked += 1
        if self.away:
            raise ProviderUnavailableError("the payload store is away")
        return super().get(keys)


class Desk:
    """An agent's stores, with one session of one bundle that is hinted."""

    def __init__(self) -> None:
        self.state, self.queue, self.payloads = MemoryStateStore(), Queue(), Payloads()
        self.session = session_of()
        self.inputs = Inputs()
        self.log = CapturingLogger()
        self.calls = StoreCalls(
            state=self.state,
            queue=self.queue,
            payloads=self.payloads,
            agent=NAME,
            pool="default",
            lease=timedelta(seconds=30),
            inputs=self.inputs,
            stopping=threading.Event(),
            log=self.log,
        )

    def submit(self, *bundles: Bundle, session: Session | None = None) -> None:
        self.state.create(session or self.session, bundles or [bundle_of(self.session, 0, 3)], sealed=True)
        self.queue.send([Hint(key=bundle.key, pool="default", priority=1, tasks=3) for bundle in bundles])

    def acquire(self) -> tuple[events.Acquired, list[events.Loaded]]:
        """Acquire, acknowledge and load, as the agent does."""
        acquired = self.calls.acquire(RECEIVE)
        self.ack(acquired)
        loads = (
            commands.Load(lease=claim.lease, input=claim.input, first=claim.first, stop=claim.open.stop)
            for claim in acquired.claims
            if claim.input.data is None
        )
        return acquired, [self.calls.load(load) for load in loads]

    def ack(self, acquired: events.Acquired) -> None:
        """Acknowledge what led to bundles, and pass on what did not."""
        self.calls.ack(commands.Ack(deliveries=acquired.deliveries, left=acquired.left))

    def submit_stored(self, data: bytes | None) -> None:
        """Submit a bundle whose payloads stand in the payload store, or do not."""
        bundle = bundle_of(self.session, 0, 3)
        assert bundle.input.data is not None
        if data is None:
            data = bundle.input.data
        if data:
            self.payloads.put({"s/in/0": data})
        self.submit(Bundle(key=bundle.key, stop=3, input=bundle.input.moved_to("s/in/0")))


class Lossy(Payloads):
    """What it gives is missing at first, then altered, then right."""

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        found = super().get(keys)
        answers: tuple[dict[str, bytes], ...] = ({}, {key: b"?" * len(data) for key, data in found.items()}, found)
        return answers[min(self.asked, 3) - 1]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_hint_is_acknowledged_when_its_bundle_was_won(desk: Desk) -> None:
    desk.submit(bundle_of(desk.session, 0, 3))
    acquired, _ = desk.acquire()
    (claim,) = acquired.claims
    assert desk.inputs.cut(claim.lease.nonce, 1, 3) == [b"1", b"2"]
    assert desk.queue._messages == {}


def test_a_hint_is_acknowledged_when_another_agent_has_the_bundle(desk: Desk) -> None:
    bundle = bundle_of(desk.session, 0, 3)
    desk.submit(bundle)
    desk.state.claim([bundle.key], agent=AgentId("other"), lease=timedelta(seconds=30))
    assert desk.acquire()[0].claims == []
    assert desk.queue._messages == {}


def mixed(desk: Desk) -> list[Bundle]:
    """Submit five bundles, of which the second and the fourth are suspect."""
    bundles = bundles_of(desk.session, 5)
    desk.state.create(desk.session, bundles, sealed=True)
    for number, bundle in enumerate(bundles):
        desk.queue.send([Hint(key=bundle.key, suspect=number in {1, 3})])
    return bundles


def test_suspect_bundles_are_left_to_others(desk: Desk) -> None:
    bundles = mixed(desk)
    acquired, _ = desk.acquire()
    assert [claim.key for claim in acquired.claims] == [bundles[number].key for number in (0, 2, 4)]
    assert len(acquired.left) == 2
    # Their hints are there for whoever comes next.
    again = desk.queue.receive(9, wait=timedelta(0), pool="default")
    assert [delivery.hint.key for delivery in again] == [bundles[number].key for number in (1, 3)]


def test_a_suspect_bundle_is_claimed_alone(desk: Desk) -> None:
    bundles = mixed(desk)
    first, *_ = desk.calls.acquire(RECEIVE).left
    acquired = desk.calls.acquire(msgspec.structs.replace(RECEIVE, alone=first))
    assert [claim.key for claim in acquired.claims] == [bundles[1].key]
    assert (acquired.alone, acquired.left) == (True, ())
    desk.ack(acquired)
    assert first.token not in desk.queue._messages


def test_hints_that_cannot_be_passed_on_come_again(desk: Desk) -> None:
    mixed(desk)
    desk.queue.away = True
    acquired, _ = desk.acquire()
    assert (len(acquired.claims), len(acquired.deliveries)) == (3, 3)
    assert len(desk.queue._messages) == 5
    assert [call.args for call in desk.log.calls] == [("hints not acknowledged",)]


def test_what_was_won_is_kept_when_its_hint_cannot_be_acknowledged(desk: Desk) -> None:
    desk.submit(bundle_of(desk.session, 0, 3))
    desk.queue.away = True
    acquired, _ = desk.acquire()
    assert len(acquired.claims) == 1
    assert len(desk.queue._messages) == 1
    assert [call.args for call in desk.log.calls] == [("hints not acknowledged",)]


def test_what_was_given_back_stays_given_back_when_it_cannot_be_hinted(desk: Desk) -> None:
    desk.submit(bundle_of(desk.session, 0, 3))
    (claim,) = desk.calls.acquire(RECEIVE).claims
    desk.queue.away = True
    remainder = Remainder(ranges=Ranges.of((1, 3)))
    answer = desk.calls.give_back(commands.GiveBack(lease=claim.lease, remainders=(remainder,)))
    assert answer.given is not None
    assert answer.given.carved == [Ranges.of((1, 3))]
    (line,) = desk.log.calls
    assert line.args == ("hints not sent",)
    assert line.kwargs["session"] == desk.session.id


def test_an_agent_that_stops_claims_nothing_more(desk: Desk) -> None:
    desk.submit(bundle_of(desk.session, 0, 3))
    desk.calls._stopping.set()
    assert desk.calls.acquire(RECEIVE).claims == []
    assert desk.state.status([desk.session.id])[0].running == 0


def test_payloads_are_read_from_the_payload_store(desk: Desk) -> None:
    desk.submit_stored(None)
    acquired, [loaded] = desk.acquire()
    assert (loaded.failure, loaded.unavailable) == (None, False)
    assert desk.inputs.cut(acquired.claims[0].lease.nonce, 0, 3) == [b"0", b"1", b"2"]


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "'s/in/0' with the payloads is not in the payload store any more"), (b"\x93\x00", "bytes")],
    ids=["missing", "not what was put"],
)
def test_payloads_that_are_gone_or_spoilt_are_a_final_failure_with_a_reason(
    desk: Desk, data: bytes, message: str
) -> None:
    desk.submit_stored(data)
    _, [loaded] = desk.acquire()
    assert loaded.failure is not None
    assert loaded.failure.final
    assert message in loaded.failure.message
    # A store that shows a new object late gets some time before anything is said to be lost.
    assert desk.payloads.asked == 3


def test_payloads_that_cannot_be_had_now_are_no_failure(desk: Desk) -> None:
    desk.submit_stored(None)
    desk.payloads.away = True
    _, [loaded] = desk.acquire()
    assert (loaded.failure, loaded.unavailable) == (None, True)


def test_a_small_pack_that_was_altered_is_a_final_failure_too(desk: Desk) -> None:
    bundle = bundle_of(desk.session, 0, 3)
    desk.submit(Bundle(key=bundle.key, stop=3, input=msgspec.structs.replace(bundle.input, data=b"?")))
    acquired, loaded = desk.acquire()
    (failure,) = acquired.unreadable.values()
    assert (failure.type, failure.final, loaded) == ("PayloadLost", True, [])


def test_small_outcomes_are_recorded_inline_and_large_ones_under_a_key_of_their_own(desk: Desk) -> None:
    desk.submit(bundle_of(desk.session, 0, 3))
    (claim,) = desk.calls.acquire(RECEIVE).claims
    for index, value in enumerate([b"1", b"x" * (desk.state.limits.inline + 1)]):
        block = Block(index, [value], 1.0, [1], "a/0", {}, {})
        part = commands.CommitPart(
            lease=claim.lease, flush=index, succeeded=Ranges.single(index), failed=Ranges(), blocks=(block,)
        )
        desk.calls.commit(commands.Commit(parts=(part,)))
    small, large = (entry.parts[0].pack for entry in desk.state.outcomes(desk.session.id).entries)
    assert (small.key, large.data) == (None, None)
    assert large.key == f"{desk.session.id}/out/0-0-{claim.lease.nonce}-1"
    assert large.checked(desk.payloads.get([large.key])[large.key])
    assert isinstance(small, Pack)


def test_payloads_that_come_altered_are_asked_for_again() -> None:
    desk = Desk()
    desk.calls._payloads = desk.payloads = Lossy()
    desk.submit_stored(None)
    desk.queue.send(desk.state.due(10, dry="default"))
    acquired, [loaded] = desk.acquire()
    assert loaded.failure is None
    assert desk.inputs.cut(acquired.claims[0].lease.nonce, 0, 1) == [b"0"]
    assert desk.payloads.asked == 3


def test_an_agent_that_stops_and_does_not_wait_says_of_no_payload_that_it_is_lost() -> None:
    desk = Desk()
    desk.submit_stored(b"")
    acquired = desk.calls.acquire(RECEIVE)
    desk.calls._stopping.set()
    [claim] = acquired.claims
    loaded = desk.calls.load(commands.Load(lease=claim.lease, input=claim.input, first=0, stop=claim.open.stop))
    assert (loaded.failure, loaded.unavailable) == (None, True)
