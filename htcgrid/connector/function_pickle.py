"""Functions as bytes; imported when the first one is pickled, for cloudpickle takes 25 ms to import."""

import io
import pickle
import sys
from collections.abc import Callable
from typing import Any

from htcgrid.errors import EncodingError
from htcgrid.model.codec.class_pickler import ClassPickler
from htcgrid.model.error_text import said
from htcgrid.model.function_layout import join_function


class _ArrayPickler(ClassPickler):
    """Leaves the data of every array outside, so that whoever unpickles it says where that is, and who may write."""

    def __init__(self, file: io.BytesIO, numpy: Any, buffers: list[pickle.PickleBuffer]) -> None:
        super().__init__(file, protocol=5, buffer_callback=buffers.append)
        self._array = numpy.ndarray

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is not self._array or obj.dtype.hasobject:
            return super().reducer_override(obj)
        # What is not in one piece, and times, would be written among the rest: they go as copies that are, and as what
        # they are stored as.
        whole = obj if obj.flags.forc else obj.copy(order="C")
        if obj.dtype.kind in "mM" or obj.dtype.names:
            return self._array.view, (whole.view(f"V{obj.dtype.itemsize}"), obj.dtype)
        return whole.__reduce_ex__(5)


def function_bytes(function: Callable[..., Any]) -> bytes:
    """Return a function, and all that it captures, as bytes: its pickle, and beside it the data of arrays.

    Raises:
        EncodingError: it cannot be pickled.
    """
    buffers: list[pickle.PickleBuffer] = []
    try:
        with io.BytesIO() as file:
            numpy = sys.modules.get("numpy")
            if numpy is None:
                ClassPickler(file, protocol=5, buffer_callback=buffers.append).dump(function)
            else:
                _ArrayPickler(file, numpy, buffers).dump(function)
            pickled = file.getvalue()
        return join_function(pickled, [buffer.raw() for buffer in buffers])
    except Exception as error:  # the user's objects are asked how they are pickled
        raise EncodingError(
            f"it cannot be pickled: {said(error)}; leave out what belongs to this process, as locks, "
            "open files and connections"
        ) from error
