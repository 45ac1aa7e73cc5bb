"""Values that a grid.toml takes from the environment: they are shown to nobody."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

#: What is shorter may stand in a message by chance, and would be found out if it alone were left out.
_SHORT = 4


class Secrets:
    """The values from the environment that a document refers to, by the names of their variables."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        found = {name: os.environ[name] for name in _variables(document) if os.environ.get(name)}
        # Longer ones first: one may be a part of another.
        self._values = sorted(found.items(), key=lambda item: -len(item[1]))

    def hidden(self, message: str, where: str = "") -> str:
        """Return a message with ``$NAME`` in the place of each value; behind ``where``, which holds none.

        Of one with a short value, no reason is left.
        """
        reason = message.removeprefix(where)
        told = message[: len(message) - len(reason)]
        for name, value in self._values:
            if len(value) < _SHORT and value in reason:
                return f"{where}: refused, and the reason is not shown, since it holds the value of ${name}"
            for form in (value, repr(value)[1:-1]):
                reason = reason.replace(form, f"${name}")
        return told + reason


def _variables(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _variables(item)
    elif isinstance(value, Mapping):
        if set(value) == {"env"} and isinstance(value["env"], str):
            yield value["env"]
        else:
            for item in value.values():
                yield from _variables(item)
