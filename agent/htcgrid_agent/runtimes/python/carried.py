"""Handlers without a name, which come pickled with their session."""

from collections.abc import Callable
from typing import Any

from htcgrid.model.call import FunctionKey
from htcgrid.model.python_client import PythonClient
from htcgrid.model.session import SessionId
from htcgrid.model.signature import Handler
from htcgrid_agent.runtimes.python.calls import Function
from htcgrid_agent.runtimes.python.loader import Loaded, shaped
from htcgrid_agent.runtimes.python.sources import Sources
from htcgrid_agent.workers.messages import RunTasks


class Carried:
    """Finds the handler of a session that has it as a shared input.

    It is fetched by the first task, and fails as one: the grid's services are asked meanwhile.
    """

    def __init__(self, get: Callable[[str], Function], load_script: Callable[[], object], sources: Sources) -> None:
        self._get = get
        self._load_script = load_script
        self._sources = sources

    def find(self, tasks: RunTasks, client: PythonClient, function: tuple[str, int]) -> Loaded:
        """Return the handler of a run; no task sees what another changed in it."""
        key = FunctionKey(*function)
        ref = key.shared(SessionId(tasks.session)).ref
        source: Function | None = None
        last: object = None
        shape: Handler | None = None

        def handler(event: Any, context: Any) -> Any:
            nonlocal source, last, shape
            if source is None:
                if client.refers:
                    self._load_script()
                source = self._get(ref)
            made = source.made()
            if made is not last or shape is None:
                if last is None:
                    self._sources.watch(made)
                last, shape = made, shaped(made, tasks.handler, calls=tasks.calls)
            return shape(event, context)

        return Loaded(handler, key.digest[:12])
