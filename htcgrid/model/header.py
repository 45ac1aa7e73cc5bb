"""The header of a session: the record of what its client asked for."""

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache

from htcgrid.model.decoding import Decoder, check_within
from htcgrid.model.session import Session, SessionId

#: Makes the session of a header, and of the id that it is on record under.
DecodeSession = Callable[[bytes, SessionId], Session]
#: What is damaged when no bundle of a session can be run.
HEADER = "the header of session"
#: Few sessions are at work at a time, and each is read again and again.
_KEPT = 256


def session_decoder() -> DecodeSession:
    """Return what decodes headers, and keeps some of them; its errors are of a :data:`HEADER`."""
    decode: Decoder[Session] = Decoder(Session, HEADER, check=_check)

    @lru_cache(_KEPT)
    def decoded(data: bytes, session: SessionId) -> Session:
        found = decode(data, session)
        if found.id != session:
            raise decode.unreadable(ValueError(f"it is of session {found.id!r}"), session)
        return found

    return decoded


def _check(session: Session) -> None:
    """Refuse what no client of this version could have asked for."""
    check_within("timeout", session.timeout or timedelta(0))
    if session.created.tzinfo is None:
        raise ValueError("the time when it was created has no time zone")
