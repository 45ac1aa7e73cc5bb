"""How large the world is that is explored."""

from typing import NamedTuple

from tests.model.protocol.state import Left


class Bounds(NamedTuple):
    """One configuration: who is there, what may go wrong, and which requests are taken apart.

    What is not taken apart happens in one step. That hides nothing where whoever acts has, between the two requests,
    neither written anything nor read what others may change; where it may hide something, another configuration
    takes it apart.
    """

    #: For each submitted bundle, one more than its last task.
    roots: tuple[int, ...] = (2, 3)
    agents: int = 2
    logs: int = 1
    left: Left = Left()

    #: Clients that submit the same; with none, all is submitted. Each call of a client records so many bundles.
    clients: tuple[int, ...] = ()
    calls: tuple[int, ...] = (1, 1)
    #: How the client of content 1 cuts the tasks, when it cuts them in another way; what is alike in both is the same.
    other_roots: tuple[int, ...] = ()
    #: Tasks that always take their agent along, that always fail, and that may fail.
    poison: int = 0
    doomed: int = 0
    flaky: int = 0
    #: Lapses after which tasks go one at a time, and lapses alone after which a task fails.
    suspect: int = 2
    alone: int = 4

    #: Whether hints are modelled; without, every bundle that can be claimed is found.
    hints: bool = False
    #: Whether a claim reads the header first, and a commit bundle and tail.
    asks: bool = False
    reads: bool = False
    #: Whether an agent may give back while it commits.
    lanes: bool = False
    #: Whether outcome packs are modelled, and collected one by one.
    packs: bool = False
    sweeps: bool = False
    #: Whether a give-back of several children writes one at a time.
    stepwise: bool = False
    #: Reapers that look first and write later; with none, one that does both at once.
    reapers: int = 0
    #: Whether reapers see an index that is behind.
    stale_index: bool = False
    reader: bool = False
    observer: bool = False

    @property
    def everything(self) -> int:
        """All tasks."""
        return (1 << self.roots[-1]) - 1

    def ranges(self, content: int = 0) -> list[tuple[int, int]]:
        """Return the bundles that a client submits: first task, and one more than the last."""
        roots = self.other_roots if content and self.other_roots else self.roots
        return list(zip((0, *roots), roots, strict=False))

    def digest(self, content: int, span: tuple[int, int]) -> int:
        """Return what tells one client's bundle from another's."""
        return 0 if self.other_roots and span in self.ranges() else content

    @property
    def changed(self) -> str:
        """What differs from the smallest world, for people."""
        least = Bounds()
        faults = [f"{name} {count}" for name, count in self.left._asdict().items() if count]
        others = [
            f"{name} {value}"
            for name, value in self._asdict().items()
            if name != "left" and (name == "roots" or value != getattr(least, name))
        ]
        return ", ".join([*others, *faults]).replace(" True", "")

    def log_of(self, root: int) -> int:
        """Return the log of a submitted bundle and all that descend from it."""
        return (0, *self.roots).index(root) % self.logs if self.logs > 1 else 0
