"""What a worker does when it is told to stop: nothing, for its agent decides what ends."""

import os
import signal

_STOP = {signal.SIGTERM}


def leave_stopping_to_agent() -> None:
    """Let SIGTERM have no effect on this process, and its usual one on those that handlers fork off it.

    A service's manager may tell all processes of a service to stop, the workers among them (``KillMode`` in
    systemd.kill(5)). What they run is finished, if it fits the agent's grace.
    """
    signal.signal(signal.SIGTERM, lambda _signal, _frame: None)
    # One that comes in the middle waits until the child takes it as any process does.
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_be_as_any)


def _hold() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)


def _release() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)


def _be_as_any() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _release()
