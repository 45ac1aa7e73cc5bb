"""From where a worker imports modules."""

import sys
from collections.abc import Iterable

from htcgrid.model.codec.leaves import text_of
from htcgrid.model.python_client import PythonClient
from htcgrid.model.script import path_of
from htcgrid_agent.workers.messages import Setup


def begin_path(setup: Setup) -> None:
    """Import from the folders that the agent names, before the environment's own.

    Those of an embedded grid are all that its client has, and stand in the client's order.
    """
    path = list(map(text_of, setup.path))
    if setup.argv is None:
        sys.path[:0] = [folder for folder in path if folder not in sys.path]
    else:
        sys.path[:] = [*path, *(folder for folder in sys.path if folder not in path)]


def extend_path(setup: Setup, client: PythonClient) -> bool:
    """Import also from where the client of an embedded grid does since it opened the grid; return whether that is new.

    Of the clients of other agents nothing is taken: there, [agent] path says where handlers are.
    """
    if setup.argv is None:
        return False
    new = list(_new(client.paths))
    for place, folder in new:
        sys.path.insert(place, folder)
    return bool(new)


def _new(paths: Iterable[tuple[int, str]]) -> Iterable[tuple[int, str]]:
    for place, home in paths:
        folder = path_of(home)
        if folder not in sys.path:
            yield place, folder
