"""Cutting a session's tasks into bundles, as a pure function of the tasks."""

from collections.abc import Iterable, Iterator

from htcgrid.model import Bundle, BundleKey, Pack, SessionId, defaults, pack_payloads

#: A bundle holds at most one part in this many of the tasks before it. So small sessions spread over many agents one by
#: one, large ones cost few bundles, and the last bundle is never a large share of the work.
_SHARE = 16


def bundle_size(start: int, limit: int = defaults.BUNDLE_TASKS) -> int:
    """Return how many tasks the bundle that starts at task ``start`` may hold: 1 for the first 32, then ever more."""
    return max(1, min(start // _SHARE, limit))


def cut(
    session: SessionId,
    payloads: Iterable[bytes],
    *,
    tasks: int = defaults.BUNDLE_TASKS,
    size: int = defaults.BUNDLE_BYTES,
) -> Iterator[Bundle]:
    """Yield bundles of at most ``tasks`` tasks, and of at most ``size`` bytes unless of a single task."""
    start = held = 0
    room = bundle_size(start, tasks)
    batch: list[bytes] = []
    for payload in payloads:
        if batch and (len(batch) >= room or held + len(payload) > size):
            yield _bundle(session, start, batch)
            start += len(batch)
            room = bundle_size(start, tasks)
            batch, held = [], 0
        batch.append(payload)
        held += len(payload)
    if batch:
        yield _bundle(session, start, batch)


def _bundle(session: SessionId, start: int, batch: list[bytes]) -> Bundle:
    return Bundle(key=BundleKey(session, start), stop=start + len(batch), input=Pack.of(pack_payloads(batch)))
