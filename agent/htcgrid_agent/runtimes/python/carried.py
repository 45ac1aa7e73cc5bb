"""Handlers without a name, which come pickled with their session."""

from collections.abc import Callable
from typing import Any

from htcgrid.model.call import FunctionKey
from htcgrid.model.python_client import PythonClient
from htcgrid.model.session import SessionId
from htcgrid.model.signature import Handler
from htcgrid_agent.runtimes.python.loader import Loaded, shaped
from htcgrid_agent.runtimes.python.sources import Sources
from htcgrid_agent.workers.messages import RunTasks


class Carried:
    """Finds the handler of a session that has it as a shared input.

    It is fetched by the first task, and fails as one: the grid's services are asked meanwhile.
    """

    def __init__(self, get: Callable[[str], Any], load_script: Callable[[], object], sources: Sources) -> None:
        self._get = get
        self._load_script = load_script
        self._sources = sources

    def find(self, tasks: RunTasks, client: PythonClient, function: tuple[str, int]) -> Loaded:
        """Return the handler of a run; it is made anew for each task, so that none sees what another changed in it."""
        key = FunctionKey(*function)
        ref = key.shared(SessionId(tasks.session)).ref
        known = False

        def handler(event: Any, context: Any) -> Any:
            nonlocal known
            if client.refers and not known:
                self._load_script()
            made = self._get(ref).made()
            if not known:
                self._sources.watch(made)
                known = True
            return self._shaped(made, tasks)(event, context)

        return Loaded(handler, key.digest[:12])

    @staticmethod
    def _shaped(function: Callable[..., Any], tasks: RunTasks) -> Handler:
        return shaped(function, tasks.handler, calls=tasks.calls)
