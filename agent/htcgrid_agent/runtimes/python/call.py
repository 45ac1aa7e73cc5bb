"""The handler of sessions whose payloads are pickled calls, and the exceptions that go back the same way."""

from collections.abc import Callable
from typing import Any

from htcgrid.errors import EncodingError
from htcgrid.model.codec import Codec

#: Most bytes of a pickled exception: it stands beside results in a pack, and may hold whatever its handler put into it.
_LIMIT = 64 << 10


def call(event: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]) -> Any:
    """Call the function that came with its arguments; return what it returns."""
    function, args, kwargs = event
    return function(*args, **kwargs)


def raised(codec: Codec, error: BaseException) -> bytes | None:
    """Return an exception for its client to raise again.

    None if it cannot be pickled or is over 64 KiB; then its type, message and traceback are all that the client gets.
    """
    try:
        data = codec.encode(error)
    except EncodingError:
        return None
    return data if len(data) <= _LIMIT else None
