"""What all tests have in common."""

import signal


def pytest_configure() -> None:
    # A shell has what it runs in its background ignore Ctrl-C, and the programs that tests interrupt would inherit it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
