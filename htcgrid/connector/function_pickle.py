"""Functions as bytes; imported when the first one is pickled, for cloudpickle takes 25 ms to import."""

import io
import pickle
import sys
from collections.abc import Callable
from dataclasses import is_dataclass
from enum import Enum
from types import ModuleType
from typing import Any

import cloudpickle

from htcgrid.connector.reach import home_of_definition, is_importable
from htcgrid.errors import EncodingError
from htcgrid.model.codec.class_pickler import ClassPickler, made, made_or_found
from htcgrid.model.codec.pickled import named_in_script
from htcgrid.model.codec.wrappers import wrapper_again
from htcgrid.model.error_text import said
from htcgrid.model.function_layout import join_function
from htcgrid.model.script import MAIN, MAIN_TOO

#: Those that need no look: they are everywhere, or taken along in any case.
_NOT_ASKED = ("builtins", MAIN, MAIN_TOO)


class _FunctionPickler(ClassPickler):
    """Leaves the data of every array outside, so that whoever unpickles it says where that is, and who may write.

    With a ``script``, its Enums and dataclasses, which data names, too, are those of the worker's script, if there is
    one.
    """

    def __init__(self, file: io.BytesIO, buffers: list[pickle.PickleBuffer], script: str) -> None:
        super().__init__(file, protocol=5, buffer_callback=buffers.append)
        self._array = getattr(sys.modules.get("numpy"), "ndarray", None)
        self._script = script
        #: The modules that were looked at.
        self._modules = set(_NOT_ASKED)
        #: Whether there were such.
        self.refers = False

    def reducer_override(self, obj: Any) -> Any:
        """Return how this object is made again; NotImplemented leaves it to pickle."""
        if self._array is not None and type(obj) is self._array and not obj.dtype.hasobject:
            return self._of_array(obj)
        if (again := wrapper_again(obj)) is not None:
            return again
        if (module := home_of_definition(obj)) is not None and module not in self._modules:
            self._modules.add(module)
            _take_along(module)
        reduced = super().reducer_override(obj)
        if self._script and isinstance(obj, type) and isinstance(reduced, tuple) and reduced[0] is made:
            if not issubclass(obj, Enum) and not is_dataclass(obj):
                return reduced
            if (name := named_in_script(self._script, obj)) is not None:
                self.refers = True
                return made_or_found, (self._script, name, *reduced[1]), *reduced[2:]
        return reduced

    def _of_array(self, obj: Any) -> Any:
        # What is not in one piece, and times, would be written among the rest: they go as copies that are, and as what
        # they are stored as.
        whole = obj if obj.flags.forc else obj.copy(order="C")
        if obj.dtype.kind in "mM" or obj.dtype.names:
            return type(obj).view, (whole.view(f"V{obj.dtype.itemsize}"), obj.dtype)
        return whole.__reduce_ex__(5)


def _take_along(name: str) -> None:
    """Have what a module defines pickled by its contents when nobody could import it."""
    module = sys.modules.get(name)
    if isinstance(module, ModuleType) and module.__name__ == name and not is_importable(name):
        # For good: another thread may be pickling, and nobody who unpickles it could do otherwise.
        cloudpickle.register_pickle_by_value(module)


def function_bytes(function: Callable[..., Any], script: str = "") -> tuple[bytes, bool]:
    """Return a function, and all that it captures, as bytes: its pickle, and beside it the data of arrays.

    Beside that, whether it refers to classes of the ``script``.

    Raises:
        EncodingError: it cannot be pickled.
    """
    buffers: list[pickle.PickleBuffer] = []
    try:
        with io.BytesIO() as file:
            pickler = _FunctionPickler(file, buffers, script)
            pickler.dump(function)
            pickled = file.getvalue()
        return join_function(pickled, [buffer.raw() for buffer in buffers]), pickler.refers
    except Exception as error:  # the user's objects are asked how they are pickled
        raise EncodingError(
            f"it cannot be pickled: {said(error)}; leave out what belongs to this process, as locks, "
            "open files and connections"
        ) from error
