"""A bundle that the agent holds: which of its tasks wait, run, are done, and are committed."""

from bisect import insort

from htcgrid.model import Block, Claim, Lease, Ranges, python_client
from htcgrid_agent.core.blocks import pieces


class HeldBundle:
    """Every open task of the bundle is in just one of ``todo``, ``waiting``, ``running`` and ``done``."""

    def __init__(self, claim: Claim, *, deadline: float, order: int) -> None:
        self.claim = claim
        self.session = claim.session
        #: The client's script, when it defines the handler: a worker imports one script only.
        self.script = python_client(claim.session.codec_options).wanted(claim.session.handler)
        self.lease: Lease = claim.lease
        #: When the lease ends, unless it is renewed.
        self.deadline = deadline
        #: Bundles of one priority are worked on in the order of their claims.
        self.rank = (-claim.session.priority, order)
        self.todo: Ranges = claim.open
        #: Whether the payloads are here; small ones come with the claim.
        self.loaded = claim.input.data is not None
        #: When they have taken too long to come.
        self.load_by = 0.0
        #: Tasks that are to be tried again, with the time from which on.
        self.waiting: list[tuple[float, int]] = []
        #: By worker: the tasks it was handed and has not reported.
        self.running: dict[int, Ranges] = {}
        #: Tasks with an outcome, committed or not.
        self.done = Ranges()
        self.tries: dict[int, int] = dict(claim.tries)
        self.suspect = claim.suspect
        #: Workers in a row that died with tasks of this bundle and had begun none.
        self.unbegun = 0
        self.flush = 0
        #: Outcomes that no commit carries yet.
        self.blocks: list[Block] = []
        self.succeeded: list[tuple[int, int]] = []
        self.failed: list[tuple[int, int]] = []
        #: About how many bytes they are.
        self.size = 0
        #: When the oldest of them came.
        self.since: float | None = None
        #: A commit, or a give-back, is under way.
        self.committing = False
        self.returning = False

    @property
    def idle(self) -> bool:
        """Whether no task waits or runs."""
        # A worker may have reported all its tasks, and not yet that it is done with them. This is asked of each bundle
        # after each event, so it looks at the spans by itself.
        return not (self.todo.spans or self.waiting or any(tasks.spans for tasks in self.running.values()))

    @property
    def is_loading(self) -> bool:
        """Whether tasks wait for nothing but their payloads."""
        return not self.loaded and bool(self.todo.spans) and not self.returning

    @property
    def begun(self) -> bool:
        """Whether a task of it was begun here, and the bundle is not done with."""
        return bool(self.running or self.blocks or self.committing or self.waiting)

    @property
    def settled(self) -> bool:
        """Whether nothing at all is left to do for this bundle."""
        # Most bundles that are held wait, and are seen to by the first of these.
        return not (self.todo.spans or self.blocks or self.committing or self.returning) and self.idle

    @property
    def unended(self) -> int:
        """The number of tasks that wait or run."""
        return self.todo.count + len(self.waiting) + sum(tasks.count for tasks in self.running.values())

    def hand(self, worker: int, count: int) -> tuple[int, int]:
        """Hand up to ``count`` consecutive waiting tasks to ``worker``; return their span."""
        start, stop = self.todo.spans[0]
        span = (start, min(stop, start + count))
        self.todo -= Ranges((span,))
        self.running[worker] = Ranges((span,))
        return span

    def take_back(self, worker: int, tasks: Ranges) -> None:
        """Return tasks that ``worker`` has not begun to those that wait."""
        self.running[worker] -= tasks
        self.todo |= tasks - self.done

    def release(self, worker: int) -> Ranges:
        """Forget that ``worker`` runs anything; return what it has not reported."""
        return self.running.pop(worker, Ranges()) - self.done

    def report(self, worker: int, reported: Ranges) -> None:
        """Take tasks that ``worker`` has reported out of what runs or waits, whoever was to run them."""
        self.unbegun = 0
        if worker in self.running:
            self.running[worker] -= reported
        self.todo -= reported

    def record(self, block: Block, succeeded: Ranges, failed: Ranges, came: float, *, size: int = 0) -> None:
        """Keep outcomes of ``block``, which are about ``size`` bytes and ``came`` then, for the next commit."""
        accepted = succeeded | failed
        if not accepted:
            return
        self.done |= accepted
        self.size += size
        self.blocks.extend(pieces(block, accepted, self.tries))
        self.succeeded.extend(succeeded.spans)
        self.failed.extend(failed.spans)
        self.since = came if self.since is None else min(self.since, came)

    def retry(self, index: int, at: float) -> None:
        """Let a task wait until ``at`` for its next try."""
        insort(self.waiting, (at, index))

    def wake(self, now: float) -> None:
        """Move the tasks whose time has come to those that can be run."""
        due = [index for at, index in self.waiting if at <= now]
        if due:
            self.waiting = [(at, index) for at, index in self.waiting if at > now]
            # A task that ran twice may have succeeded meanwhile.
            self.todo |= Ranges.of_indexes(due) - self.done
