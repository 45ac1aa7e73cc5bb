"""What all tests have in common."""

import signal
from typing import Any

from hypothesis import settings


def pytest_configure() -> None:
    # How long an example takes says what else the machine does.
    settings.register_profile("htcgrid", deadline=None)
    settings.load_profile("htcgrid")
    # A shell has what it runs in its background ignore the first two, and nohup the third; the programs that tests
    # interrupt would inherit that. A handler goes with a new program, and keeps this one as it was.
    usual_ones: dict[signal.Signals, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGQUIT: signal.SIG_DFL,
        signal.SIGHUP: lambda _number, _frame: None,
    }
    for number, usual in usual_ones.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)
