"""Values that a grid.toml takes from the environment: they are shown to nobody."""

import os
from collections.abc import Mapping
from typing import Any

from htcgrid.config import variables_of

#: What is shorter may stand in a message by chance, and would be found out if it alone were left out.
_SHORT = 4


class Secrets:
    """The values from the environment that a document refers to, by the names of their variables."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        found = {name: os.environ[name] for name in variables_of(document) if os.environ.get(name)}
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
