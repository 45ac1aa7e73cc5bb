"""Sets of task indexes, kept as sorted, disjoint, half-open spans."""

from collections.abc import Iterable, Iterator
from typing import Self

import msgspec

from htcgrid.model.decoding import Count

#: The tasks ``start`` to ``stop - 1``.
Span = tuple[Count, Count]


class Ranges(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A set of task indexes: sorted, disjoint, non-touching spans ``(start, stop)``.

    Build it with :meth:`of`, which normalises; operations cost O(spans), never O(tasks).
    """

    spans: tuple[Span, ...] = ()

    @classmethod
    def of(cls, *spans: Span) -> Self:
        """Return the union of ``spans``, which may overlap, touch, be empty or unsorted."""
        return cls(_normalised(spans))

    @classmethod
    def single(cls, index: int) -> Self:
        """Return the set of one task."""
        return cls(((index, index + 1),))

    @classmethod
    def of_indexes(cls, indexes: Iterable[int]) -> Self:
        """Return the set of these indexes, in any order, repeats allowed."""
        return cls(_normalised((index, index + 1) for index in indexes))

    @property
    def count(self) -> int:
        """The number of tasks in the set."""
        if len(self.spans) == 1:
            # As a rule, and counts are asked for again and again.
            ((start, stop),) = self.spans
            return stop - start
        return sum(stop - start for start, stop in self.spans)

    @property
    def first(self) -> int:
        """The lowest index; the set must not be empty."""
        return self.spans[0][0]

    @property
    def stop(self) -> int:
        """One more than the highest index; the set must not be empty."""
        return self.spans[-1][1]

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __iter__(self) -> Iterator[int]:
        for start, stop in self.spans:
            yield from range(start, stop)

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and any(start <= index < stop for start, stop in self.spans)

    def __or__(self, other: "Ranges") -> "Ranges":
        if not other.spans:
            return self
        if not self.spans:
            return other
        return Ranges(_normalised((*self.spans, *other.spans)))

    def __and__(self, other: "Ranges") -> "Ranges":
        if self.spans == other.spans:
            return self
        return Ranges(tuple(_intersection(self.spans, other.spans)))

    def __sub__(self, other: "Ranges") -> "Ranges":
        if not other.spans or not self.spans:
            return self
        if self.spans == other.spans:
            return Ranges()
        return Ranges(tuple(_difference(self.spans, other.spans)))

    def take(self, count: int) -> tuple["Ranges", "Ranges"]:
        """Return the lowest ``count`` tasks and the rest."""
        if count <= 0:
            return Ranges(), self
        left = count
        for position, (start, stop) in enumerate(self.spans):
            if stop - start >= left:
                cut = start + left
                head = Ranges((*self.spans[:position], (start, cut)))
                tail = self.spans[position + 1 :]
                return head, Ranges(((cut, stop), *tail) if cut < stop else tail)
            left -= stop - start
        return self, Ranges()


def _normalised(spans: Iterable[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for start, stop in sorted(spans):
        if start >= stop:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return tuple(merged)


def _intersection(left: tuple[Span, ...], right: tuple[Span, ...]) -> Iterator[Span]:
    i = j = 0
    while i < len(left) and j < len(right):
        start = max(left[i][0], right[j][0])
        stop = min(left[i][1], right[j][1])
        if start < stop:
            yield start, stop
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1


def _difference(left: tuple[Span, ...], right: tuple[Span, ...]) -> Iterator[Span]:
    position = 0
    for start, stop in left:
        while position < len(right) and right[position][1] <= start:
            position += 1
        at = position
        while start < stop and at < len(right) and right[at][0] < stop:
            if start < right[at][0]:
                yield start, right[at][0]
            start = max(start, right[at][1])
            at += 1
        if start < stop:
            yield start, stop
