"""Text from tasks, reports, stores and other users, made fit to be shown.

A terminal takes orders from what it is to show: it is cleared, its title and its clipboard are set, what stands above
is written over; and marks of direction make a line read as another. So all that is not our own passes through here
before anybody sees it.
"""

import re

#: They join letters of one word or one emoji, and do nothing else: of all marks that are not seen, these are needed.
_JOINERS = "\u200c\u200d"
_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")


def plain(text: str) -> str:
    """Return text on one line: each kind of white space is a blank, and what cannot be seen is told by its number."""
    return text if text.isprintable() else _NOT_PLAIN.sub(_shown, text)


def plain_lines(text: str) -> list[str]:
    """Return the lines of a text that has several, each of them plain."""
    return [plain(line) for line in text.split("\n")]


def plain_json(data: bytes) -> bytes:
    """Return the same JSON document, in which what cannot be seen is escaped as JSON does it."""
    if data.isascii() and b"\x7f" not in data:
        return data
    # Outside of strings, JSON has nothing of the kind.
    return re.sub(r"[\x7f-\U0010ffff]", _escaped, data.decode("utf-8", "replace")).encode()


def _shown(match: re.Match[str]) -> str:
    letter = match[0]
    if letter.isprintable() or letter in _JOINERS:
        return letter
    if letter.isspace():
        return " "
    number = ord(letter)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _escaped(match: re.Match[str]) -> str:
    letter = match[0]
    if letter.isprintable():
        return letter
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
