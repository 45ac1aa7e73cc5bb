"""A value that somebody handed in, as it stands in a message."""

#: Most letters of it: nobody would read more.
_LETTERS = 200


def spelled(value: object) -> str:
    """Return a value as Python writes it, on one line and not without end; of one that cannot be written, its type."""
    if isinstance(value, str | bytes) and len(value) > _LETTERS:
        return f"{value[:_LETTERS]!r}…"
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a number of thousands of digits, a list in itself without end, a stranger's class
        return f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= _LETTERS else f"{text[:_LETTERS]}…"
