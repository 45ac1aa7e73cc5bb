"""Putting shared inputs."""

from datetime import timedelta
from typing import Any

from htcgrid.connector.duration import duration
from htcgrid.connector.options import check_kept
from htcgrid.errors import EncodingError
from htcgrid.host import Host
from htcgrid.interfaces import PayloadStore, StateStore
from htcgrid.model import SHARED, Session, SessionId, SharedInput, SharedRef, defaults
from htcgrid.model.codec import Codec


def put_shared(
    state: StateStore,
    payloads: PayloadStore,
    data: Any,
    codec: Codec,
    keep_for: float | timedelta | None,
    *,
    host: Host,
) -> SharedRef:
    """Store ``data``; return its reference.

    Raises:
        ConfigError: an argument is not right.
        EncodingError: the data cannot be carried.
    """
    encoded = codec.encode(data)
    if len(encoded) > payloads.limits.size:
        raise EncodingError(
            f"the shared input is {len(encoded)} bytes long, more than the {payloads.limits.size} that the payload "
            "store takes: put it in parts"
        )
    session = Session(
        id=SessionId(f"shared-{host.token()}"),
        handler=SHARED,
        created=host.now(),
        keep_for=defaults.KEEP_FOR if keep_for is None else duration("keep_for", keep_for),
    )
    check_kept(session, payloads.limits)
    shared = SharedInput.of(session.id, codec.name, encoded)
    # The session first: data that no session stands for would never be collected.
    state.create(session, sealed=True)
    payloads.put({shared.key: encoded})
    return shared.ref
