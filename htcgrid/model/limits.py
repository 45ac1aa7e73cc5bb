"""What a provider's service can do; the grid adapts or refuses with a clear error, and never ignores it."""

from datetime import timedelta

import msgspec

from htcgrid.model import defaults


class StateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a state store."""

    #: A pack of up to this many bytes is kept in the store; a larger one goes to the payload store.
    inline: int
    #: Most tasks in a bundle.
    bundle_tasks: int = defaults.BUNDLE_TASKS
    #: Whether an acknowledged write survives the loss of power.
    durable: bool = True
    #: Whether lapses are judged by the store's own time, not by looks of the reaper.
    own_clock: bool = False
    #: How long outcomes may wait for company; a store whose writes cost money waits longer.
    flush: timedelta = defaults.FLUSH
    #: How often each reaper looks for lapsed leases; every agent has one, and they share the work.
    look: timedelta = defaults.LOOK
    #: How long nothing of a session goes on before whoever waits for it is told why, which takes up to 3 calls: 10 s on
    #: a store whose reads cost money.
    notice: timedelta = defaults.NOTICE


class QueueLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a task queue."""

    #: Most bytes of one encoded hint.
    hint: int = 1 << 10
    #: How many priorities it keeps apart.
    priorities: int = defaults.PRIORITY_LIMIT + 1
    #: Whether bundles that were begun before come first among their priority. Where they do not, what a lost agent held
    #: waits behind all that was submitted meanwhile.
    again_first: bool = False
    #: How long an agent waits for a hint in one call: long where waiting costs nothing, and can be ended by ``wake``.
    wait: timedelta = defaults.WAIT


class PayloadLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a payload store."""

    #: Most bytes of one object.
    size: int
    durable: bool = True
    #: How long an object stays, though nobody deletes it; None for as long as that is.
    keep: timedelta | None = None
