"""A pickler for which the client's script is a module like others."""

import io
import sys
from types import FunctionType
from typing import Any

from htcgrid.model.codec.class_pickler import ClassPickler
from htcgrid.model.codec.pickled import from_script, named_in_script
from htcgrid.model.codec.raised import reduced
from htcgrid.model.script import MAIN_TOO, script_home


class ReferringPickler(ClassPickler):
    """Pickles what cloudpickle does, but for what would arrive as something else.

    With a ``script``, its classes and functions go by their names there, so that both sides have the same ones. A
    worker that has the script, as for data that names its classes, does so in any case.
    """

    def __init__(self, file: io.BytesIO, script: str) -> None:
        super().__init__(file)
        self._script = script

    def reducer_override(self, obj: Any) -> Any:
        """Return how this object is made again; NotImplemented leaves it to pickle."""
        if isinstance(obj, memoryview):
            raise TypeError("a memoryview would arrive as bytes: send bytes(…) of it")
        # Those that every process has go by their names.
        if isinstance(obj, io.TextIOWrapper) and obj not in {sys.stdout, sys.stderr, sys.stdin}:
            raise TypeError("an open file belongs to this process: send its path, or what stands in it")
        if isinstance(obj, BaseException) and (again := reduced(obj)) is not None:
            return again
        if isinstance(obj, type | FunctionType):
            # By this name, no client would find it.
            script = self._script or (script_home() if obj.__module__ == MAIN_TOO else None)
            if script and (name := named_in_script(script, obj)) is not None:
                return from_script, (script, name)
        return super().reducer_override(obj)
