"""The contract of a task queue."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import ClassVar

import msgspec
import pytest

from htcgrid.interfaces import TaskQueue
from htcgrid.model import BundleKey, Delivery, Hint, SessionId, defaults
from htcgrid.testing.clock import VirtualClock
from htcgrid.testing.contract import Contract
from htcgrid.testing.race import at_once
from htcgrid.testing.samples import new_id

_NO_WAIT = timedelta(0)


class TaskQueueContract(Contract):
    """What a task queue is. Give it a fixture ``queue``: an open queue, in which others may put hints of other pools.

    A queue may lose, repeat and reorder hints; these clauses send few enough that a sound one does not lose any.
    """

    #: How long each look for a hint may wait, and how many looks without one mean that there is none.
    wait: ClassVar[timedelta] = timedelta(seconds=1)
    looks: ClassVar[int] = 5

    @pytest.fixture
    def clock(self) -> VirtualClock:
        """Return the time of this clause."""
        return VirtualClock()

    @pytest.fixture
    def queue(self, clock: VirtualClock) -> TaskQueue:
        """Return the queue under test."""
        raise NotImplementedError(f"{type(self).__name__} must have a fixture `queue` that returns an open TaskQueue")

    @pytest.fixture
    def pool(self) -> str:
        """Return a pool of this clause's own, or one that the queue was made for and nobody else uses."""
        return new_id()

    def receive(self, queue: TaskQueue, pool: str, count: int, *, above: int | None = None) -> list[Delivery]:
        """Receive and acknowledge until there are ``count`` hints, or no more come; doubles are left out."""
        found: dict[BundleKey, Delivery] = {}
        misses = 0
        while len(found) < count and misses < self.looks:
            deliveries = queue.receive(count - len(found), wait=self.wait, pool=pool, above=above)
            queue.ack(deliveries)
            misses = 0 if deliveries else misses + 1
            found |= {delivery.hint.key: delivery for delivery in deliveries}
        return list(found.values())

    def test_a_hint_comes_back_as_it_was_sent(self, queue: TaskQueue, pool: str) -> None:
        hint = Hint(key=BundleKey(new_id(), 12_345_678, "0a1b2c3d4e5f"), pool=pool, priority=0, tasks=77)
        queue.send([hint])
        assert [delivery.hint for delivery in self.receive(queue, pool, 1)] == [hint]

    def test_the_largest_hint_comes_back_as_it_was_sent(self, queue: TaskQueue, pool: str) -> None:
        session = SessionId((new_id() + "x" * 80)[:80])
        hint = Hint(key=BundleKey(session, 2**53, "f" * 12), pool=pool, priority=defaults.PRIORITY_LIMIT, tasks=4096)
        queue.send([hint])
        assert [delivery.hint for delivery in self.receive(queue, pool, 1)] == [hint]

    def test_a_queue_without_hints_gives_none(self, queue: TaskQueue, pool: str) -> None:
        assert queue.receive(10, wait=_NO_WAIT, pool=pool) == []

    def test_a_batch_of_250_hints_arrives_whole(self, queue: TaskQueue, pool: str) -> None:
        hints = _hints(pool, 250)
        queue.send(hints)
        assert _keys(self.receive(queue, pool, 250)) == {hint.key for hint in hints}

    def test_an_empty_batch_changes_nothing(self, queue: TaskQueue, pool: str) -> None:
        queue.send([])
        queue.ack([])
        assert queue.receive(10, wait=_NO_WAIT, pool=pool) == []

    def test_no_more_hints_than_the_limit_are_received(self, queue: TaskQueue, pool: str) -> None:
        queue.send(_hints(pool, 30))
        found = set[BundleKey]()
        for _ in range(30 + self.looks):
            deliveries = queue.receive(7, wait=self.wait if len(found) < 30 else _NO_WAIT, pool=pool)
            assert len(deliveries) <= 7
            queue.ack(deliveries)
            found |= _keys(deliveries)
        assert len(found) == 30

    def test_a_pool_gets_its_own_hints_only(self, queue: TaskQueue, pool: str) -> None:
        other = new_id()
        queue.send(_hints(pool, 3) + _hints(other, 4))
        assert len(self.receive(queue, pool, 7)) == 3
        assert len(self.receive(queue, other, 7)) == 4

    def test_higher_priorities_come_first(self, queue: TaskQueue, pool: str) -> None:
        if queue.limits.priorities <= defaults.PRIORITY_LIMIT:
            pytest.skip(f"this queue keeps {queue.limits.priorities} priorities apart")
        for priority in (1, 3, 0, 2):
            queue.send(_hints(pool, 5, priority=priority))
        received = [delivery.hint.priority for delivery in self.receive(queue, pool, 20)]
        assert received == [3] * 5 + [2] * 5 + [1] * 5 + [0] * 5

    def test_one_look_brings_the_highest_priority_first(self, queue: TaskQueue, pool: str) -> None:
        if queue.limits.priorities <= defaults.PRIORITY_LIMIT:
            pytest.skip(f"this queue keeps {queue.limits.priorities} priorities apart")
        queue.send([hint for priority in (0, 2, 1, 3) for hint in _hints(pool, 2, priority=priority)])
        deliveries = queue.receive(100, wait=self.wait, pool=pool)
        priorities = [delivery.hint.priority for delivery in deliveries]
        assert priorities == sorted(priorities, reverse=True)
        assert priorities[0] == 3

    def test_bundles_that_were_begun_before_come_first_among_their_priority(self, queue: TaskQueue, pool: str) -> None:
        if not queue.limits.again_first:
            pytest.skip("this queue does not keep bundles that were begun apart")
        new, again = _hints(pool, 4), [msgspec.structs.replace(hint, again=True) for hint in _hints(pool, 4)]
        queue.send(new[:2])
        queue.send(again)
        queue.send([*new[2:], *_hints(pool, 1, priority=defaults.PRIORITY_LIMIT)])
        received = [delivery.hint for delivery in self.receive(queue, pool, 9)]
        assert [(hint.priority, hint.again) for hint in received] == [
            (defaults.PRIORITY_LIMIT, False),
            *[(defaults.PRIORITY, True)] * 4,
            *[(defaults.PRIORITY, False)] * 4,
        ]

    @pytest.mark.parametrize("above", [0, 2, 3])
    def test_only_hints_above_a_priority_are_received_when_asked_for(
        self, queue: TaskQueue, pool: str, above: int
    ) -> None:
        if queue.limits.priorities <= defaults.PRIORITY_LIMIT:
            pytest.skip(f"this queue keeps {queue.limits.priorities} priorities apart")
        for priority in range(4):
            queue.send(_hints(pool, 2, priority=priority))
        higher = self.receive(queue, pool, 8, above=above)
        assert sorted(delivery.hint.priority for delivery in higher) == [
            priority for priority in range(above + 1, 4) for _ in range(2)
        ]
        assert len(self.receive(queue, pool, 8)) == 8 - len(higher)

    def test_a_hint_that_was_acknowledged_does_not_come_again(
        self, queue: TaskQueue, clock: VirtualClock, pool: str
    ) -> None:
        queue.send(_hints(pool, 5))
        assert len(self.receive(queue, pool, 5)) == 5
        clock.advance(timedelta(hours=1))
        assert queue.receive(10, wait=_NO_WAIT, pool=pool) == []

    def test_repeating_an_ack_changes_nothing(self, queue: TaskQueue, pool: str) -> None:
        queue.send(_hints(pool, 1))
        deliveries = self.receive(queue, pool, 1)
        queue.ack(deliveries)
        queue.ack(deliveries * 2)
        queue.send(_hints(pool, 2))
        queue.ack(deliveries)
        assert len(self.receive(queue, pool, 2)) == 2

    def test_an_ack_of_one_hint_leaves_the_others(self, queue: TaskQueue, pool: str) -> None:
        queue.send(_hints(pool, 6))
        first = self.receive(queue, pool, 2)
        rest = self.receive(queue, pool, 4)
        assert len(_keys(first) | _keys(rest)) == 6

    def test_the_same_hint_may_be_sent_again(self, queue: TaskQueue, pool: str) -> None:
        [hint] = _hints(pool, 1)
        for _ in range(3):
            queue.send([hint])
            assert [delivery.hint for delivery in self.receive(queue, pool, 1)] == [hint]

    def test_a_batch_may_hold_a_hint_twice(self, queue: TaskQueue, pool: str) -> None:
        [hint] = _hints(pool, 1)
        queue.send([hint, hint])
        assert [delivery.hint for delivery in self.receive(queue, pool, 1)] == [hint]

    def test_receivers_at_once_get_every_hint(self, queue: TaskQueue, pool: str) -> None:
        hints = _hints(pool, 60)
        queue.send(hints)
        found = set[BundleKey]()

        def take() -> None:
            while deliveries := queue.receive(5, wait=self.wait if len(found) < 60 else _NO_WAIT, pool=pool):
                queue.ack(deliveries)
                found.update(_keys(deliveries))

        at_once([take] * 4)
        found |= _keys(self.receive(queue, pool, 60 - len(found)))
        assert found == {hint.key for hint in hints}

    def test_senders_at_once_lose_nothing(self, queue: TaskQueue, pool: str) -> None:
        hints = _hints(pool, 64)
        sends: list[Callable[[], None]] = [partial(queue.send, hints[sender::8]) for sender in range(8)]
        at_once(sends)
        assert _keys(self.receive(queue, pool, 64)) == {hint.key for hint in hints}

    def test_a_receiver_does_not_keep_others_from_sending(self, queue: TaskQueue, pool: str) -> None:
        def receive() -> list[Delivery]:
            return self.receive(queue, pool, 1)

        def send() -> list[Delivery]:
            queue.send(_hints(pool, 1))
            return []

        received, _ = at_once([receive, send])
        assert len(received) + len(self.receive(queue, pool, 1 - len(received))) == 1

    def test_depth_is_a_number_or_unknown(self, queue: TaskQueue, pool: str) -> None:
        queue.send(_hints(pool, 3))
        depth = queue.depth(pool)
        assert depth is None or depth >= 0
        self.receive(queue, pool, 3)

    def test_the_depth_of_a_pool_is_not_that_of_another(self, queue: TaskQueue, pool: str) -> None:
        other = new_id()
        queue.send(_hints(other, 3))
        assert not queue.depth(pool)
        self.receive(queue, other, 3)

    def test_waking_those_who_wait_loses_no_hint(self, queue: TaskQueue, pool: str) -> None:
        queue.wake()

        def wake() -> list[Delivery]:
            queue.wake()
            return []

        def receive() -> list[Delivery]:
            return queue.receive(3, wait=self.wait * 20, pool=pool)

        woken = at_once([receive, wake])[0]
        assert woken == []
        queue.send(_hints(pool, 3))
        assert len(self.receive(queue, pool, 3)) == 3

    def test_what_was_received_is_not_counted_as_waiting(self, queue: TaskQueue, pool: str) -> None:
        before = queue.depth(pool)
        queue.send(_hints(pool, 1))
        deliveries: list[Delivery] = []
        for _ in range(self.looks):
            if deliveries := queue.receive(1, wait=self.wait, pool=pool):
                break
        after = queue.depth(pool)
        queue.ack(deliveries)
        assert deliveries
        assert before is None or after is None or after <= before


def _hints(pool: str, count: int, *, priority: int = defaults.PRIORITY) -> list[Hint]:
    session = new_id()
    return [Hint(key=BundleKey(session, index), pool=pool, priority=priority) for index in range(count)]


def _keys(deliveries: Sequence[Delivery]) -> set[BundleKey]:
    return {delivery.hint.key for delivery in deliveries}
