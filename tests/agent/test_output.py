"""What handlers print reaches the log line by line, and no faster than a log should grow."""

from htcgrid_agent.shell.output import Output

RATE = 64 << 10


def test_lines_come_whole_also_when_they_are_printed_in_parts() -> None:
    output = Output()
    assert list(output.feed(b"one\ntw", 0.0)) == ["one"]
    assert list(output.feed(b"o\n\nthree", 0.0)) == ["two"]
    assert list(output.close()) == ["three"]


def test_what_is_no_text_is_shown_and_does_no_harm() -> None:
    assert list(Output().feed(b"\xff\xfe caf\xc3\xa9\n", 0.0)) == ["\ufffd\ufffd café"]


def test_a_line_without_an_end_is_cut() -> None:
    output = Output()
    (line,) = output.feed(b"x" * 5_000, 0.0)
    assert line == "x" * 2_000
    assert list(output.close()) == []


def test_what_comes_too_fast_is_dropped_and_counted() -> None:
    output = Output()
    flood = b"y" * 99 + b"\n"
    passed = sum(len(list(output.feed(flood, 0.5))) for _ in range(10_000))
    assert passed == RATE // len(flood)
    dropped, first = output.feed(b"calm again\n", 1.5)
    assert dropped == f"({(10_000 - passed) * 100} bytes of output were dropped: more than {RATE} bytes in a second)"
    assert first == "calm again"


def test_what_was_dropped_is_told_at_the_end_too() -> None:
    output = Output()
    assert list(output.feed(b"z" * (RATE + 1), 0.5)) == []
    assert list(output.close()) == [f"({RATE + 1} bytes of output were dropped)"]


def test_what_has_no_end_when_a_run_ends_is_told_then() -> None:
    output = Output()
    assert list(output.feed(b"one\ntwo", 0.5)) == ["one"]
    assert output.unsettled
    assert list(output.settle(0.6)) == ["two"]
    assert list(output.close()) == []


def test_what_was_dropped_is_told_once_in_a_second_when_runs_end() -> None:
    output = Output()
    told = []
    for _ in range(100):
        list(output.feed(b"z" * (RATE + 1), 0.5))
        told += list(output.settle(0.5))
    assert told == [f"({RATE + 1} bytes of output were dropped: more than {RATE} bytes in a second)"]
    assert list(output.settle(1.5)) == [
        f"({99 * (RATE + 1)} bytes of output were dropped: more than {RATE} bytes in a second)"
    ]
