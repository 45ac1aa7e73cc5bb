"""The codecs of the sessions that a worker runs, and the classes that these may find."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

from htcgrid.errors import ConfigError, EncodingError
from htcgrid.model.call import FUNCTION
from htcgrid.model.codec import PICKLE, Classes, Codec, codec_of, codec_of_session
from htcgrid.model.handlers import allows
from htcgrid.model.python_client import PythonClient, python_client
from htcgrid_agent.runtimes.python.calls import Function
from htcgrid_agent.runtimes.python.loader import loading
from htcgrid_agent.runtimes.python.script import NAMES, Script
from htcgrid_agent.workers.messages import RunTasks, Setup


class Codecs:
    """Gives each session its codec, the same as long as clients and handlers are the same.

    Data may name classes: those of modules that are imported, and of others that ``handlers`` in ``[agent]`` allow.
    Those of the client's script are found when this worker has that script; on an embedded grid it is imported then.
    """

    def __init__(self, setup: Setup, script: Script, importing: Callable[[], AbstractContextManager[None]]) -> None:
        self._setup = setup
        self._script = script
        #: Makes a context in which the script is imported.
        self._importing = importing
        #: What the codec was made by: sessions of one client and handler have the same.
        self._terms: tuple[Any, ...] = ()
        self._client = PythonClient()
        self._codec: Codec | None = None
        #: A script that could not be imported, as one that opens a grid at its top level.
        self._unloadable: str | None = None

    def of(self, tasks: RunTasks) -> Codec:
        """Return the codec of a run.

        Raises:
            ConfigError: there is no such codec here.
        """
        terms = (tasks.codec, tasks.codec_options, tasks.handler)
        if self._codec is None or terms != self._terms:
            self._client = python_client(tasks.codec_options)
            self._codec = codec_of_session(tasks, classes=self._classes())
            self._terms = terms
        return self._codec

    def shared(self, name: str) -> Callable[[Any], Any]:
        """Return what makes a shared input of the session that runs of its bytes.

        Raises:
            ConfigError: there is none of this name, or this worker must not decode with it.
        """
        if name in {PICKLE, FUNCTION} and not self._setup.pickle:
            raise ConfigError(
                "a shared input is pickled, and this agent does not unpickle, which can run any code: set "
                "'pickle = true' in its [agent], or put it with codec 'typed', 'json', 'msgpack' or 'bytes'"
            )
        return Function if name == FUNCTION else codec_of(name, classes=self._classes()).decode

    def load_script(self) -> None:
        """Import the client's script, if that can be had: functions refer to classes there, and have them with them."""
        if self._client.script != self._unloadable:
            try:
                self._main()
            except Exception:  # noqa: BLE001 - whatever the script's top level raises
                self._unloadable = self._client.script

    def _classes(self) -> Classes:
        return Classes(allow=self._allows, load_main=self._main, folders=self._client.folders)

    def _allows(self, name: str) -> bool:
        module, _, qualname = name.partition(":")
        if module in NAMES or module in sys.modules or allows(self._setup.handlers, name):
            return True
        raise EncodingError(
            f"class {qualname} of module {module!r} is not imported here, and no pattern of 'handlers' in [agent] "
            f"allows importing it: let the handler's module import it, or add '{module}:*' to them"
        )

    def _main(self) -> ModuleType:
        """Return the client's script, to which a name in the data refers."""
        wanted = self._client.script
        if not wanted:
            raise ImportError(
                "its client has no script, but a prompt or a notebook: use codec='pickle', or put the class "
                "into a module"
            )
        if self._script.home is None and wanted == self._setup.script:
            with self._importing(), loading(wanted):
                return self._script.load(wanted)
        if self._script.home != wanted:
            raise ImportError(
                f"it is defined in the client's script {wanted}, which a worker has only when the handler is defined "
                "there, too: put the class into a module"
            )
        return sys.modules[NAMES[0]]
