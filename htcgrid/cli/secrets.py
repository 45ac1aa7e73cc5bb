"""Values that a grid.toml takes from the environment: they are shown to nobody."""

import os
from collections.abc import Iterator, Mapping
from typing import Any


class Secrets:
    """The values from the environment that a document refers to, by the names of their variables."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._values = {name: os.environ[name] for name in _variables(document) if os.environ.get(name)}

    def hidden(self, message: str, where: str = "") -> str:
        """Return a message as it is, or ``where`` and no reason when it holds one of the values."""
        reason = message.removeprefix(where)
        for name, value in self._values.items():
            if value in reason:
                return f"{where}: refused, and the reason is not shown, since it holds the value of ${name}"
        return message


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
