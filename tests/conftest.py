"""What all tests have in common."""

import signal

from hypothesis import settings


def pytest_configure() -> None:
    # How long an example takes says what else the machine does.
    settings.register_profile("htcgrid", deadline=None)
    settings.load_profile("htcgrid")
    # A shell has what it runs in its background ignore these, and the programs that tests interrupt would inherit that.
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)
