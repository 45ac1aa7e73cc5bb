"""Calls of functions as tasks: what connector, agent and worker must agree on.

A session of calls names the function as its handler, so that agents allow or refuse it as any other, and each payload
is ``[args, kwargs]``; with codec ``bytes`` it is the one argument. An argument that is a shared input's reference by
itself arrives as its value.

Functions that have no name by which they could be found travel pickled. Where each call may have another one, the
handler is :data:`PICKLED_CALL`, and each payload is a :class:`PickledCall`. Where all tasks have the same,
:attr:`PythonClient.function` names it, the payloads are what they are for any handler, and the handler's name is for
people.
"""

import msgspec

from htcgrid.errors import EncodingError, UnreadableError
from htcgrid.model.decoding import Count, Decoder
from htcgrid.model.session import SessionId
from htcgrid.model.shared import SharedInput

#: The handler that calls what its payload holds. Agents that unpickle allow it; those that do not refuse its codec.
PICKLED_CALL = "htcgrid_agent.runtimes.python.calls:call"
#: What it was called when each payload was a pickle of the function and its arguments.
FORMER_PICKLED_CALL = "htcgrid_agent.runtimes.python.call:call"
#: The codec of functions that sessions have as shared inputs: a pickle, and the buffers that it left outside.
FUNCTION = "function"
#: Most bytes of a function that is unpickled anew for each call; a larger one is kept between calls.
FRESH_BYTES = 1_000_000

#: Most bytes of one function that the calls of a session carry along, before it is put beside them.
INLINE_BYTES = 64 << 10


class FunctionKey(msgspec.Struct, frozen=True, array_like=True):
    """What a session has a function under; calls that are submitted again take it along to another session."""

    digest: str
    size: Count

    def shared(self, session: SessionId) -> SharedInput:
        """Return the shared input that is the function, as this session has it."""
        return SharedInput(session=session, codec=FUNCTION, size=self.size, digest=self.digest)


class PickledCall(msgspec.Struct, frozen=True, array_like=True):
    """One call: what connector and retry read without unpickling anything, and the pickled arguments."""

    #: The function's bytes, or where they are.
    function: bytes | FunctionKey
    #: ``[args, kwargs]`` in the session's codec; with codec ``bytes``, the one argument.
    arguments: bytes
    #: Whether the function refers to classes of the client's script.
    refers: bool = False


_decode: Decoder[PickledCall] = Decoder(PickledCall, "a call")


def write_call(call: PickledCall) -> bytes:
    """Return a call as a payload."""
    return msgspec.msgpack.encode(call)


def read_call(payload: bytes) -> PickledCall:
    """Return the call that a payload is.

    Raises:
        EncodingError: it is none.
    """
    try:
        return _decode(payload)
    except UnreadableError as error:
        raise EncodingError(f"{len(payload)} bytes are no call of a pickled function: {error.why}") from error
