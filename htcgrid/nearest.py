"""What somebody meant who misspelt a name."""

from collections.abc import Iterable

#: No name that there is has more letters, and to compare longer ones takes long.
_LONGEST = 200


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like a word, whatever its case; None when none is like it."""
    from difflib import get_close_matches  # noqa: PLC0415 - only mistakes need it

    if len(word) > _LONGEST:
        return None
    by_letters = {name.lower().replace("_", "-"): name for name in known}
    found = get_close_matches(word.lower().replace("_", "-"), by_letters, n=1, cutoff=0.6)
    return by_letters[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], shape: str = "{!r}") -> str:
    """Return the end of a message about a name that is not known: a question, or nothing."""
    found = nearest(word, known)
    return "" if found is None else f"; did you mean {shape.format(str(found))}?"
