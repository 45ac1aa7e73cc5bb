"""Documents that users hand in."""

import re
from typing import Any

import msgspec

from htcgrid.errors import EncodingError

_NO_NUMBER = re.compile(rb"-?(NaN|Infinity)")


def decoded(data: bytes, what: str) -> Any:
    """Return a JSON document as values.

    Raises:
        EncodingError: it is none; the message says where, by line and column, counted from 1.
    """
    try:
        return msgspec.json.decode(data)
    except RecursionError as error:
        raise EncodingError(f"{what} has arrays or objects in each other too deep to be read: write fewer") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise EncodingError(f"{what} is not JSON: {error}{_place(data, str(error))}") from error


def _place(data: bytes, message: str) -> str:
    byte = re.search(r"\(byte (\d+)\)", message)
    if byte is None:
        return ""
    at = int(byte[1])
    line, column = data.count(b"\n", 0, at) + 1, at - (data.rfind(b"\n", 0, at) + 1) + 1
    # Of -Infinity the place is that of the letter after the sign.
    word = _NO_NUMBER.match(data, max(0, at - 1)) or _NO_NUMBER.match(data, at)
    hint = f"; {word[0].decode()} is no number in JSON: write null or a string instead" if word else ""
    return f", which is line {line}, column {column}{hint}"
