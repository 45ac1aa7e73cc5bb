"""What is not our own is shown without what a terminal takes orders from."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htcgrid.plain_text import plain, plain_json, plain_lines

#: C0, DEL, C1, separators of lines, marks of direction, tags and halves of letters.
_FORBIDDEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\U000e0000-\U000e0fff\ud800-\udfff]"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain text", "plain text"),
        ("Zoë, Łódź, 東京, مرحبا, 🧮", "Zoë, Łódź, 東京, مرحبا, 🧮"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x1b]52;c;b3duZWQ=\x1b\\", "\\x1b]52;c;b3duZWQ=\\x1b\\"),
        ("\x9b2J", "\\x9b2J"),
        ("\x90q\x9c", "\\x90q\\x9c"),
        ("a\nb", "a b"),
        ("a\r\nb", "a  b"),
        ("100 %\rgone", "100 % gone"),
        ("a\tb\vc\fd", "a b c d"),
        ("a\x85b\u2028c\u2029d", "a b c d"),
        ("\b\b\bback", "\\x08\\x08\\x08back"),
        ("\x00\x7f", "\\x00\\x7f"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2066a\u2069\u200f\u061c", "\\u2066a\\u2069\\u200f\\u061c"),
        ("a\u200bb\ufeff\u00ad", "a\\u200bb\\ufeff\\xad"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("a\xa0b\u3000c", "a b c"),
        ("👩\u200d🔬 é\u200cé", "👩\u200d🔬 é\u200cé"),
        ("prod\u200c-run \u200d", "prod\\u200c-run \\u200d"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("a\u3164b\u2800\u034f\ufe01\U000e0100", "a\\u3164b\\u2800\\u034f\\ufe01\\U000e0100"),
        ("[red]rich[/]", "[red]rich[/]"),
    ],
)
def test_text_is_shown_on_one_line_without_orders_to_the_terminal(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text(st.characters(codec=None)))
def test_no_text_has_anything_left_that_a_terminal_obeys(text: str) -> None:
    assert not _FORBIDDEN.search(plain(text))
    assert plain(plain(text)) == plain(text)
    assert len(plain_lines(text)) == text.count("\n") + 1


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_says_the_same_and_has_nothing_left_either(text: str) -> None:
    data = json.dumps({text: [text]}, ensure_ascii=False).encode()
    assert json.loads(plain_json(data)) == {text: [text]}
    assert not _FORBIDDEN.search(plain_json(data).decode())
