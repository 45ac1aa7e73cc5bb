"""Payloads as they are sent."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from htcgrid.errors import ConfigError, EncodingError
from htcgrid.model import Session, python_client
from htcgrid.model.codec import Classes, Codec, codec_of_session
from htcgrid.model.script import script_module


def encoded(encode: Callable[[Any], bytes], tasks: Iterable[Any], limit: int) -> Iterator[bytes]:
    """Yield each task's payload as bytes.

    Raises:
        EncodingError: one cannot be carried, or is longer than ``limit`` bytes; the message names its task.
    """
    for index, task in enumerate(tasks):
        yield encoded_task(encode, index, task, limit)


def encoded_task(encode: Callable[[Any], bytes], index: int, task: Any, limit: int) -> bytes:
    """Return one task's payload as bytes.

    Raises:
        EncodingError: it cannot be carried, or is longer than ``limit`` bytes; the message names the task.
    """
    try:
        payload = encode(task)
    except EncodingError as error:
        raise EncodingError(f"task {index}: {error}") from error
    if len(payload) > limit:
        raise EncodingError(
            f"task {index}: the payload is {len(payload)} bytes long, more than the {limit} allowed: put what is large "
            "by grid.put, and send its reference"
        )
    return payload


def codec_of_client(session: Session, *, importing: bool) -> Codec:
    """Return the codec of a session as a client reads it.

    Classes of a script are found only by a process that runs the same one; those of modules that are not imported yet
    only with ``importing``, for whoever reads a session of others imports nothing that their data names.
    """
    script = python_client(session.codec_options).script
    return codec_of_session(session, classes=Classes(importing=importing, load_main=lambda: script_module(script)))


def refuse_to_unpickle(_data: bytes) -> Any:
    """Raise; for whoever looks at a session that somebody else may have submitted.

    Raises:
        ConfigError: always.
    """
    raise ConfigError(
        "this session has codec 'pickle', and unpickling its results can run any code here: if you trust its client "
        "and its agents, get it with grid.session(id, pickle=True)"
    )
