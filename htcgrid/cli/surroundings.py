"""The words and variables that a command is started with: what cannot be used is refused or left out."""

import os
import re
from collections.abc import Sequence

from htcgrid.errors import ConfigError

#: Sizes of a screen, which libraries make numbers of. What is none is as good as not there.
_SIZES = ("COLUMNS", "LINES")
_SIZE = re.compile(r"[1-9][0-9]{0,3}")
#: What the scripts of ``htcgrid completion`` set.
_COMPLETE = "_HTCGRID_COMPLETE"
_INSTRUCTION = re.compile(r"(bash|zsh|fish)_(complete|source)")


def check_surroundings(words: Sequence[str]) -> None:
    """Refuse words that no shell can hand over, as a program may, and variables with which nothing can be completed.

    Raises:
        ConfigError: there are such.
    """
    for word in words:
        if not _can_be_named(word):
            raise ConfigError(f"the word {word[:80]!a} has a letter that no name has: leave it out")
    for name in _SIZES:
        if not _SIZE.fullmatch(os.environ.get(name, "1")):
            del os.environ[name]
    if _COMPLETE in os.environ:
        _check_completion(os.environ[_COMPLETE])


def _can_be_named(word: str) -> bool:
    try:
        return b"\0" not in os.fsencode(word)
    except UnicodeEncodeError:
        return False


def _check_completion(instruction: str) -> None:
    found = _INSTRUCTION.fullmatch(instruction)
    words, place = os.environ.get("COMP_WORDS"), os.environ.get("COMP_CWORD")
    if found and found[2] == "source":
        return
    # For fish it is the word itself.
    if found and words is not None and place is not None and (found[1] == "fish" or _SIZE.fullmatch(place)):
        return
    raise ConfigError(f"${_COMPLETE} is for shells that complete a command: unset it, or see 'htcgrid help completion'")
