"""A pickler for which the client's script is a module like others."""

import io
import sys
from types import FunctionType
from typing import Any

import cloudpickle

from htcgrid.model.codec.pickled import from_main, named_in_main


# Without types, cloudpickle has none to derive from.
class ReferringPickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles what cloudpickle does, but for what would arrive as something else.

    With ``main``, classes and functions of the script go by their names there, so that both sides have the same ones.
    """

    def __init__(self, file: io.BytesIO, *, main: bool) -> None:
        super().__init__(file)
        self._main = main

    def reducer_override(self, obj: Any) -> Any:
        """Return how this object is made again; NotImplemented leaves it to pickle."""
        if isinstance(obj, memoryview):
            raise TypeError("a memoryview would arrive as bytes: send bytes(…) of it")
        # Those that every process has go by their names.
        if isinstance(obj, io.TextIOWrapper) and obj not in {sys.stdout, sys.stderr, sys.stdin}:
            raise TypeError("an open file belongs to this process: send its path, or what stands in it")
        if self._main and isinstance(obj, type | FunctionType) and (name := named_in_main(obj)) is not None:
            return from_main, (name,)
        return super().reducer_override(obj)
