"""The header of a session: the record of what its client asked for."""

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache

from htcgrid.model import Session, SessionId
from htcgrid.model.decoding import Decoder, check_within

#: Makes the session of a header, and of the id that it is on record under.
DecodeSession = Callable[[bytes, SessionId], Session]
#: Few sessions are at work at a time, and each is read again and again.
_KEPT = 256


def session_decoder(what: str = "the header of session") -> DecodeSession:
    """Return what decodes headers, and keeps some of them."""
    decode: Decoder[Session] = Decoder(Session, what, check=_check)

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
