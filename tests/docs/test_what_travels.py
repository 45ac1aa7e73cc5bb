"""The page on what travels is what becomes of a value of each type."""

from htcgrid.model.codec import codec_of
from tests.docs.what_travels import KEPT, PAGE, REFUSED, ROWS, arrival, page


def test_the_page_is_what_becomes_of_a_value_of_each_type() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make reference`, which writes it again"


def test_no_codec_changes_a_value_unless_it_is_told_to() -> None:
    for codec in ("typed", "json", "msgpack", "bytes", "pickle"):
        for row in ROWS:
            assert arrival(codec_of(codec), row.values) in {KEPT, REFUSED}, (codec, row.name)
