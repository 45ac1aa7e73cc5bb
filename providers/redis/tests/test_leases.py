"""What leases on Redis do beyond their contract."""

from contextlib import closing
from datetime import timedelta

from htcgrid.model import AgentId, BundleKey, Ranges, Remainder
from htcgrid.testing.samples import bundles_of, new_id, session_of, tasks
from htcgrid_redis.settings import RedisSettings
from htcgrid_redis.state import RedisStateStore

LEASE = timedelta(seconds=30)


def test_a_bundle_can_be_given_back_in_hundreds_of_parts(redis_url: str) -> None:
    session = session_of()
    with closing(RedisStateStore(RedisSettings(url=redis_url, name=new_id()))) as store:
        store.create(session, bundles_of(session, 1, 1000), sealed=True)
        [claim] = store.claim([BundleKey(session.id, 0)], agent=AgentId("a"), lease=LEASE)
        odd = [Remainder(ranges=tasks(task, task + 1), tries={task: 2}) for task in range(1, 600, 2)]
        given = store.give_back(claim.lease, odd)
        assert given is not None
        assert given.lease == claim.lease
        assert given.carved == [part.ranges for part in odd]
        assert len({hint.key for hint in given.hints}) == len(odd)
        status = store.status([session.id])[0]
        assert (status.pending, status.running) == (300, 700)
        # The lease ends with the first of these calls of parts; the others have nothing left to carve.
        rest = [Remainder(ranges=tasks(0, 1000)), *odd[:100]]
        given = store.give_back(claim.lease, rest)
        assert given is not None
        assert given.lease is None
        assert [part.count for part in given.carved] == [700] + [0] * 100
        assert store.give_back(claim.lease, odd) is None
        found = store.claim([hint.key for hint in given.hints], agent=AgentId("b"), lease=LEASE)
        assert [claim.open.count for claim in found] == [700]
        assert Ranges.of((1, 2)) & found[0].open == Ranges()
