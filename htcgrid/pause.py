"""A pause of this thread that no clock of the process has a say in."""

import select


def pause(seconds: float) -> None:
    """Let a time pass.

    :func:`time.sleep` names the end by the monotonic clock, which libfaketime (0.9.10) moves with the other one, so
    that the kernel refuses it: a process that is given a wrong clock would fail wherever it waits.
    """
    select.select((), (), (), max(0.0, seconds))
