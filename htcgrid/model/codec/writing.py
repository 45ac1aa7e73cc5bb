"""A value with all its parts, as typed MessagePack."""

from collections.abc import Collection
from operator import is_
from typing import Any

from ormsgpack import Ext, packb

from htcgrid.model.codec.buffers import holds_buffer, may_hold_buffer
from htcgrid.model.codec.kinds import Kinds, Pairs
from htcgrid.model.codec.leaves import has_encoding, text_bytes
from htcgrid.model.codec.place import DEEPEST
from htcgrid.model.codec.strict import STRICT

#: Tags of a value with parts, and of a reference to one.
PARTS, PART = 64, 65
_BYTEARRAY, _TEXT = 2, 3
_TEXTS = frozenset({str})
#: What need not be looked into; and this without text.
_PLAIN = frozenset({type(None), bool, int, float, bytes, str})


class Writing:
    """Writes one value; each part is packed by itself, and finds its own."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        #: Of each part: its tag (0 for the plain value that all begins with), its contents and how deep it stands.
        self._tags: list[int] = []
        self._contents: list[Any] = []
        self._depths: list[int] = []
        #: How deep the parts are that are found now.
        self._depth = 0
        #: What went wrong while a value was asked for its form: the encoder only says that something did.
        self._error: BaseException | None = None

    def write(self, value: Any) -> bytes:
        """Return the bytes.

        Raises:
            TypeError: the value cannot be carried; where and why is for others to find.
        """
        self._begin(value)
        tags, contents, depths = self._tags, self._contents, self._depths
        open_, known, written = [0], 1, {}
        while open_:
            # The last one first: of a value that holds itself, the depth grows fast, and not the number.
            index = open_.pop()
            depth = depths[index]
            if depth > DEEPEST:
                raise TypeError("too deep")
            self._depth = depth + 1
            written[index] = self._packed(contents[index])
            contents[index] = None
            if len(tags) > known:
                open_ += range(known, len(tags))
                known = len(tags)
        if len(tags) == 1 and not tags[0]:
            return written[0]
        table: list[Any] = []
        for index, tag in enumerate(tags):
            table += (tag, written[index])
        return packb(Ext(PARTS, packb(table)))

    def _begin(self, value: Any) -> None:
        if type(value) is dict and not _TEXTS.issuperset(map(type, value)):
            value = Pairs(value)
        kind = self._kinds.by_type.get(type(value))
        if kind is None or kind.parts is None:
            self._add(0, value)
        else:
            self._add(kind.tag, kind.parts(value))

    def _add(self, tag: int, content: Any) -> int:
        self._tags.append(tag)
        self._contents.append(content)
        self._depths.append(self._depth)
        return len(self._tags) - 1

    def _packed(self, content: Any) -> bytes:
        known = len(self._tags)
        try:
            data = self._tried(content)
            if not may_hold_buffer(data) or not holds_buffer(content):
                return data
        except TypeError as error:
            # Text that no encoding has is rare, and looking for it is slow.
            return self._packed_again(content, known, texts="surrogates" in str(error))
        return self._packed_again(content, known, texts=False)

    def _packed_again(self, content: Any, known: int, *, texts: bool) -> bytes:
        """Return the bytes of contents with forms in place of what the encoder would change or refuse by itself."""
        # What one try has found, the next one finds again.
        del self._tags[known:], self._contents[known:], self._depths[known:]
        try:
            return self._tried(_replaced(content, 0, texts=texts))
        except TypeError as error:
            if texts or "surrogates" not in str(error):
                raise
            return self._packed_again(content, known, texts=True)

    def _tried(self, content: Any) -> bytes:
        try:
            return packb(content, self._form, STRICT)
        except TypeError:
            if self._error is not None:
                error, self._error = self._error, None
                raise error from None
            raise

    def _form(self, value: Any) -> Ext:
        try:
            kind = self._kinds.by_type.get(type(value)) or self._kinds.of(value)
            if kind.parts is not None:
                return Ext(PART, self._add(kind.tag, kind.parts(value)).to_bytes(4, "little"))
            data = kind.encode(value)
            return Ext(kind.tag, data if type(data) is bytes else bytes(data))
        except BaseException as error:
            self._error = error
            raise


def _replaced(value: Any, depth: int, *, texts: bool) -> Any:
    """Return the value with forms in place of what the encoder would not hand to us; itself if there is nothing.

    Raises:
        TypeError: it holds a memoryview, or too many levels.
    """
    kind = type(value)
    if depth > DEEPEST:
        raise TypeError("too deep")
    if kind is memoryview:
        raise TypeError("a memoryview")
    if kind is list:
        found = _replaced_items(value, depth, texts)
        return value if found is None else found
    if kind is dict:
        if not _TEXTS.issuperset(map(type, value)) or (texts and not all(map(has_encoding, value))):
            return Pairs(value)
        found = _replaced_items(value.values(), depth, texts)
        return value if found is None else dict(zip(value, found, strict=True))
    if kind is bytearray:
        return Ext(_BYTEARRAY, bytes(value))
    return Ext(_TEXT, text_bytes(value)) if texts and kind is str and not has_encoding(value) else value


def _replaced_items(items: Collection[Any], depth: int, texts: bool) -> list[Any] | None:
    """Return the items with forms in place of some; None if all are as they were."""
    if not texts and _PLAIN.issuperset(map(type, items)):
        return None
    found = [_replaced(item, depth + 1, texts=texts) for item in items]
    return None if all(map(is_, found, items)) else found
