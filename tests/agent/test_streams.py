"""What tasks do to their streams, tried on a grid with one worker: later tasks print, and it is kept with them."""

import pytest

from htcgrid import Grid
from tests.agent import leaving
from tests.agent.leaving import outcomes

#: What tasks do to the streams, and what they still print then.
STREAMS = {
    "detached": ("sys.stdout.detach()", ""),
    "both detached": ("sys.stdout.detach(); sys.stderr.detach()", ""),
    "closed": ("sys.stdout.close(); sys.stderr.close()", ""),
    "the bytes closed": ("sys.stdout.buffer.close()", ""),
    "wrapped again": ("sys.stdout = io.TextIOWrapper(sys.stdout.buffer); print('mine')", "mine\n"),
    "wrapped and forgotten": ("io.TextIOWrapper(sys.stdout.buffer)", ""),
    "wrapped in a circle": ("w = [io.TextIOWrapper(sys.stdout.buffer)]; w.append(w)", ""),
    "wrapped after detaching": ("sys.stdout = io.TextIOWrapper(sys.stdout.detach()); print('mine')", "mine\n"),
    "written by a codec": ("sys.stdout = codecs.getwriter('utf-16')(sys.stdout.detach())", ""),
    "given to nobody": ("sys.stdout = open(os.devnull, 'w'); sys.stderr = sys.stdout; print('lost')", ""),
    "the descriptor opened": ("sys.stdout = open(1, 'w')", ""),
    "the descriptor opened by its number": ("sys.stdout = os.fdopen(sys.stdout.fileno(), 'w')", ""),
    "no stream": ("sys.stdout = sys.stderr = None", ""),
    "no name": ("del sys.stdout, sys.stderr", ""),
    "no stream at all": ("sys.stdout = sys.stderr = object()", ""),
    "redirected": ("contextlib.redirect_stdout(io.StringIO()).__enter__(); print('lost')", ""),
    "one is the other": ("sys.stdout = sys.stderr", ""),
    "given back": ("sys.stdout = None; sys.stdout = sys.__stdout__; print('mine')", "mine\n"),
    "in another encoding": ("sys.stdout.reconfigure(encoding='utf-16', newline='\\r\\n')", ""),
    "held back": (
        "sys.stdout.reconfigure(line_buffering=False, write_through=False); print('mine')",
        "mine\n",
    ),
    "another method": ("sys.stdout.write = sys.stderr.write = lambda text: 0", ""),
    "descriptors closed": ("os.close(1); os.close(2); print('mine')", "mine\n"),
    "all three closed": ("os.closerange(0, 3)", ""),
    "descriptors of a file": ("f = os.open(os.devnull, os.O_RDWR); os.dup2(f, 1); os.dup2(f, 2)", ""),
    "a file in place of a descriptor": ("os.close(1); f = open(os.devnull, 'w'); print('mine')", "mine\n"),
    "descriptors that do not wait": ("os.set_blocking(1, False)", ""),
}


@pytest.mark.parametrize("name", STREAMS)
def test_what_a_task_does_to_its_output_costs_no_later_task_its_own(lone: Grid, name: str) -> None:
    code, printed = STREAMS[name]
    # What one of the same session says, and one of the next.
    [guilty] = outcomes(lone, leaving.do, code)
    assert (guilty.error, guilty.stdout) == (None, printed)
    for _ in range(2):
        for outcome in outcomes(lone, leaving.say, "é", "2"):
            assert outcome.error is None
            assert outcome.stdout == f"out {(outcome.index and 2) or 'é'}\n"
            assert outcome.stderr.splitlines()[1:] == [f"logged {(outcome.index and 2) or 'é'}"]


def test_the_next_task_of_the_same_session_has_its_output_too(lone: Grid) -> None:
    codes = [part for code, _ in STREAMS.values() for part in (code, "print('next')")]
    after = outcomes(lone, leaving.do, *codes)[1::2]
    assert [(outcome.error, outcome.stdout) for outcome in after] == [(None, "next\n")] * len(STREAMS)


def test_what_programs_print_goes_to_the_log_again_after_a_descriptor_was_closed(lone: Grid) -> None:
    before, after = (f"os.fstat({number})[1:3]" for number in (1, 1))
    [seen] = outcomes(lone, leaving.see, before)
    outcomes(lone, leaving.do, "os.close(1)")
    assert outcomes(lone, leaving.see, after)[0].value == seen.value


def test_the_next_call_of_an_executor_has_its_output_whatever_the_one_before_did_to_it() -> None:
    with Grid.open(workers=1) as grid, grid.executor() as executor:
        for code in ("sys.stdout.detach()", "os.close(1)"):
            executor.submit(leaving.do, code).result(timeout=60)
            executor.submit(leaving.say, "hello").result(timeout=60)


def test_what_a_thread_prints_that_goes_on_is_kept_with_no_other_handler_s_task(lone: Grid) -> None:
    begin = """
STOP = NAMES['STOP'] = threading.Event()
def go():
    while not STOP.wait(0.001):
        print('left')
threading.Thread(target=go, daemon=True).start()
"""
    wait = "import time; time.sleep(0.1); print('mine')"
    try:
        [first] = outcomes(lone, leaving.do, begin + wait)
        [other] = outcomes(lone, leaving.see, "time.sleep(0.1)")
        assert "left" in first.stdout
        assert (other.error, other.stdout) == (None, "seen\n")
        # A pool that a handler keeps serves its other sessions.
        [same] = outcomes(lone, leaving.do, wait)
        assert "left" in same.stdout
        assert "mine" in same.stdout
    finally:
        outcomes(lone, leaving.do, "NAMES['STOP'].set()")
