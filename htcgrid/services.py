"""Opening a grid's services for a process that stays: an agent, a reaper."""

import random
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from types import FrameType
from typing import NamedTuple

from htcgrid.config import Config
from htcgrid.errors import ProviderUnavailableError
from htcgrid.interfaces import PayloadStore, StateStore, TaskQueue

#: The first pause before a service that cannot be reached is tried again, and the longest: seconds.
_PAUSE = 1.0
_PAUSE_LIMIT = 30.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Leave(BaseException):
    """The process was told to stop before it began."""


class Services(NamedTuple):
    """What a process of a grid works with."""

    state: StateStore
    queue: TaskQueue
    payloads: PayloadStore


def open_services(
    config: Config, stack: ExitStack, *, say: Callable[..., None], lifelines: Sequence[int] = ()
) -> Services:
    """Open a grid's services, which ``stack`` closes; while one cannot be reached, say so and try again, without end.

    For an agent or a reaper, which whatever starts processes may start before its services, and which would work for
    years once it had begun. The pauses grow to half a minute and differ, for a service that restarts has many agents.

    Raises:
        Leave: somebody told the process to stop; or whoever started it is gone.
        ConfigError: the file, or what a service refuses for good.
    """
    pause = _PAUSE
    with _leaving_on_signals():
        while True:
            with ExitStack() as opened:
                try:
                    services = Services(
                        opened.enter_context(closing(config.open_state())),
                        opened.enter_context(closing(config.open_queue())),
                        opened.enter_context(closing(config.open_payloads())),
                    )
                except ProviderUnavailableError as error:
                    seconds = pause * random.uniform(0.5, 1.0)
                    say("a service cannot be reached", error=str(error), again_after=f"{seconds:.1f} s")
                else:
                    stack.push(opened.pop_all())
                    return services
            if select.select(lifelines, [], [], seconds)[0]:
                raise Leave
            pause = min(_PAUSE_LIMIT, 2 * pause)


@contextmanager
def _leaving_on_signals() -> Iterator[None]:
    """Raise :class:`Leave` at SIGTERM and SIGINT, also where these do nothing by themselves, as in a container."""

    def leave(_signal: int, _frame: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise Leave

    before = {number: signal.signal(number, leave) for number in _SIGNALS}
    yield
    # Not when it leaves: a second signal is to change nothing.
    for number, handler in before.items():
        signal.signal(number, handler)
