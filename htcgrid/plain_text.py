"""Text from tasks, reports, stores and other users, made fit to be shown.

A terminal takes orders from what it is to show: it is cleared, its title and its clipboard are set, what stands above
is written over; and marks of direction make a line read as another. So all that is not our own passes through here
before anybody sees it.
"""

import re

#: They join letters of one word or one emoji, and do nothing else; between letters of ASCII they only hide.
_JOINERS = "\u200c\u200d"
_ALONE = re.compile(f"(?<![^\\x00-\\x7f{_JOINERS}])[{_JOINERS}]|[{_JOINERS}](?![^\\x00-\\x7f{_JOINERS}])")
#: What Python calls printable and nobody sees: fillers, blanks of braille, marks that choose a letter's shape. Those of
#: emoji (U+FE0E, U+FE0F) stay.
_UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE0E), *range(0xE0100, 0xE01F0))))
)
_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")


def plain(text: str) -> str:
    """Return text on one line: each kind of white space is a blank, and what cannot be seen is told by its number."""
    if text.isascii() and text.isprintable():
        return text
    return _ALONE.sub(lambda match: _told(match[0]), _NOT_PLAIN.sub(_shown, text))


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
    if _is_seen(letter) or letter in _JOINERS:
        return letter
    return " " if letter.isspace() else _told(letter)


def _is_seen(letter: str) -> bool:
    return letter.isprintable() and letter not in _UNSEEN


def _told(letter: str) -> str:
    number = ord(letter)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _escaped(match: re.Match[str]) -> str:
    letter = match[0]
    if _is_seen(letter):
        return letter
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
