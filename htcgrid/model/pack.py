"""A pack: immutable bytes that hold many tasks' payloads or outcomes."""

import hashlib

import msgspec

from htcgrid.errors import EncodingError, UnreadableError
from htcgrid.model.decoding import Count, Decoder


class Pack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Bytes that are inline when small, else an object of the payload store."""

    digest: str
    size: Count
    #: The bytes themselves, or None when they are in the payload store.
    data: bytes | None = None
    #: The object's key in the payload store, or None when the bytes are inline.
    key: str | None = None

    @classmethod
    def of(cls, data: bytes) -> "Pack":
        """Return an inline pack of ``data``."""
        return cls(digest=digest(data), size=len(data), data=data)

    def moved_to(self, key: str) -> "Pack":
        """Return the same pack with its bytes in the payload store under ``key``."""
        return Pack(digest=self.digest, size=self.size, key=key)

    def holds(self, data: bytes) -> bool:
        """Return whether ``data`` are the bytes of this pack."""
        return digest(data) == self.digest

    def checked(self, data: bytes) -> bytes:
        """Return ``data`` if they are the bytes of this pack.

        Raises:
            EncodingError: they are not: the store or the way to it has altered them.
        """
        if not self.holds(data):
            raise EncodingError(
                f"the bytes of pack {self.key or '(inline)'} are not those that were written "
                f"({len(data)} bytes, expected {self.size}): the payload store has altered or mixed them up"
            )
        return data


def digest(data: bytes) -> str:
    """Return the SHA-256 of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


_decode: Decoder[list[bytes]] = Decoder(list[bytes], "a pack of payloads")
_encoder = msgspec.msgpack.Encoder()


def pack_payloads(payloads: list[bytes]) -> bytes:
    """Return ``payloads`` as a msgpack array of byte strings."""
    return _encoder.encode(payloads)


def unpack_payloads(data: bytes) -> list[bytes]:
    """Return what :func:`pack_payloads` packed.

    Raises:
        EncodingError: it is none of these.
    """
    try:
        return _decode(data)
    except UnreadableError as error:
        raise EncodingError(str(error)) from error
