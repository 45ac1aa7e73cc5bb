"""How far what makes tasks may be ahead of what takes their results."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from htcgrid.host import Host

_Item = TypeVar("_Item")


class Window:
    """Lets items through while there is room, and holds them up while too many have not left it."""

    def __init__(self, items: int, *, host: Host) -> None:
        self._free = items
        self._changed = host.condition()
        self._closed = False

    def let_through(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Yield items, each once there is room for it and not made before, until the window is closed."""
        iterator = iter(items)
        while self._enter():
            try:
                item = next(iterator)
            except StopIteration:
                return
            yield item

    def leave(self) -> None:
        """Make room for one more."""
        with self._changed:
            self._free += 1
            if self._free == 1:
                self._changed.notify_all()

    def close(self) -> None:
        """Let nothing more through, and let nobody wait. Safe to repeat."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _enter(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._free > 0 or self._closed)
            self._free -= 1
            return not self._closed
