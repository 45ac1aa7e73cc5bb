"""Cutting a session's tasks into bundles, as a pure function of the tasks."""

from collections.abc import Iterable, Iterator
from typing import overload

from htcgrid.model import Bundle, BundleKey, Pack, SessionId, defaults, pack_payloads

#: A bundle holds at most one part in this many of the tasks before it. So small sessions spread over many agents one by
#: one, large ones cost few bundles, and the last bundle is never a large share of the work.
_SHARE = 16


def bundle_size(start: int, limit: int = defaults.BUNDLE_TASKS) -> int:
    """Return how many tasks the bundle that starts at task ``start`` may hold: 1 for the first 32, then ever more."""
    return max(1, min(start // _SHARE, limit))


@overload
def cut(
    session: SessionId, payloads: Iterable[bytes], *, tasks: int = ..., size: int = ..., by_time: bool = ...
) -> Iterator[Bundle]: ...
@overload
def cut(
    session: SessionId, payloads: Iterable[bytes | None], *, tasks: int = ..., size: int = ..., by_time: bool = ...
) -> Iterator[Bundle | None]: ...
def cut(
    session: SessionId,
    payloads: Iterable[bytes | None],
    *,
    tasks: int = defaults.BUNDLE_TASKS,
    size: int = defaults.BUNDLE_BYTES,
    by_time: bool = False,
) -> Iterator[Bundle | None]:
    """Yield bundles of at most ``tasks`` tasks, and of at most ``size`` bytes unless of a single task.

    None among the payloads stands for a pause: what is there is to be written. It is passed on, after a bundle of what
    has come so far when cutting ``by_time``, which makes the cut depend on the pauses.
    """
    start = held = room = 0
    batch: list[bytes] = []
    for payload in payloads:
        if batch and (by_time if payload is None else held + len(payload) > size):
            yield _bundle(session, start, batch)
            start, batch = start + len(batch), []
        if payload is None:
            yield None
            continue
        if not batch:
            held, room = 0, bundle_size(start, tasks)
        batch.append(payload)
        held += len(payload)
        if len(batch) >= room:
            # Now, and not with the next task, which may be long in coming.
            yield _bundle(session, start, batch)
            start, batch = start + len(batch), []
    if batch:
        yield _bundle(session, start, batch)


def _bundle(session: SessionId, start: int, batch: list[bytes]) -> Bundle:
    return Bundle(key=BundleKey(session, start), stop=start + len(batch), input=Pack.of(pack_payloads(batch)))
