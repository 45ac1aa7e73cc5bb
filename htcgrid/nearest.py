"""What somebody meant who misspelt a name."""

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like a word, whatever its case; None when none is like it."""
    from difflib import get_close_matches  # noqa: PLC0415 - only mistakes need it

    by_letters = {name.lower().replace("_", "-"): name for name in known}
    found = get_close_matches(word.lower().replace("_", "-"), by_letters, n=1, cutoff=0.6)
    return by_letters[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], shape: str = "{!r}") -> str:
    """Return the end of a message about a name that is not known: a question, or nothing."""
    found = nearest(word, known)
    return "" if found is None else f"; did you mean {shape.format(str(found))}?"
