"""What every state store does with the bundles of a submission before it records them."""

from collections.abc import Iterable, Iterator, Sequence

from htcgrid.errors import ConfigError, ConflictError
from htcgrid.model.bundle import Bundle
from htcgrid.model.session import SessionId


def in_order(session_id: SessionId, bundles: Iterable[Bundle]) -> list[Bundle]:
    """Return the bundles by start, each once.

    Raises:
        ConfigError: a bundle is of another session, or has no task.
        ConflictError: two of them share a task.
    """
    result: list[Bundle] = []
    for bundle in sorted(bundles, key=lambda bundle: bundle.key.start):
        if bundle.key.session != session_id or bundle.stop <= bundle.key.start:
            raise ConfigError(f"bundle {bundle.key} to {bundle.stop} is empty, or not of session {session_id!r}")
        if not result or bundle.key.start >= result[-1].stop:
            result.append(bundle)
        elif _content(bundle) != _content(result[-1]):
            raise other_content(bundle)
    return result


def in_parts(bundles: Sequence[Bundle], *, count: int, size: int) -> Iterator[Sequence[Bundle]]:
    """Yield the bundles in parts of at most ``count``, and of about ``size`` bytes of payloads; at least one part."""
    start = held = 0
    for place, bundle in enumerate(bundles):
        if place > start and (place - start >= count or held >= size):
            yield bundles[start:place]
            start, held = place, 0
        held += len(bundle.input.data or b"")
    yield bundles[start:]


def other_content(bundle: Bundle) -> ConflictError:
    """Return the error for a bundle some of whose tasks are there in another bundle."""
    first, last = bundle.key.start, bundle.stop - 1
    tasks = f"task {first}" if first == last else f"tasks {first} to {last}"
    return ConflictError(
        f"session {bundle.key.session!r} has {tasks} with other content or cut in another way; "
        "submit the same tasks again, or submit under another id"
    )


def _content(bundle: Bundle) -> tuple[object, ...]:
    return bundle.key, bundle.stop, bundle.input.digest
